"""Run heavy tests on one Python only: the newest that ``make test`` finds."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tools import ROOT


def is_newest_python() -> bool:
    """Return whether this is the newest Python; 3.13 always is."""
    this = f"3.{sys.version_info.minor}"
    if this == "3.13":
        return True
    newer = subprocess.run(
        ["tools/find-pythons", "3.13"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    return this == "3.12" and not newer.stdout


def only_on_the_newest(items: Iterable[pytest.Item], directory: Path, reason: str) -> None:
    """Skip the tests of a directory on all other Pythons."""
    if is_newest_python():
        return
    for item in items:
        if directory in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))

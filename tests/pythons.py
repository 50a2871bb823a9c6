"""What is heavy runs on one Python only: the newest that ``make test`` finds."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tools import ROOT


def is_newest_python() -> bool:
    """Whether this is it; always so on 3.13."""
    this = f"3.{sys.version_info.minor}"
    if this == "3.13":
        return True
    found = subprocess.run(
        ["tools/find-pythons", "3.13"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return this == "3.12" and not found.stdout


def only_on_the_newest(items: Iterable[pytest.Item], directory: Path, reason: str) -> None:
    """Skip the tests of a directory on the others."""
    if is_newest_python():
        return
    for item in items:
        if directory in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=reason))

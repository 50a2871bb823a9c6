"""The mutants that mean the same as the code, with the reason: ``equivalent.toml``."""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.mutants.mutant import Mutant

LIST: Final = Path(__file__).with_name("equivalent.toml")
FIELDS: Final = {"module", "function", "was", "becomes", "reason"}

Key = tuple[str, str, str, str]


class EquivalentsError(Exception):
    """The list is not what it should be."""


def read_equivalents(path: Path = LIST) -> dict[Key, str]:
    """Return the reason for each equivalent mutant.

    Raises:
        EquivalentsError: an entry lacks a field, has an empty reason, or stands twice.
    """
    reasons: dict[Key, str] = {}
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("mutant", []):
        if set(entry) != FIELDS or not entry["reason"].strip():
            raise EquivalentsError(f"{path.name}: an entry needs {sorted(FIELDS)}: {entry}")
        key = entry["module"], entry["function"], entry["was"], entry["becomes"]
        if key in reasons:
            raise EquivalentsError(f"{path.name}: this entry stands twice: {entry}")
        reasons[key] = entry["reason"]
    return reasons


def check_equivalents(reasons: dict[Key, str], mutants: Iterable[Mutant]) -> None:
    """Make sure that each entry is a mutant of today's code.

    Raises:
        EquivalentsError: the code of an entry has changed, or is gone.
    """
    if stale := set(reasons) - {mutant.key for mutant in mutants}:
        lines = "\n".join(f"  {' | '.join(key)}" for key in sorted(stale))
        raise EquivalentsError(
            f"equivalent.toml: no mutant is any more what these entries say. Remove them:\n{lines}"
        )

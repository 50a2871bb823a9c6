"""Read the tables of facts under ``data/``."""

import csv
from collections.abc import Iterable, Sequence
from typing import Final

from tools import ROOT

DATA: Final = ROOT / "data"


class FactError(ValueError):
    """A table under ``data/`` contradicts itself or another one."""


MOST_FAULTS: Final = 20
"""An error tells so many faults; who corrects these sees the next."""


def raise_faults(faults: Sequence[str]) -> None:
    """Raise ``FactError`` with all faults, one on a line, if there are any."""
    if faults:
        more = len(faults) - MOST_FAULTS
        rest = [f"and {more:,} more faults"] if more > 0 else []
        raise FactError("\n".join([*faults[:MOST_FAULTS], *rest]))


def listed(names: Iterable[str]) -> str:
    """Return how many names there are, and the first ones."""
    known = sorted(names)
    more = f" and {len(known) - 5:,} more" if len(known) > 5 else ""
    return f"{len(known):,}: {', '.join(known[:5])}{more}"


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table under ``data/``; a spreadsheet may have put a mark before them."""
    with (DATA / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))

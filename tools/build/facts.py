"""Read the tables of facts under ``data/``."""

import csv
from typing import Final

from tools import ROOT

DATA: Final = ROOT / "data"


class FactError(ValueError):
    """A table under ``data/`` contradicts itself or another one."""


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a table under ``data/``."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))

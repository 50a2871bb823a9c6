"""The animals that a model does not know and takes for its classes, from a table beside it."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from chalicelib.domain import HIGHER_RANKS, Geography, Lookalike, Taxon
from chalicelib.errors import ModelUnavailable

LIKENESSES: Final = (("close", True), ("loose", False))
"""The columns that name the classes, with ``|`` between them."""


class LookalikeTable:
    """The table, which is read when a decision first needs it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _by_name(self) -> Mapping[str, list[tuple[dict[str, str], bool]]]:
        rows: defaultdict[str, list[tuple[dict[str, str], bool]]] = defaultdict(list)
        try:
            with self._path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    for column, is_close in LIKENESSES:
                        for name in filter(None, row[column].split("|")):
                            rows[name].append((row, is_close))
        except (OSError, KeyError, ValueError) as error:
            raise ModelUnavailable(f"{self._path.name} is invalid: {error!r}") from error
        return rows

    def of(self, scientific_name: str) -> Sequence[Lookalike]:
        """Return the lookalikes of a class. Raises ``ModelUnavailable``."""
        return [
            Lookalike(_taxon(row), close) for row, close in self._by_name.get(scientific_name, ())
        ]


def _taxon(row: Mapping[str, str]) -> Taxon:
    return Taxon(
        taxon_id=row["taxonID"],
        scientific_name=row["scientificName"],
        vernacular_name=row["vernacularName"],
        taxon_rank=row["taxonRank"],
        geography=Geography(row["geography"]),
        higher={rank: row[rank] for rank in HIGHER_RANKS if row[rank]},
    )

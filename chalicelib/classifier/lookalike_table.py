"""The animals that a model does not know and takes for its classes, from a table beside it."""

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from chalicelib.classifier.card import reason
from chalicelib.classifier.labels import taxon_of
from chalicelib.domain import HIGHER_RANKS, Geography, Lookalike
from chalicelib.errors import ModelUnavailable

LIKENESSES: Final = (("close", True), ("loose", False))
"""The columns that name the classes, with ``|`` between them."""

COLUMNS: Final = frozenset(
    {"taxonID", "scientificName", "vernacularName", "taxonRank", "geography", *HIGHER_RANKS}
)
"""The columns that describe an animal."""

GEOGRAPHIES: Final = frozenset(Geography)

Row = tuple[list[str], list[str]]
"""The header of the table, and a line of it."""


class LookalikeTable:
    """The table, which is read when a decision first needs it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _by_name(self) -> Mapping[str, list[tuple[Row, bool]]]:
        """The rows of each class; a row becomes a taxon only when its class comes into question."""
        by_name: defaultdict[str, list[tuple[Row, bool]]] = defaultdict(list)
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                header, *lines = csv.reader(file)
            columns = [(header.index(column), is_close) for column, is_close in LIKENESSES]
            _check(header, lines)
            for line in lines:
                for column, is_close in columns:
                    if line[column]:
                        for name in line[column].split("|"):
                            by_name[name].append(((header, line), is_close))
        except (OSError, ValueError) as error:
            raise ModelUnavailable(f"{self._path.name} is invalid: {reason(error)}") from error
        return by_name

    def of(self, scientific_name: str) -> Sequence[Lookalike]:
        """Return the lookalikes of a class. Raises ``ModelUnavailable``."""
        rows = self._by_name.get(scientific_name, ())
        return [
            Lookalike(taxon_of(dict(zip(*row, strict=True))), is_close) for row, is_close in rows
        ]


def _check(header: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Raise ``ValueError`` where a row would not become a taxon."""
    if missing := COLUMNS.difference(header):
        raise ValueError(f"it has no column {', '.join(sorted(missing))}")
    geography = header.index("geography")
    for line in lines:
        if len(line) != len(header) or line[geography] not in GEOGRAPHIES:
            raise ValueError(f"this row does not fit its columns: {','.join(line)}")

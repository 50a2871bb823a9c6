"""The labels of a model: which animal each of its outputs stands for."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from chalicelib.classifier.card import reason
from chalicelib.domain import HIGHER_RANKS, Geography, Taxon
from chalicelib.errors import ModelUnavailable

INATURALIST: Final = "inat:"
"""The identifier of a taxon by iNaturalist's number begins with this."""

LEAST_CLASSES: Final = 2
"""A model with one output would be sure of everything."""

COLUMNS: Final = (
    "classIndex", "taxonID", "scientificName", "vernacularName", "taxonRank", "geography",
)  # fmt: skip


def read_labels(path: Path) -> tuple[Taxon | None, ...]:
    """Return the taxon of each output, in order; ``None`` for one that is not an animal.

    Raises ``ModelUnavailable``.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file))
        header, lines = (table or [[]])[0], table[1:]
        rows = [dict(zip(header, line, strict=True)) for line in lines]
        if fault := _fault(header, rows):
            raise ModelUnavailable(f"{path.name} is invalid: {fault}")
        taxa = tuple(taxon_of(row) if row["taxonID"] else None for row in rows)
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path.name} is invalid: {reason(error)}") from error
    if not any(taxa):
        raise ModelUnavailable(f"{path.name} is invalid: no class is an animal with a taxonID")
    return taxa


def _fault(header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str | None:
    """Return what is wrong with the table as a whole."""
    if missing := [column for column in COLUMNS if column not in header]:
        return f"it has no column {', '.join(missing)}"
    if [row["classIndex"] for row in rows] != [str(number) for number in range(len(rows))]:
        return "classIndex must count from 0 without gaps"
    if len(rows) < LEAST_CLASSES:
        return "a model needs at least two classes"
    return None


def taxon_of(row: Mapping[str, str]) -> Taxon:
    """Return the taxon of a row of the labels or the lookalikes; ranks may be missing."""
    return Taxon(
        taxon_id=row["taxonID"],
        scientific_name=row["scientificName"],
        vernacular_name=row["vernacularName"] or row["scientificName"],
        taxon_rank=row["taxonRank"],
        geography=Geography(row["geography"]),
        higher={rank: row[rank] for rank in HIGHER_RANKS if row.get(rank)},
        inaturalist_id=_inaturalist_id(row),
    )


def _inaturalist_id(row: Mapping[str, str]) -> int | None:
    """Return iNaturalist's number: of a column of its own, or in the ``taxonID``."""
    number = row.get("inaturalistID") or row["taxonID"].removeprefix(INATURALIST)
    return int(number) if number.isdecimal() else None

"""From rows of a database to the features of a place.

A row says how often a taxon was met in a cell, in a month or over the year. What a meeting
is, the dataset says: a distinct observer, or a sampled point of a range. The rows of all
cells of a chain come in one read; the more often the finer cell was looked at, the more it
counts (:mod:`chalicelib.backoff`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from chalicelib.backoff import Level, back_off
from chalicelib.domain import (
    WHOLE_YEAR,
    FeatureSource,
    PlaceFeatures,
    Status,
    TaxonFeature,
)

EFFORT: Final = 0
"""The number that stands for no taxon but for all looks at the cell."""

ALL_MONTHS: Final = sum(1 << month for month in range(1, 13))
"""Bits 1 to 12: an animal that is there all the year."""

OUT_OF_SEASON: Final = 0.04
"""What is left of a presence in the months when the animal is away or asleep.

Just too little to be expected: some stay behind, some come early.
"""


class Row(NamedTuple):
    """One row of ``geo_feature``. ``cell`` is the H3 index; ``months`` are bits 1 to 12."""

    cell: int
    month: int
    taxon: int
    looks: float
    status: str
    months: int


class KnownTaxon(NamedTuple):
    """What the dataset says of a taxon, wherever it is."""

    taxon_id: str
    prevalence: float


def season(month: int) -> int:
    """The bit of a month, 1 to 12; all of them for the whole year."""
    return ALL_MONTHS if month == WHOLE_YEAR else 1 << month


def months_wanted(month: int) -> tuple[int, ...]:
    """Which rows to read: those of the month, if there is one, and those of the year."""
    return (WHOLE_YEAR,) if month == WHOLE_YEAR else (month, WHOLE_YEAR)


def place_features(
    rows: Iterable[Row],
    taxa: Mapping[int, KnownTaxon],
    chain: Sequence[str],
    month: int,
    dataset: str,
) -> PlaceFeatures:
    """Put the rows of a chain of cells (finest first) together, finest level first."""
    efforts: dict[tuple[int, int], float] = {}
    counts: defaultdict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    statuses: dict[str, tuple[int, Status]] = {}
    prevalences: dict[str, float] = {}
    for row in rows:
        level = (row.cell, row.month)
        if row.taxon == EFFORT:
            efforts[level] = row.looks
        elif (known := taxa.get(row.taxon)) is not None:
            fits = row.months & season(month)
            counts[level][known.taxon_id] = row.looks * (1 if fits else OUT_OF_SEASON)
            prevalences[known.taxon_id] = known.prevalence
            # H3 numbers of finer cells are larger: the finest cell's status holds.
            if row.cell >= statuses.get(known.taxon_id, (0, Status.NATIVE))[0]:
                statuses[known.taxon_id] = row.cell, Status(row.status)
    cells = [int(cell, 16) for cell in chain]
    order = [(cell, one) for cell in cells for one in months_wanted(month)]
    presences = back_off([Level(efforts.get(level, 0), counts[level]) for level in order])
    looked_at = [level for level in order if efforts.get(level)]
    finest = looked_at[0][0] if looked_at else None
    return PlaceFeatures(
        dataset=dataset,
        source=FeatureSource.DATABASE,
        cell=None if finest is None else format(finest, "x"),
        month=month,
        effort=round(efforts[looked_at[0]]) if looked_at else 0,
        taxa={
            taxon_id: TaxonFeature(statuses[taxon_id][1], min(presence, 1.0), prevalences[taxon_id])
            for taxon_id, presence in presences.items()
        },
    )

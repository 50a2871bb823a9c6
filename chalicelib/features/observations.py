"""From rows of a database to the features of a place.

A row says how often a taxon was met in a cell, in a month or over the year. What a meeting
is, the dataset says: a distinct observer, or a sampled point of a range. The rows of all
cells of a chain come in one read; the more often the finer cell was looked at, the more it
counts (:mod:`chalicelib.features.smoothing`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from chalicelib.domain import WHOLE_YEAR, FeatureSource, PlaceFeatures, Status, TaxonFeature
from chalicelib.features.smoothing import CellCounts, smooth

EFFORT_ROW: Final = 0
"""The number that stands for no taxon but for all looks at the cell."""

ALL_MONTHS: Final = sum(1 << month for month in range(1, 13))
"""Bits 1 to 12: an animal that is there all the year."""

OUT_OF_SEASON_FACTOR: Final = 0.04
"""What is left of a presence in the months when the animal is away or asleep.

Just too little to be expected: some stay behind, some come early.
"""


Row = tuple[int, int, int, float, str, int]
"""One row of ``geo_feature``: cell (its H3 index), month, taxon, observations, status, months.

``months`` are bits 1 to 12. A plain tuple, as databases give it: hundreds are read for each
prediction.
"""


class DatasetTaxon(NamedTuple):
    """What the dataset says of a taxon, wherever it is."""

    taxon_id: str
    prevalence: float


class DatasetContext(NamedTuple):
    """Whose rows they are: the dataset, the kind of store, and the dataset's back-off.

    ``prior_strength`` is how many looks the wider cell's word is worth in a finer one.
    """

    dataset: str
    source: FeatureSource
    prior_strength: float


def month_mask(month: int) -> int:
    """The bit of a month, 1 to 12; all of them for the whole year."""
    return ALL_MONTHS if month == WHOLE_YEAR else 1 << month


def month_keys(month: int) -> tuple[int, ...]:
    """Which rows to read: those of the month, if there is one, and those of the year."""
    return (WHOLE_YEAR,) if month == WHOLE_YEAR else (month, WHOLE_YEAR)


def place_features(
    rows: Iterable[Row],
    taxa: Mapping[int, DatasetTaxon],
    chain: Sequence[str],
    month: int,
    origin: DatasetContext,
) -> PlaceFeatures:
    """Put the rows of a chain of cells (finest first) together, finest level first."""
    efforts: dict[tuple[int, int], float] = {}
    counts: defaultdict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    statuses: dict[int, tuple[int, str]] = {}
    wanted = month_mask(month)
    for cell, row_month, taxon, count, status, months in rows:
        if taxon == EFFORT_ROW:
            efforts[cell, row_month] = count
        elif taxon in taxa:
            counts[cell, row_month][taxon] = (
                count if months & wanted else count * OUT_OF_SEASON_FACTOR
            )
            # H3 numbers of finer cells are larger: the finest cell's status holds.
            if taxon not in statuses or cell >= statuses[taxon][0]:
                statuses[taxon] = cell, status
    cells = [int(cell, 16) for cell in chain]
    order = [(cell, one) for cell in cells for one in month_keys(month)]
    levels = [CellCounts(efforts.get(level, 0), counts[level]) for level in order]
    looked_at = [level for level in order if efforts.get(level)]
    return PlaceFeatures(
        dataset=origin.dataset,
        source=origin.source,
        cell=format(looked_at[0][0], "x") if looked_at else None,
        month=month,
        effort=round(efforts[looked_at[0]]) if looked_at else 0,
        taxa={
            taxa[taxon].taxon_id: TaxonFeature(
                Status(statuses[taxon][1]), min(presence, 1.0), taxa[taxon].prevalence
            )
            for taxon, presence in smooth(levels, origin.prior_strength).items()
        },
    )


def presences(
    rows: Iterable[Row], number: int, taxon: DatasetTaxon, month: int, origin: DatasetContext
) -> dict[str, float]:
    """How firmly one taxon is expected in each of many cells, by the looks at that cell alone."""
    by_cell: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_cell[row[0]].append(row)
    found = {}
    for index, its_rows in by_cell.items():
        if any(row[2] == number for row in its_rows):
            cell = format(index, "x")
            entry = place_features(its_rows, {number: taxon}, [cell], month, origin)
            if feature := entry.taxa.get(taxon.taxon_id):
                found[cell] = feature.presence
    return found

"""Turn observation rows of a database into the features of a place.

A row counts the observations of one taxon in one cell, in one month or over the year. The
dataset says what an observation is: a distinct observer, or a sampled point of a range. One read
returns the rows of all cells of a chain. The more observations a finer cell has, the more it
counts (:mod:`chalicelib.features.smoothing`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from chalicelib.domain import WHOLE_YEAR, FeatureSource, PlaceFeatures, Status, TaxonFeature
from chalicelib.features.smoothing import CellCounts, smooth
from chalicelib.ports import Chain

EFFORT_ROW: Final = 0
"""Reserved taxon number: the row holds the cell's total sampling effort."""

ALL_MONTHS: Final = sum(1 << month for month in range(1, 13))
"""Bits 1 to 12: an animal that stays all year."""

NOT_COVERED: Final = 0
"""``months`` of the sampling effort in a cell outside the area that the dataset covers.

The dataset says nothing about a place in it. Its counts serve only the finer cells inside it.
"""

OUT_OF_SEASON_FACTOR: Final = 0.04
"""Factor on the presence of an animal in the months when it is away or asleep.

It leaves just too little to be expected: some animals stay behind, some come early.
"""


Row = tuple[int, int, int, float, str, int]
"""One row of ``geo_feature``: cell (its H3 index), month, taxon, observations, status, months.

``months`` are bits 1 to 12. It is a plain tuple, as databases return it, because each prediction
reads hundreds of rows.
"""


class DatasetTaxon(NamedTuple):
    """A taxon within a dataset: what holds for it at every place."""

    taxon_id: str
    prevalence: float


class DatasetContext(NamedTuple):
    """The dataset that rows belong to, the tier they come from, and the strength of the prior.

    ``prior_strength`` is the weight of the wider cell in a finer one, in observations.
    """

    dataset: str
    source: FeatureSource
    prior_strength: float


def all_cells(chains: Iterable[Chain]) -> tuple[str, ...]:
    """Return the cells of several chains, each once."""
    return tuple(dict.fromkeys(cell for chain in chains for cell in chain))


def month_mask(month: int) -> int:
    """Return the bit of a month (1 to 12), or all of them for the whole year."""
    return ALL_MONTHS if month == WHOLE_YEAR else 1 << month


def month_keys(month: int) -> tuple[int, ...]:
    """Return the months whose rows to read: the month, if there is one, and the whole year."""
    return (WHOLE_YEAR,) if month == WHOLE_YEAR else (month, WHOLE_YEAR)


def features_of_places(
    rows: Iterable[Row],
    taxa: Mapping[int, DatasetTaxon],
    chains: Iterable[Chain],
    month: int,
    context: DatasetContext,
) -> list[PlaceFeatures]:
    """Combine the rows of several chains, which one statement has read, into their features.

    The arguments are those of :func:`place_features`.
    """
    rows_by_cell: defaultdict[int, list[Row]] = defaultdict(list)
    not_covered: set[int] = set()
    for row in rows:
        rows_by_cell[row[0]].append(row)
        if row[2] == EFFORT_ROW and row[5] == NOT_COVERED:
            not_covered.add(row[0])
    return [
        place_features(
            [
                row
                for cell in chain
                if int(chain[0], 16) not in not_covered
                for row in rows_by_cell.get(int(cell, 16), ())
            ],
            taxa,
            chain,
            month,
            context,
        )
        for chain in chains
    ]


def place_features(
    rows: Iterable[Row],
    taxa: Mapping[int, DatasetTaxon],
    chain: Chain,
    month: int,
    context: DatasetContext,
) -> PlaceFeatures:
    """Combine the rows of a chain of cells into the features of its finest cell.

    Args:
        rows: the rows of all cells of the chain, in any order.
        taxa: the dataset's taxa by number. Rows of other taxa are ignored.
        chain: H3 cells, finest first.
        month: 1 to 12, or ``WHOLE_YEAR``.
        context: the dataset that the rows belong to.
    """
    efforts: dict[tuple[int, int], float] = {}
    counts: defaultdict[tuple[int, int], dict[int, float]] = defaultdict(dict)
    statuses: dict[int, tuple[int, str]] = {}
    mask = month_mask(month)
    for cell, row_month, taxon, observations, status, months in rows:
        if taxon == EFFORT_ROW:
            efforts[cell, row_month] = observations
        elif taxon in taxa:
            in_season = observations if months & mask else observations * OUT_OF_SEASON_FACTOR
            counts[cell, row_month][taxon] = in_season
            # H3 numbers of finer cells are larger: the finest cell's status holds.
            if taxon not in statuses or cell >= statuses[taxon][0]:
                statuses[taxon] = cell, status
    cells = [int(cell, 16) for cell in chain]
    keys = [(cell, row_month) for cell in cells for row_month in month_keys(month)]
    levels = [CellCounts(efforts.get(key, 0), counts[key]) for key in keys]
    sampled = [key for key in keys if efforts.get(key)]
    return PlaceFeatures(
        dataset=context.dataset,
        source=context.source,
        cell=format(sampled[0][0], "x") if sampled else None,
        month=month,
        effort=round(efforts[sampled[0]]) if sampled else 0,
        taxa={
            taxa[taxon].taxon_id: TaxonFeature(
                Status(statuses[taxon][1]), min(presence, 1.0), taxa[taxon].prevalence
            )
            for taxon, presence in smooth(levels, context.prior_strength).items()
        },
    )


def presences(
    rows: Iterable[Row], number: int, taxon: DatasetTaxon, month: int, context: DatasetContext
) -> dict[str, float]:
    """Return the presence of one taxon in each of many cells, from that cell's rows alone.

    ``number`` is the taxon's number in ``rows``.
    """
    rows_by_cell: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        rows_by_cell[row[0]].append(row)
    presence_by_cell = {}
    for index, cell_rows in rows_by_cell.items():
        if any(row[2] == number for row in cell_rows):
            cell = format(index, "x")
            entry = place_features(cell_rows, {number: taxon}, [cell], month, context)
            if feature := entry.taxa.get(taxon.taxon_id):
                presence_by_cell[cell] = feature.presence
    return presence_by_cell

"""Sample the H3 cells: which regions, land and sea each has, and how common a taxon is in them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import h3
import numpy as np
import shapely

from chalicelib.domain import PRESENCE_BY_STATUS, Status
from chalicelib.features.cells import COARSEST_RESOLUTION, FINEST_RESOLUTION
from tools.build.land import read_land
from tools.build.regions import Regions

SAMPLE_RESOLUTION: Final = FINEST_RESOLUTION + 1
"""Each cell is sampled at the centres of its seven children of this resolution."""


@dataclass
class Cell:
    """One H3 cell: how many sampled points each region has, and whether land or sea is near."""

    samples: dict[str, int]
    land: bool
    sea: bool


def sample_cells(regions: Regions) -> dict[str, Cell]:
    """Return every cell that has a region, parents included."""
    fine = [
        child
        for base in h3.get_res0_cells()
        for child in h3.cell_to_children(base, SAMPLE_RESOLUTION)
    ]
    points = np.array([h3.cell_to_latlng(cell) for cell in fine])
    located = regions.locate(points[:, 0], points[:, 1])
    is_land = shapely.intersects_xy(read_land(), points[:, 1], points[:, 0]).tolist()

    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    surface: dict[bool, set[str]] = {True: set(), False: set()}
    for cell, region, land in zip(fine, located, is_land, strict=True):
        for resolution in range(COARSEST_RESOLUTION, FINEST_RESOLUTION + 1):
            parent = h3.cell_to_parent(cell, resolution)
            surface[land].add(parent)
            if region is not None:
                counts[parent][region] += 1

    def is_near(cell: str, *, land: bool) -> bool:
        # A photographer one fine cell from the shore can still photograph marine animals.
        reach = h3.grid_disk(cell, 1) if h3.get_resolution(cell) == FINEST_RESOLUTION else [cell]
        return not surface[land].isdisjoint(reach)

    return {
        cell: Cell(
            samples=dict(samples),
            land=is_near(cell, land=True),
            sea=is_near(cell, land=False),
        )
        for cell, samples in counts.items()
    }


def prevalence(
    cells: Mapping[str, Cell], statuses: Mapping[str, Mapping[str, Status]], marine: set[str]
) -> dict[str, float]:
    """Return each taxon's mean presence over the cells of the finest resolution.

    H3 cells of one resolution have about the same size, so this is a share of the area: of the
    area with land for land animals, of the area with sea for marine animals.
    """
    area: dict[bool, dict[str, float]] = {True: defaultdict(float), False: defaultdict(float)}
    for name, cell in cells.items():
        if h3.get_resolution(name) == FINEST_RESOLUTION:
            for region, number in cell.samples.items():
                area[True][region] += number * cell.sea
                area[False][region] += number * cell.land
    totals: dict[str, float] = defaultdict(float)
    for region, taxa in statuses.items():
        for taxon_id, status in taxa.items():
            totals[taxon_id] += area[taxon_id in marine][region] * PRESENCE_BY_STATUS[status]
    return {
        taxon_id: total / sum(area[taxon_id in marine].values())
        for taxon_id, total in totals.items()
    }

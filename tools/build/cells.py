"""Sample the H3 cells: which regions, land and sea each has, and how common a taxon is in them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

import h3
import numpy as np
import shapely

from chalicelib.domain import PRESENCE_BY_STATUS, Status
from chalicelib.features.cells import FINEST_RESOLUTION, with_parents
from tools.build.land import read_land
from tools.build.regions import Regions

SAMPLE_RESOLUTION: Final = FINEST_RESOLUTION + 1
"""Each cell is sampled at the centres of its seven children of this resolution."""

CLOSER_RESOLUTION: Final = SAMPLE_RESOLUTION + 1
"""A cell on a coast or on a border is sampled at its 49 children of this resolution."""

CELL_WEIGHT: Final = 7.0
"""The weight of all points of a cell together."""

CLOSER_WEIGHT: Final = 1 / 7
"""What a point of the closer sample counts, so that each cell has seven points' weight."""

NEIGHBOUR_WEIGHT: Final = 1 / 50
"""What a neighbour's point counts in the cell of a region that is smaller than a cell.

All neighbours together then have less than the presence at which an animal is expected."""


Point = tuple[str, str | None, bool, float]
"""A sampled point: its cell of the finest resolution, its region, if it is land, its weight."""


@dataclass
class Cell:
    """One H3 cell: how many sampled points each region has, and what it has for each habitat.

    ``land`` and ``sea`` share the points of the cell among the regions that have land or sea in
    it: those for land animals, these for marine ones. Both are empty where there is none near.
    """

    samples: dict[str, float]
    land: dict[str, float]
    sea: dict[str, float]

    def shares(self, *, is_marine: bool) -> dict[str, float]:
        """Return the points of each region for marine animals, or for those of the land."""
        return self.sea if is_marine else self.land


def sample_cells(regions: Regions) -> dict[str, Cell]:
    """Return every cell that has a region, parents included.

    A region whose list is too thin to mean anything counts as no region.
    """
    return share_cells(sample_points(regions), regions)


def share_cells(points: Iterable[Point], regions: Regions) -> dict[str, Cell]:
    """Return the cells of the points, each with the regions that share it."""
    fine: dict[tuple[str, bool, str | None], float] = defaultdict(float)
    for finest, region, is_land, weight in points:
        fine[finest, is_land, region] += weight
    # The table of land lacks the smallest islands: Niue, American Samoa, Tokelau.
    # The sea around the boxes of a country that has land is not such an island.
    with_land = {
        ancestor
        for _, is_land, region in fine
        if is_land and region is not None
        for ancestor in regions.lineage(region)
    }
    landless = {region for _, _, region in fine if region is not None} - with_land
    surfaces: dict[bool, dict[str, dict[str, float]]] = {True: {}, False: {}}
    touched: dict[bool, set[str]] = {True: set(), False: set()}
    for (finest, is_land, region), weight in fine.items():
        for cell in with_parents(finest):
            touched[is_land].add(cell)
            if region in landless:
                touched[True].add(cell)
            if region is not None and region not in regions.thin:
                counts = surfaces[is_land].setdefault(cell, {})
                counts[region] = counts.get(region, 0) + weight

    def is_near(cell: str, *, is_land: bool) -> bool:
        # A photographer one fine cell from the shore can still photograph marine animals.
        reach = h3.grid_disk(cell, 1) if h3.get_resolution(cell) == FINEST_RESOLUTION else [cell]
        return not touched[is_land].isdisjoint(reach)

    cells = {}
    for cell in sorted(surfaces[True].keys() | surfaces[False].keys()):
        samples: dict[str, float] = defaultdict(float)
        for surface in surfaces.values():
            for region, number in surface.get(cell, {}).items():
                samples[region] += number
        shares = [
            share(samples, surfaces[is_land].get(cell, {}))
            if is_near(cell, is_land=is_land)
            else {}
            for is_land in (True, False)
        ]
        cells[cell] = Cell(dict(samples), *shares)
    return cells


def sample_points(regions: Regions) -> list[Point]:
    """Return the points of all cells of the world: more where a cell is not all the same."""
    land = read_land()
    points: list[Point] = []
    mixed = []
    coarse = [cell for base in h3.get_res0_cells() for cell in children(base, SAMPLE_RESOLUTION)]
    for cell, group in groupby(locate(coarse, regions, land), key=lambda point: point[0]):
        found = list(group)
        if len({(region, is_land) for _, region, is_land in found}) > 1:
            mixed.append(cell)
        else:
            points += [(*point, 1.0) for point in found]
    closer = [child for cell in mixed for child in children(cell, CLOSER_RESOLUTION)]
    points += [(*point, CLOSER_WEIGHT) for point in locate(closer, regions, land)]
    small = list(small_regions(points, regions))
    return [*with_light_neighbours(points, small), *small]


def with_light_neighbours(points: Iterable[Point], small: Iterable[Point]) -> Iterator[Point]:
    """Yield the points; those beside a small region count little in the cell of that region."""
    owners: dict[str, set[str | None]] = defaultdict(set)
    for cell, region, _, _ in small:
        owners[cell].add(region)
    for cell, region, is_land, weight in points:
        is_neighbour = cell in owners and region is not None and region not in owners[cell]
        yield cell, region, is_land, weight * (NEIGHBOUR_WEIGHT if is_neighbour else 1)


def small_regions(points: Iterable[Point], regions: Regions) -> Iterator[Point]:
    """Yield one heavy point on land for each region that is smaller than a cell.

    It has the weight of a cell: who takes a photo in such a cell is probably in Singapore or in
    Gibraltar and not in the hills across the water. A region with a thin list gets none: it has
    nothing to say.
    """
    area: dict[str | None, float] = defaultdict(float)
    for _, region, _, weight in points:
        area[region] += weight
    middles = shapely.point_on_surface(list(regions.polygons.values()))
    latitudes, longitudes = shapely.get_y(middles), shapely.get_x(middles)
    located = regions.locate(latitudes, longitudes)
    for region, latitude, longitude in zip(located, latitudes, longitudes, strict=True):
        if area[region] < CELL_WEIGHT and region not in regions.thin:
            cell = h3.latlng_to_cell(latitude, longitude, FINEST_RESOLUTION)
            yield cell, region, True, CELL_WEIGHT


def children(cell: str, resolution: int) -> list[str]:
    """Return the children of a cell, those of one cell of the finest resolution together."""
    return sorted(h3.cell_to_children(cell, resolution))


def locate(
    samples: Sequence[str], regions: Regions, land: Any
) -> Iterator[tuple[str, str | None, bool]]:
    """Yield for each sample its cell of the finest resolution, its region, and if it is land."""
    points = np.array([h3.cell_to_latlng(sample) for sample in samples])
    located = regions.locate(points[:, 0], points[:, 1])
    is_land = shapely.intersects_xy(land, points[:, 1], points[:, 0]).tolist()
    cells = (h3.cell_to_parent(sample, FINEST_RESOLUTION) for sample in samples)
    return zip(cells, located, is_land, strict=True)


def share(samples: Mapping[str, float], surface: Mapping[str, float]) -> dict[str, float]:
    """Share all points of a cell among the regions that have the surface (land or sea).

    Where no sampled point hit it (an islet, a cell next to the shore), all regions count.
    """
    total = sum(surface.values())
    if not total:
        return dict(samples)
    return {region: number * sum(samples.values()) / total for region, number in surface.items()}


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
            for is_marine, areas in area.items():
                for region, number in cell.shares(is_marine=is_marine).items():
                    areas[region] += number
    totals: dict[str, float] = defaultdict(float)
    for region, taxa in statuses.items():
        for taxon_id, status in taxa.items():
            totals[taxon_id] += area[taxon_id in marine][region] * PRESENCE_BY_STATUS[status]
    return {
        taxon_id: total / sum(area[taxon_id in marine].values())
        for taxon_id, total in totals.items()
    }

"""Turn a point on the globe into the chain of H3 cells that describes its place.

A cell of H3 (https://h3geo.org) resolution 4 covers about 1,770 km2; iNaturalist's geo model
uses the same. Its parents stand in if the fine cell has no data, or if the point is too
uncertain for it.
"""

import math
import re
from collections import Counter
from functools import cache
from typing import Final

import h3

from chalicelib.domain import Coordinates

FINEST_RESOLUTION: Final = 4
COARSEST_RESOLUTION: Final = 2

UNCERTAINTY_LIMITS: Final = ((4, 5_000.0), (3, 30_000.0))
"""A resolution, and the largest uncertainty in metres for which it is used.

A point that is 1 km off leaves its resolution-4 cell in 2 % of cases, one that is 10 km off in
18 %, one that is 25 km off in 44 % (simulated over random points on land).
"""


ASSUMED_UNCERTAINTY: Final = 1_000.0
"""Metres, if the uncertainty is unknown: a careful click on a map, or a long lens."""

CIRCLE_POINTS: Final = 37
"""Points that stand for a circle: enough to find a cell that the circle barely touches."""

EARTH_RADIUS: Final = 6_371_008.8
"""Metres: the mean radius of the WGS 84 ellipsoid (IUGG)."""

GOLDEN_ANGLE: Final = math.pi * (3 - math.sqrt(5))

_CELL: Final = re.compile(r"8[0-9a-f]{14}")


def resolution_for(uncertainty: float | None) -> int:
    """Return the finest resolution for a point with this uncertainty in metres."""
    for resolution, limit in UNCERTAINTY_LIMITS:
        if uncertainty is None or uncertainty <= limit:
            return resolution
    return COARSEST_RESOLUTION


def cell_chain(coordinates: Coordinates) -> tuple[str, ...]:
    """Return the point's cell and its parents up to ``COARSEST_RESOLUTION``, finest first.

    Parents come from the cell, never from the point: H3's hierarchy is not exact, and for 7 %
    of points the point's own parent cell is a different one.
    """
    resolution = resolution_for(coordinates.uncertainty)
    return with_parents(h3.latlng_to_cell(coordinates.latitude, coordinates.longitude, resolution))


def weighted_chains(coordinates: Coordinates) -> tuple[tuple[tuple[str, ...], float], ...]:
    """Return the chains of all cells that the circle of uncertainty reaches, with weights.

    The centre's own cell comes first, and the weights sum to 1. For a point near the edge of its
    cell, or on a coast, each neighbour counts by the probability that the point lies there.
    """
    resolution = resolution_for(coordinates.uncertainty)
    hits = Counter(h3.latlng_to_cell(*point, resolution) for point in sample_circle(coordinates))
    return tuple((with_parents(cell), count / CIRCLE_POINTS) for cell, count in hits.items())


def sample_circle(coordinates: Coordinates) -> list[tuple[float, float]]:
    """Return points spread evenly over the circle of uncertainty: latitude, longitude in degrees.

    A sunflower (Vogel 1979, https://doi.org/10.1016/0025-5564(79)90080-4), laid on the sphere
    by the direct formula for great circles.
    """
    radius = (coordinates.uncertainty or ASSUMED_UNCERTAINTY) / EARTH_RADIUS
    sine, cosine = (f(math.radians(coordinates.latitude)) for f in (math.sin, math.cos))
    points = []
    for number in range(CIRCLE_POINTS):
        distance = min(radius, math.pi) * math.sqrt(number / (CIRCLE_POINTS - 1))
        bearing = number * GOLDEN_ANGLE
        latitude = math.asin(
            sine * math.cos(distance) + cosine * math.sin(distance) * math.cos(bearing)
        )
        east = math.atan2(
            math.sin(bearing) * math.sin(distance) * cosine,
            math.cos(distance) - sine * math.sin(latitude),
        )
        longitude = (coordinates.longitude + math.degrees(east) + 540) % 360 - 180
        points.append((math.degrees(latitude), longitude))
    return points


@cache
def coarsest_cells() -> tuple[str, ...]:
    """Return all 5,882 cells of the coarsest resolution, which cover the Earth."""
    return tuple(
        cell
        for base in h3.get_res0_cells()
        for cell in h3.cell_to_children(base, COARSEST_RESOLUTION)
    )


def is_cell(text: str) -> bool:
    """Return whether a text names a cell, in the one form in which H3 writes it."""
    return _CELL.fullmatch(text) is not None and h3.is_valid_cell(text)


def with_parents(finest: str) -> tuple[str, ...]:
    """Return a cell and its parents up to ``COARSEST_RESOLUTION``, finest first."""
    parents = range(h3.get_resolution(finest) - 1, COARSEST_RESOLUTION - 1, -1)
    return (finest, *(h3.cell_to_parent(finest, resolution) for resolution in parents))

"""The shapes of H3 cells on a flat map, as GeoJSON defines them (RFC 7946).

A ring runs counterclockwise and ends where it began (section 3.1.6). A shape that crosses the
antimeridian is cut there into parts (section 3.1.9).
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import h3

Point = tuple[float, float]
"""Longitude and latitude, in degrees: the order of RFC 7946, section 3.1.1."""

Ring = list[Point]

DECIMALS: Final = 4
"""Decimal digits: 11 metres, where a cell of resolution 4 is 45 kilometres wide."""

TURN: Final = 360.0
EDGE: Final = 180.0


def outline(cell: str, decimals: int = DECIMALS) -> list[Ring]:
    """Return the outer ring of each part of a cell: two if it crosses the antimeridian."""
    corners = [(longitude, latitude) for latitude, longitude in h3.cell_to_boundary(cell)]
    ring = _unrolled(corners)
    parts = [ring] if _fits(ring) else _cut(ring)
    closed = [_closed(part, decimals) for part in parts]
    # A part may be so narrow that rounding removes it.
    return [part for part in closed if len({longitude for longitude, _ in part}) > 1]


def _fits(ring: Sequence[Point]) -> bool:
    return all(-EDGE <= longitude <= EDGE for longitude, _ in ring)


def _unrolled(corners: Sequence[Point]) -> Ring:
    """Return the corners without jumps at the antimeridian; longitudes may exceed 180 degrees.

    The ring of a cell around a pole goes round the Earth and does not close. It is closed along
    the pole.
    """
    ring = [corners[0]]
    for longitude, latitude in (*corners[1:], corners[0]):
        before = ring[-1][0]
        ring.append((before + math.remainder(longitude - before, TURN), latitude))
    (first, latitude), (last, _) = ring[0], ring[-1]
    if abs(last - first) > EDGE:
        pole = math.copysign(90.0, latitude)
        return [*ring, (last, pole), (first, pole)]
    return ring[:-1]


def _cut(ring: Sequence[Point]) -> list[Ring]:
    """Cut a ring at the antimeridian, and move each part onto the map."""
    parts = []
    for turn in (-TURN, 0.0, TURN):
        moved = [(longitude + turn, latitude) for longitude, latitude in ring]
        part = _half(_half(moved, -1), 1)
        if len(part) > 2:
            parts.append(part)
    return parts


def _half(ring: Sequence[Point], side: int) -> Ring:
    """Clip a ring at the east (1) or west (-1) edge of the map.

    The method of Sutherland and Hodgman 1974 (https://doi.org/10.1145/360767.360802), for one
    straight edge.
    """
    edge = side * EDGE
    clipped = []
    for (x1, y1), (x2, y2) in pairwise([*ring, *ring[:1]]):
        if x1 * side <= EDGE:
            clipped.append((x1, y1))
        if (x1 - edge) * (x2 - edge) < 0:
            clipped.append((edge, y1 + (y2 - y1) * (edge - x1) / (x2 - x1)))
    return clipped


def _closed(ring: Sequence[Point], decimals: int) -> Ring:
    rounded = [(round(x, decimals), round(y, decimals)) for x, y in ring]
    return [*rounded, rounded[0]]

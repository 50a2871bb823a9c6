"""The land of the world as one geometry, from Natural Earth's TopoJSON."""

import json
from typing import Any

import numpy as np
import shapely

from tools.build.facts import DATA


def read_land() -> Any:
    """Return the land of the world as one prepared geometry.

    TopoJSON stores each line once, as differences of integers
    (https://github.com/topojson/topojson-specification).
    """
    topology = json.loads((DATA / "borders" / "land-50m.json").read_bytes())
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]

    def ring(indices: list[int]) -> Any:
        # ~i means arc i backwards. Each arc starts where the last one ended.
        parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    polygons = [
        shapely.make_valid(
            shapely.Polygon(unrolled(ring(rings[0])), [unrolled(ring(hole)) for hole in rings[1:]])
        )
        for geometry in topology["objects"]["land"]["geometries"]
        for rings in geometry["arcs"]
    ]
    # A polygon that crosses the antimeridian continues on the other side of the map.
    copies = [
        shapely.transform(polygons, lambda points, turn=turn: points + np.array([turn, 0]))
        for turn in (-360, 0, 360)
    ]
    world = shapely.box(-180, -90, 180, 90)
    land = shapely.union_all(shapely.intersection(np.concatenate(copies), world))
    shapely.prepare(land)
    return land


def unrolled(ring: Any) -> Any:
    """Return the ring without jumps at the antimeridian; longitudes may pass 180 degrees.

    A ring around the pole (Antarctica's) is closed along the pole.
    """
    points = np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])
    if abs(points[-1, 0] - points[0, 0]) > 1:
        pole = np.copysign(90, points[0, 1])
        points = np.vstack([points, [points[-1, 0], pole], [points[0, 0], pole]])
    return points

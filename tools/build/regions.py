"""The tree of regions, and the region and continent in which a point lies."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import shapely

from tools.build.facts import DATA, read_table

CONTINENTS: Final = {
    "002": "Africa", "142": "Asia", "150": "Europe",
    "003": "North America", "005": "South America", "009": "Oceania",
}  # fmt: skip
"""Codes of UN M49 (https://unstats.un.org/unsd/methodology/m49/); 003 includes the Caribbean."""


UNDIVIDED: Final = {"RU": "150"}
"""Countries that M49 puts on one continent, and the borders on two."""

Box = tuple[str, tuple[float, float, float, float]]
"""A region inside another one: its code, and south, west, north and east in degrees."""


@dataclass(frozen=True)
class Regions:
    """The tree of regions: names, parents, border polygons and boxes."""

    names: Mapping[str, str]
    parents: Mapping[str, str]
    polygons: Mapping[str, Any]
    boxes: tuple[tuple[str, str, tuple[float, float, float, float]], ...]
    groups: Mapping[str, tuple[str, ...]]
    """The groups that each border belongs to; codes of UN M49 are among them."""
    thin: frozenset[str]
    """The regions whose lists are too thin: that they lack an animal says nothing."""

    @classmethod
    def read(cls) -> "Regions":
        """Read ``regions.csv``, ``subregions.csv`` and ``borders.json``."""
        rows = read_table("regions.csv")
        subregions = read_table("subregions.csv")
        borders = {
            feature["properties"].get("iso1A2") or feature["properties"]["wikidata"]: feature
            for feature in json.loads((DATA / "borders" / "borders.json").read_bytes())["features"]
        }
        return cls(
            names={row["region"]: row["name"] for row in (*rows, *subregions)},
            parents={row["region"]: row["parent"] for row in (*rows, *subregions) if row["parent"]},
            polygons={
                row["region"]: shapely.from_geojson(json.dumps(borders[row["border"]]["geometry"]))
                for row in rows
                if row["border"]
            },
            boxes=tuple(
                (
                    row["region"],
                    row["parent"],
                    (
                        float(row["south"]),
                        float(row["west"]),
                        float(row["north"]),
                        float(row["east"]),
                    ),
                )
                for row in subregions
            ),
            groups={
                row["region"]: tuple(borders[row["border"]]["properties"].get("groups", ()))
                for row in rows
                if row["border"]
            },
            thin=frozenset(row["region"] for row in rows if row["list"] == "thin"),
        )

    def lineage(self, region: str) -> Iterator[str]:
        """Yield the region, its parent, and so on."""
        yield region
        if region in self.parents:
            yield from self.lineage(self.parents[region])

    def continents(self, latitudes: Any, longitudes: Any) -> list[str | None]:
        """Return the continent of each point by UN M49; ``None`` at sea."""
        return [
            self._continent(region) if region else None
            for region in self.locate(latitudes, longitudes)
        ]

    def locate(self, latitudes: Any, longitudes: Any) -> list[str | None]:
        """Return the innermost region of each point; ``None`` outside all regions."""
        codes = list(self.polygons)
        tree = shapely.STRtree([self.polygons[code] for code in codes])
        points = shapely.points(longitudes, latitudes)
        located: list[str | None] = [None] * len(points)
        for point, polygon in zip(*tree.query(points, predicate="intersects"), strict=True):
            located[point] = codes[polygon]
        within = {code: self._boxes(code) for code in self.names}
        for index, code in enumerate(located):
            if code is not None:
                located[index] = subregion(code, latitudes[index], longitudes[index], within)
        return located

    def _boxes(self, region: str) -> list[Box]:
        """Return the boxes of a region: a country's own border has those of its parents, too."""
        parents = set(self.lineage(region)) if region in self.polygons else {region}
        return [(code, bounds) for code, parent, bounds in self.boxes if parent in parents]

    def continent_code(self, region: str) -> str | None:
        """Return the code of UN M49 of the continent that a region belongs to, if any.

        A country whose borders are those of its parts is on the continent of the first of them.
        """
        ancestors = tuple(self.lineage(region))
        if ancestors[-1] in UNDIVIDED:
            return UNDIVIDED[ancestors[-1]]
        parts = (code for code in self.groups if ancestors[-1] in self.lineage(code))
        groups = (group for code in (*ancestors, *parts) for group in self.groups.get(code, ()))
        return next((group for group in groups if group in CONTINENTS), None)

    def _continent(self, region: str) -> str | None:
        groups = (
            group for ancestor in self.lineage(region) for group in self.groups.get(ancestor, ())
        )
        return next((CONTINENTS[group] for group in groups if group in CONTINENTS), None)


def subregion(
    region: str, latitude: float, longitude: float, within: Mapping[str, Iterable[Box]]
) -> str:
    """Return the innermost box of a region that has the point: a box may have boxes, too."""
    for code, (south, west, north, east) in within[region]:
        if south <= latitude < north and west <= longitude < east:
            return subregion(code, latitude, longitude, within)
    return region

"""Build the embedded feature store from the facts in ``data/``.

``make features``: ``data/ranges.csv`` says which animal lives in which region,
borders say which H3 cells a region has. The store joins the two when it is
asked, so it stays small. Same facts, same bytes.
"""

import argparse
import csv
import hashlib
import json
import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h3
import numpy as np
import shapely

from chalicelib.domain import PRESENCE_BY_STATUS, Status
from chalicelib.features.cells import COARSEST_RESOLUTION, FINEST_RESOLUTION
from chalicelib.features.observations import ALL_MONTHS
from tools import ROOT

DATA: Final = ROOT / "data"
TARGET: Final = ROOT / "chalicelib" / "data" / "features.sqlite"

CONTINENTS: Final = {
    "002": "Africa", "142": "Asia", "150": "Europe",
    "003": "North America", "005": "South America", "009": "Oceania",
}  # fmt: skip
"""UN M49 (https://unstats.un.org/unsd/methodology/m49/); 003 holds the Caribbean too."""

SAMPLE_RESOLUTION: Final = FINEST_RESOLUTION + 1
"""A cell is sampled at the centres of its seven children of this resolution."""

SCHEMA: Final = """
    CREATE TABLE dataset (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE taxon (
        id INTEGER PRIMARY KEY,
        taxon_id TEXT NOT NULL UNIQUE,
        marine INTEGER NOT NULL,    -- met where there is sea, not where there is land
        prevalence REAL NOT NULL    -- mean presence over all cells with land (or with sea)
    );
    CREATE TABLE region (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE region_taxon (
        region INTEGER NOT NULL REFERENCES region,
        taxon INTEGER NOT NULL REFERENCES taxon,
        status TEXT NOT NULL,
        presence REAL NOT NULL,     -- 0 to 1, as the status lets us expect the taxon
        months INTEGER NOT NULL,    -- bits 1 to 12: when it is there
        PRIMARY KEY (region, taxon)
    ) WITHOUT ROWID;
    CREATE TABLE geo_cell (
        cell INTEGER NOT NULL,      -- H3 index, resolutions 4, 3 and 2
        region INTEGER NOT NULL REFERENCES region,
        samples INTEGER NOT NULL,   -- sampled points of the cell that lie in the region
        land INTEGER NOT NULL,      -- whether land is in the cell or next to it
        sea INTEGER NOT NULL,       -- whether sea is in the cell or next to it
        PRIMARY KEY (cell, region)
    ) WITHOUT ROWID;
"""


@dataclass
class Cell:
    """One H3 cell: its regions with the points of each, and what lies in or next to it."""

    samples: dict[str, int]
    land: bool
    sea: bool


class FactError(ValueError):
    """A table under ``data/`` contradicts itself or another one."""


@dataclass(frozen=True)
class Regions:
    """The tree of regions: names, parents, border polygons and boxes."""

    names: Mapping[str, str]
    parents: Mapping[str, str]
    polygons: Mapping[str, Any]
    boxes: tuple[tuple[str, str, tuple[float, float, float, float]], ...]
    groups: Mapping[str, tuple[str, ...]]
    """The groups that a border belongs to, by the codes of UN M49 among others."""

    @classmethod
    def read(cls) -> "Regions":
        """From ``regions.csv``, ``subregions.csv`` and ``borders.json``."""
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
        )

    def lineage(self, region: str) -> Iterator[str]:
        """The region, its parent, and so on."""
        yield region
        if region in self.parents:
            yield from self.lineage(self.parents[region])

    def continents(self, latitudes: Any, longitudes: Any) -> list[str | None]:
        """The continent of each point, as UN M49 divides the world; ``None`` at sea."""
        found: list[str | None] = []
        for region in self.locate(latitudes, longitudes):
            groups = (
                [group for one in self.lineage(region) for group in self.groups.get(one, ())]
                if region
                else []
            )
            found.append(next((CONTINENTS[one] for one in groups if one in CONTINENTS), None))
        return found

    def locate(self, latitudes: Any, longitudes: Any) -> list[str | None]:
        """The innermost region of each point; ``None`` where there is none."""
        codes = list(self.polygons)
        tree = shapely.STRtree([self.polygons[code] for code in codes])
        points = shapely.points(longitudes, latitudes)
        found: list[str | None] = [None] * len(points)
        for point, polygon in zip(*tree.query(points, predicate="intersects"), strict=True):
            found[point] = codes[polygon]
        for index, code in enumerate(found):
            if code is not None:
                found[index] = self._subregion(code, latitudes[index], longitudes[index])
        return found

    def _subregion(self, region: str, latitude: float, longitude: float) -> str:
        lineage = tuple(self.lineage(region))
        for code, parent, (south, west, north, east) in self.boxes:
            if parent in lineage and south <= latitude < north and west <= longitude < east:
                return code
        return region


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a table under ``data/``."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_land() -> Any:
    """The land of the world as one prepared geometry, from TopoJSON.

    TopoJSON keeps each line once, as differences of integers
    (https://github.com/topojson/topojson-specification).
    """
    topology = json.loads((DATA / "borders" / "land-50m.json").read_bytes())
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]

    def ring(indices: list[int]) -> Any:
        # ~i means arc i backwards; each arc starts where the last one ended.
        parts = [arcs[i] if i >= 0 else arcs[~i][::-1] for i in indices]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])])

    polygons = [
        shapely.make_valid(
            shapely.Polygon(unrolled(ring(rings[0])), [unrolled(ring(hole)) for hole in rings[1:]])
        )
        for geometry in topology["objects"]["land"]["geometries"]
        for rings in geometry["arcs"]
    ]
    # What sticks out beyond the antimeridian comes in again on the other side.
    moved = [
        shapely.transform(polygons, lambda points, turn=turn: points + np.array([turn, 0]))
        for turn in (-360, 0, 360)
    ]
    world = shapely.box(-180, -90, 180, 90)
    land = shapely.union_all(shapely.intersection(np.concatenate(moved), world))
    shapely.prepare(land)
    return land


def unrolled(ring: Any) -> Any:
    """A ring without jumps at the antimeridian; longitudes may pass 180 degrees.

    One that goes round the pole (Antarctica's) is closed along the pole.
    """
    points = np.column_stack([np.unwrap(ring[:, 0], period=360), ring[:, 1]])
    if abs(points[-1, 0] - points[0, 0]) > 1:
        pole = np.copysign(90, points[0, 1])
        points = np.vstack([points, [points[-1, 0], pole], [points[0, 0], pole]])
    return points


def sample_cells(regions: Regions) -> dict[str, Cell]:
    """Every cell that has a region, parents included."""
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

    def has(cell: str, *, land: bool) -> bool:
        # Who stands one fine cell from the shore may still photograph what swims there.
        reach = h3.grid_disk(cell, 1) if h3.get_resolution(cell) == FINEST_RESOLUTION else [cell]
        return not surface[land].isdisjoint(reach)

    return {
        cell: Cell(
            samples=dict(found),
            land=has(cell, land=True),
            sea=has(cell, land=False),
        )
        for cell, found in counts.items()
    }


def statuses_by_region(
    regions: Regions, ranges: Iterable[Mapping[str, str]], used: Iterable[str]
) -> dict[str, dict[str, Status]]:
    """What ``ranges.csv`` says of each region in use: its own row, else its parent's."""
    stated: dict[str, dict[str, Status]] = defaultdict(dict)
    for row in ranges:
        region, taxon_id = row["region"], row["taxonID"]
        if region not in regions.names:
            raise FactError(f"ranges.csv: {taxon_id} is in {region}, which no table of regions has")
        if taxon_id in stated[region]:
            raise FactError(f"ranges.csv: {taxon_id} is in {region} twice")
        status = Status(row["status"])
        if status not in PRESENCE_BY_STATUS:
            raise FactError(f"ranges.csv: {taxon_id} is {status} in {region}, which is no range")
        stated[region][taxon_id] = status
    found: dict[str, dict[str, Status]] = {}
    for region in used:
        merged: dict[str, Status] = {}
        for ancestor in reversed(tuple(regions.lineage(region))):
            merged |= stated[ancestor]
        found[region] = merged
    return found


def months_by_region(
    regions: Regions,
    rows: Iterable[Mapping[str, str]],
    statuses: Mapping[str, Mapping[str, Status]],
) -> dict[str, dict[str, int]]:
    """What ``seasons.csv`` says of each region in use, as bits: its own row, else its parent's."""
    stated: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        region, taxon_id = row["region"], row["taxonID"]
        inside = [one for one in statuses if region in regions.lineage(one)]
        if not any(taxon_id in statuses[one] for one in inside):
            raise FactError(f"seasons.csv: {taxon_id} has no range in {region}")
        if taxon_id in stated[region]:
            raise FactError(f"seasons.csv: {taxon_id} is in {region} twice")
        stated[region][taxon_id] = month_bits(row["months"])
    found: dict[str, dict[str, int]] = {}
    for region in statuses:
        merged: dict[str, int] = {}
        for ancestor in reversed(tuple(regions.lineage(region))):
            merged |= stated[ancestor]
        found[region] = merged
    return found


def month_bits(months: str) -> int:
    """``4-9`` or, over the turn of the year, ``11-3`` as bits 4 to 9, or 11, 12 and 1 to 3."""
    first, last = (int(month) for month in months.split("-"))
    if not (1 <= first <= 12 and 1 <= last <= 12):
        raise FactError(f"seasons.csv: {months} are no months")
    count = (last - first) % 12 + 1
    return sum(1 << ((first - 1 + number) % 12 + 1) for number in range(count))


def build(target: Path) -> None:
    """Write the store to ``target``. Raises ``FactError``."""
    regions = Regions.read()
    classes = {row["taxonID"]: row for row in read_table("classes.csv")}
    ranges = read_table("ranges.csv")
    ranged = {taxon_id for taxon_id, row in classes.items() if row["geography"] == "range"}
    if ranged != {row["taxonID"] for row in ranges}:
        differing = sorted(ranged ^ {row["taxonID"] for row in ranges})
        raise FactError(
            f"classes.csv and ranges.csv differ in which taxa have a range: {differing}"
        )

    cells = sample_cells(regions)
    used = sorted({region for cell in cells.values() for region in cell.samples})
    statuses = statuses_by_region(regions, ranges, regions.names)
    seasons = months_by_region(regions, read_table("seasons.csv"), statuses)
    marine = {taxon_id for taxon_id in ranged if classes[taxon_id]["habitat"] == "marine"}
    prevalences = prevalence(cells, statuses, marine)

    taxa = {taxon_id: number for number, taxon_id in enumerate(sorted(ranged), start=1)}
    region_ids = {region: number for number, region in enumerate(used, start=1)}
    target.unlink(missing_ok=True)
    connection = sqlite3.connect(target)
    connection.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;" + SCHEMA)
    connection.executemany("INSERT INTO dataset VALUES (?, ?)", describe().items())
    connection.executemany(
        "INSERT INTO taxon VALUES (?, ?, ?, ?)",
        (
            (number, taxon_id, taxon_id in marine, round(prevalences[taxon_id], 6))
            for taxon_id, number in taxa.items()
        ),
    )
    connection.executemany(
        "INSERT INTO region VALUES (?, ?, ?)",
        ((number, region, regions.names[region]) for region, number in region_ids.items()),
    )
    connection.executemany(
        "INSERT INTO region_taxon VALUES (?, ?, ?, ?, ?)",
        (
            (
                region_ids[region],
                taxa[taxon_id],
                status,
                PRESENCE_BY_STATUS[status],
                seasons[region].get(taxon_id, ALL_MONTHS),
            )
            for region in used
            for taxon_id, status in sorted(statuses[region].items())
        ),
    )
    connection.executemany(
        "INSERT INTO geo_cell VALUES (?, ?, ?, ?, ?)",
        (
            (int(name, 16), region_ids[region], number, cell.land, cell.sea)
            for name, cell in sorted(cells.items())
            for region, number in sorted(cell.samples.items())
        ),
    )
    connection.commit()
    connection.execute("VACUUM")
    connection.close()


def prevalence(
    cells: Mapping[str, Cell], statuses: Mapping[str, Mapping[str, Status]], marine: set[str]
) -> dict[str, float]:
    """Each taxon's mean presence over the cells of the finest resolution.

    H3 cells of one resolution are of about one size, so this is a share of the
    area: of that with land for land animals, of that with sea for marine ones.
    """
    area: dict[bool, dict[str, float]] = {True: defaultdict(float), False: defaultdict(float)}
    for name, cell in cells.items():
        if h3.get_resolution(name) == FINEST_RESOLUTION:
            for region, number in cell.samples.items():
                area[True][region] += number * cell.sea
                area[False][region] += number * cell.land
    totals: dict[str, float] = defaultdict(float)
    for region, found in statuses.items():
        for taxon_id, status in found.items():
            totals[taxon_id] += area[taxon_id in marine][region] * PRESENCE_BY_STATUS[status]
    return {
        taxon_id: total / sum(area[taxon_id in marine].values())
        for taxon_id, total in totals.items()
    }


def describe() -> dict[str, str]:
    """The dataset's own description; the version follows from the facts."""
    digest = hashlib.sha256()
    for name in ("classes.csv", "ranges.csv", "seasons.csv", "regions.csv", "subregions.csv"):
        digest.update((DATA / name).read_bytes())
    for name in ("borders.json", "land-50m.json"):
        digest.update((DATA / "borders" / name).read_bytes())
    digest.update(SCHEMA.encode())
    return {
        "version": f"ranges-{digest.hexdigest()[:12]}",
        "title": "Rangefinder's table of ranges",
        "licence": "Apache-2.0",
        "citation": "Rangefinder, data/ranges.csv, after general references "
        "(IUCN Red List, GBIF, field guides); borders: country-coder, Natural Earth.",
    }


def main() -> None:
    """Build the store and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", type=Path, default=TARGET)
    target = parser.parse_args().target
    start = time.monotonic()
    build(target)
    connection = sqlite3.connect(target)
    counts = ", ".join(
        f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:,} {table}"
        for table in ("taxon", "region", "region_taxon", "geo_cell")
    )
    print(
        f"{target}: {target.stat().st_size:,} bytes in {time.monotonic() - start:.0f} s; {counts}"
    )


if __name__ == "__main__":
    main()

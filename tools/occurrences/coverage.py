"""Say where absence counts: in which area, and for which animals, the records are complete.

Records of one country do not show that an animal lives nowhere else, and without a record an animal
is not part of the dataset: no place speaks against it, so a bald eagle in Berlin would pass. With
``--covers DE`` a class without a record is absent there, and outside of Germany the dataset says
nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import duckdb
import h3.api.basic_int as h3
import numpy as np

from chalicelib.features.cells import COARSEST_RESOLUTION, FINEST_RESOLUTION
from tools.build.cells import SAMPLE_RESOLUTION
from tools.build.regions import CONTINENTS, Regions
from tools.occurrences.names import Names
from tools.occurrences.report import Found
from tools.occurrences.tables import SourceError

WORLD: Final = "world"
BOX: Final = "box:"
OUTSIDE_REASON: Final = "outsideCovered"
"""Why a record is left out that lies outside the covered area."""

SPECIES_OF_A_COMPLETE_TAXON: Final = 10
"""A class or an order counts as complete from so many names in it: a download of one species says
nothing about its relatives."""

COMPLETE: Final = """
    SELECT wider FROM (
        SELECT taxon_class AS wider, taxon_name FROM named
         UNION
        SELECT taxon_order AS wider, taxon_name FROM named
    ) WHERE wider IS NOT NULL GROUP BY wider HAVING count(*) >= {least} ORDER BY wider
"""

Box = tuple[float, float, float, float]
"""South, west, north and east in degrees; a box may cross the 180th meridian."""


@dataclass(frozen=True)
class Area:
    """The area for which absence counts: regions, continents and boxes; ``text`` names it."""

    regions: Regions
    codes: frozenset[str]
    boxes: tuple[Box, ...]
    text: str

    @property
    def is_world(self) -> bool:
        """Whether absence counts everywhere."""
        return WORLD in self.codes

    def count(self, latitudes: Sequence[float], longitudes: Sequence[float]) -> np.ndarray:
        """Return for each point whether it is in the area, and whether it is in any region.

        A point in a box counts as both. The shape is (points, 2).
        """
        located = self.regions.locate(latitudes, longitudes)
        counted = {region: self._has(region) for region in {*located} if region}
        inside = np.array([bool(region and counted[region]) for region in located])
        known = np.array([region is not None for region in located])
        norths, easts = np.asarray(latitudes), np.asarray(longitudes)
        for south, west, north, east in self.boxes:
            width = 360 if east - west == 360 else (east - west) % 360
            inside |= ((easts - west) % 360 <= width) & (south <= norths) & (norths <= north)
        return np.stack([inside, known | inside], axis=1)

    def _has(self, region: str) -> bool:
        around = {*self.regions.lineage(region), self.regions.continent_code(region)}
        return bool(around & self.codes)

    def cells(self, coarse: Sequence[int]) -> tuple[set[int], set[int]]:
        """Return the covered cells and the others, of all resolutions, within coarsest cells.

        A finest cell is covered if at least half of its sampled points that lie in any region lie
        in the area. A wider cell is, if at least half of the finest cells with a region in it are.
        An area that is smaller than half a cell covers the cells that it touches.
        """
        fine = [
            cell for parent in coarse for cell in h3.cell_to_children(parent, FINEST_RESOLUTION)
        ]
        points = [h3.cell_to_children(cell, SAMPLE_RESOLUTION) for cell in fine]
        places = [h3.cell_to_latlng(point) for inner in points for point in inner]
        latitudes, longitudes = zip(*places, strict=True)
        counts = self.count(latitudes, longitudes)
        starts = np.cumsum([0, *(len(inner) for inner in points[:-1])])
        inside, known = np.add.reduceat(counts.astype(np.int64), starts, axis=0).T
        is_covered = (inside > 0) & (2 * inside >= known)
        if not is_covered.any():
            is_covered = inside > 0
        shares: dict[int, list[bool]] = {}
        for cell, covered, region_points in zip(fine, is_covered, known, strict=True):
            shares[cell] = [bool(covered)]
            for resolution in range(COARSEST_RESOLUTION, FINEST_RESOLUTION):
                share = shares.setdefault(h3.cell_to_parent(cell, resolution), [])
                if region_points:
                    share.append(bool(covered))
        covered_cells = {
            cell for cell, share in shares.items() if share and 2 * sum(share) >= len(share)
        }
        return covered_cells, shares.keys() - covered_cells


def parse_area(tokens: Iterable[str]) -> Area:
    """Return the area that ``--covers`` names. Raises ``SourceError``."""
    regions = Regions.read()
    continents = {name.lower(): code for code, name in CONTINENTS.items()}
    known = {**{code.lower(): code for code in (*regions.names, *CONTINENTS, WORLD)}, **continents}
    codes: set[str] = set()
    boxes: list[Box] = []
    unknown: list[str] = []
    named: list[str] = []
    for token in tokens:
        if token.startswith(BOX):
            boxes.append(parse_box(token))
            named.append(token)
            continue
        for part in filter(None, map(str.strip, token.split(","))):
            named.append(part)
            code = known.get(part.lower())
            codes.add(code) if code else unknown.append(part)
    if unknown or not named:
        raise SourceError(
            f"--covers does not know {', '.join(unknown) or 'an empty area'}: it takes {WORLD}, "
            f"codes of data/regions.csv and data/subregions.csv (DE,FR,US/florida), continents "
            f"({', '.join(CONTINENTS.values())}), or {BOX}SOUTH,WEST,NORTH,EAST in degrees"
        )
    return Area(regions, frozenset(codes), tuple(boxes), ", ".join(named))


def parse_box(token: str) -> Box:
    """Return the box of ``box:47,5,55,15``. Raises ``SourceError``."""
    try:
        south, west, north, east = map(float, token.removeprefix(BOX).split(","))
    except ValueError:
        south = north = np.nan
    if not -90 <= south < north <= 90 or not (-180 <= west <= 180 and -180 <= east <= 180):
        raise SourceError(
            f"--covers {token} is no box: write {BOX}SOUTH,WEST,NORTH,EAST in degrees, such as "
            f"{BOX}47,5,55,15"
        )
    return south, west, north, east


def restrict(connection: duckdb.DuckDBPyConnection, area: Area | None) -> None:
    """Leave out what lies outside the area, and make ``outside``, cells that say nothing.

    ``counting.map_bins`` has run. Raises ``SourceError`` if no record is left.
    """
    cells = [cell for (cell,) in connection.execute("SELECT DISTINCT cell FROM bin").fetchall()]
    connection.execute("CREATE TABLE outside (cell BIGINT)")
    if area is None or area.is_world or not cells:
        return
    coarse = sorted({h3.cell_to_parent(cell, COARSEST_RESOLUTION) for cell in cells})
    covered, outside = area.cells(coarse)
    kept = sorted(covered.intersection(cells))
    if not kept:
        raise SourceError(f"No record lies in the area that --covers names: {area.text}")
    connection.execute("CREATE TABLE kept (cell BIGINT)")
    _insert(connection, "kept", kept)
    connection.execute(
        f"UPDATE observation SET reason = '{OUTSIDE_REASON}' WHERE reason IS NULL "
        "AND (latitude_bin, longitude_bin) IN (SELECT (latitude_bin, longitude_bin) FROM bin "
        "WHERE cell NOT IN (FROM kept))"
    )
    for table in ("bin", "lineage"):
        connection.execute(f"DELETE FROM {table} WHERE cell NOT IN (FROM kept)")
    parents = {h3.cell_to_parent(cell, COARSEST_RESOLUTION) for cell in kept}
    near = [cell for cell in outside if h3.cell_to_parent(cell, COARSEST_RESOLUTION) in parents]
    if near:
        _insert(connection, "outside", sorted(near))


def _insert(connection: duckdb.DuckDBPyConnection, table: str, cells: Sequence[int]) -> None:
    rows = {"cell": np.array(cells, dtype=np.int64)}
    connection.register("added", rows)
    connection.execute(f"INSERT INTO {table} SELECT cell FROM added")
    connection.unregister("added")


def complete_taxa(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the classes and orders of which the records name enough species."""
    query = COMPLETE.format(least=SPECIES_OF_A_COMPLETE_TAXON)
    return [name for (name,) in connection.execute(query).fetchall()]


def refuse_unknown_taxa(names: Names, complete: Iterable[str]) -> None:
    """Refuse names that hold no class of the models. Raises ``SourceError``."""
    rows = [names.rows[number] for number in names.classes]
    known = {name for row in rows for name in _wider_names(row)}
    if unknown := [name for name in complete if name.lower() not in known]:
        classes = sorted({row["class"] for row in rows if row.get("class")})
        raise SourceError(
            f"--complete does not know {', '.join(unknown)}: no animal of the models belongs to "
            "it. It takes scientific names from genus to class, such as "
            f"{', '.join(classes[:5]) or 'Aves'}"
        )


def absent_taxa(names: Names, found: Found, complete: Iterable[str]) -> list[int]:
    """Return the taxa without a record whose absence counts, by number.

    One of the complete taxa holds them, some name would have matched them, and no name in the
    records may be another one of theirs. A subspecies is not absent where its species is recorded:
    few people name subspecies.
    """
    scope = {name.lower() for name in complete}
    with_names = {abs(number) for model in names.models for number in model.values()}
    return [
        number
        for number in found.absent
        if number in with_names
        and number not in found.renamed
        and not _is_subspecies_of_any(names.rows[number], found.recorded)
        and scope.intersection(_wider_names(names.rows[number]))
    ]


def _is_subspecies_of_any(row: Mapping[str, str], species: frozenset[str]) -> bool:
    words = row["scientificName"].split()
    return len(words) > 2 and " ".join(words[:2]) in species


def _wider_names(row: Mapping[str, str]) -> set[str]:
    ranks = ("scientificName", "genus", "family", "order", "class")
    return {row[rank].lower() for rank in ranks if row.get(rank)}

"""From looks to the features of cells, in DuckDB: whatever does not fit in memory is spilled.

The statement's answer, from whichever engine, becomes the table ``look``. Bins become H3
cells by their middle, and observers are counted: how many there were in each cell, and how
many of them saw each class, by month and over the year, at resolutions 4, 3 and 2. An
observer counts once, however often he or she was there; where the observer is unknown, a
day stands for one.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb
import h3.api.basic_int as h3
import numpy as np

from chalicelib.cells import COARSEST, FINEST
from chalicelib.domain import Status
from chalicelib.looks import ALL_MONTHS, EFFORT
from tools.loading import FeatureRow, TaxonRow
from tools.occurrences.names import RANKS, numbers
from tools.occurrences.sources import REJECTED_ROWS
from tools.occurrences.statement import BASE, BINS_PER_DEGREE, LICENCES

CHUNK: Final = 100_000

LOOKS: Final = """
    CREATE TABLE look AS
    SELECT reason, latitude_bin::SMALLINT AS latitude_bin, longitude_bin::SMALLINT AS longitude_bin,
           resolution::TINYINT AS resolution, month::TINYINT AS month, hash(observer) AS observer,
           classes::BIGINT AS classes, licence_number::TINYINT AS licence_number,
           records::BIGINT AS records
      FROM ({source})
"""
CLASSES: Final = f"""
    CREATE TABLE look_class AS
    SELECT classes, {EFFORT}::SMALLINT AS taxon FROM (SELECT DISTINCT classes FROM look)
     UNION
    SELECT classes, classes // ({BASE} ** power)::BIGINT % {BASE} AS taxon
      FROM (SELECT DISTINCT classes FROM look), range({len(RANKS)}) AS digit (power)
"""
SEEN: Final = """
    CREATE TABLE seen AS
    SELECT DISTINCT cell, resolution, month, taxon, observer
      FROM look JOIN bin USING (latitude_bin, longitude_bin) JOIN look_class USING (classes)
     WHERE reason IS NULL
"""
COUNTED: Final = """
    INSERT INTO feature
    SELECT parent, {month}, taxon, count(*)
      FROM (SELECT DISTINCT parent, {month}, taxon, observer
              FROM seen JOIN lineage USING (cell)
             WHERE lineage.resolution = {resolution} AND seen.resolution >= {resolution} AND {kept})
     GROUP BY ALL
"""
"""A vague look counts in the wider cells only, as a vague photo asks them only."""

PREVALENCES: Final = f"""
    WITH effort AS (
        SELECT cell, looks AS observers FROM feature WHERE month = 0 AND taxon = {EFFORT}
    ),
    step (cell, parent, resolution) AS (
        SELECT DISTINCT inner_cell.parent, outer_cell.parent, inner_cell.resolution
          FROM lineage AS inner_cell
          JOIN lineage AS outer_cell
            ON outer_cell.cell = inner_cell.cell
           AND outer_cell.resolution = inner_cell.resolution - 1
    ),
    fine AS (
        SELECT cell, 1.0 AS weight FROM effort JOIN lineage USING (cell)
         WHERE parent = cell
    ),
    middle AS (
        SELECT parent AS cell, sum(weight * $prior / (observers + $prior)) AS weight
          FROM fine JOIN effort USING (cell) JOIN step USING (cell) GROUP BY parent
    ),
    wide AS (
        SELECT parent AS cell, sum(weight * $prior / (observers + $prior)) AS weight
          FROM middle JOIN effort USING (cell) JOIN step USING (cell) GROUP BY parent
    ),
    share AS (
        SELECT cell, weight / (observers + $prior) AS share FROM fine JOIN effort USING (cell)
         UNION ALL
        SELECT cell, weight / (observers + $prior) FROM middle JOIN effort USING (cell)
         UNION ALL
        SELECT cell, weight / observers FROM wide JOIN effort USING (cell)
    )
    SELECT taxon, coalesce(sum(looks * share), 0) / greatest((SELECT count(*) FROM fine), 1)
      FROM feature LEFT JOIN share USING (cell)
     WHERE month = 0 AND taxon <> {EFFORT}
     GROUP BY taxon ORDER BY taxon
"""
"""The mean over all cells of resolution 4 that were looked at of the very presence that the
service works out there (``chalicelib.backoff``), so that presence / prevalence = 1 means
what ``fusion.place_weight`` takes it to mean: that this place is like the average one.
Plain shares would have another mean, dominated by cells with a single observer. Back-off
is linear, so each cell passes what it leaves to its parent's word on to the parent.
"""


def connect(work: Path, memory: str, threads: int | None) -> duckdb.DuckDBPyConnection:
    """A database in ``work`` that keeps to ``memory`` (``2GB``) and spills beyond it."""
    connection = duckdb.connect(str(work / "import.duckdb"))
    connection.execute("SET memory_limit = $memory", {"memory": memory})
    connection.execute("SET temp_directory = $work", {"work": str(work / "spilled")})
    connection.execute("SET preserve_insertion_order = false")
    if threads:
        connection.execute("SET threads = $threads", {"threads": threads})
    # What Trino and Spark call it.
    connection.execute(
        "CREATE MACRO array_join(items, separator) AS array_to_string(items, separator)"
    )
    return connection


def count(connection: duckdb.DuckDBPyConnection) -> None:
    """From ``look`` to ``feature``: cell, month, taxon, looks."""
    map_bins(connection)
    connection.execute(CLASSES)
    connection.execute(SEEN)
    connection.execute(
        "CREATE TABLE feature (cell BIGINT, month TINYINT, taxon SMALLINT, looks BIGINT)"
    )
    for resolution in range(FINEST, COARSEST - 1, -1):
        for month, kept in (("month", "month > 0"), ("0", "true")):
            connection.execute(COUNTED.format(resolution=resolution, month=month, kept=kept))
    connection.execute("DROP TABLE seen")


def map_bins(connection: duckdb.DuckDBPyConnection) -> None:
    """The cell of each bin's middle, and the lineage of each cell, itself included.

    Parents come from the cell: for 7 % of points the point's own parent cell is another.
    """
    connection.execute(
        "CREATE TABLE bin (latitude_bin SMALLINT, longitude_bin SMALLINT, cell BIGINT)"
    )
    reader = connection.cursor().execute(
        "SELECT DISTINCT latitude_bin, longitude_bin FROM look WHERE reason IS NULL"
    )
    cells: set[int] = set()
    while bins := reader.fetchmany(CHUNK):
        found = [
            h3.latlng_to_cell(
                min((latitude + 0.5) / BINS_PER_DEGREE, 90.0),
                (longitude + 0.5) / BINS_PER_DEGREE,
                FINEST,
            )
            for latitude, longitude in bins
        ]
        cells.update(found)
        latitudes, longitudes = np.array(bins, dtype=np.int16).T
        insert(connection, "bin", latitudes, longitudes, np.array(found, dtype=np.int64))
    connection.execute("CREATE TABLE lineage (cell BIGINT, parent BIGINT, resolution TINYINT)")
    lineage = [
        (cell, h3.cell_to_parent(cell, resolution), resolution)
        for cell in sorted(cells)
        for resolution in range(COARSEST, FINEST + 1)
    ]
    if lineage:
        insert(connection, "lineage", *np.array(lineage, dtype=np.int64).T)


def insert(connection: duckdb.DuckDBPyConnection, table: str, *columns: Any) -> None:
    """Add rows, column by column."""
    rows = {f"column{number}": np.ascontiguousarray(one) for number, one in enumerate(columns)}
    connection.register("added", rows)
    connection.execute(f"INSERT INTO {table} SELECT * FROM added")
    connection.unregister("added")


def rejected(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many records were left out, by reason, and lines that are no record at all."""
    found = dict(
        connection.execute(
            "SELECT reason, sum(records)::BIGINT FROM look WHERE reason IS NOT NULL "
            "GROUP BY reason ORDER BY 2 DESC"
        ).fetchall()
    )
    is_there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REJECTED_ROWS]
    ).fetchone()
    if is_there and is_there[0]:
        rows = connection.execute(
            "SELECT kind, count(*) FROM (SELECT min(error_type::VARCHAR) AS kind "
            f"FROM {REJECTED_ROWS} GROUP BY file_id, line) GROUP BY kind"
        ).fetchall()
        found |= {f"line: {kind.lower()}": number for kind, number in rows}
    return found


def kept(connection: duckdb.DuckDBPyConnection) -> int:
    """How many records count."""
    return number(connection, "SELECT coalesce(sum(records), 0) FROM look WHERE reason IS NULL")


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def licence(connection: duckdb.DuckDBPyConnection) -> str:
    """The most restrictive licence of what was kept: it holds for what is made of it."""
    return LICENCES[number(connection, "SELECT max(licence_number) FROM look WHERE reason IS NULL")]


def taxa(connection: duckdb.DuckDBPyConnection, prior_looks: float) -> list[TaxonRow]:
    """The classes that somebody saw somewhere, with their prevalence.

    The others are unmapped: a download of birds says nothing against bears.
    """
    named = {number: taxon_id for taxon_id, number in numbers().items()}
    found = connection.execute(PREVALENCES, {"prior": prior_looks}).fetchall()
    return [(taxon, named[taxon], prevalence) for taxon, prevalence in found]


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[FeatureRow]:
    """The rows of ``geo_feature`` in the order of its primary key, streamed."""
    reader = connection.cursor().execute(
        "SELECT cell, month, taxon, looks FROM feature ORDER BY ALL"
    )
    while chunk := reader.fetchmany(CHUNK):
        for cell, month, taxon, looks in chunk:
            yield cell, month, taxon, float(looks), Status.RECORDED.value, ALL_MONTHS


def version(connection: duckdb.DuckDBPyConnection, description: Mapping[str, Any]) -> str:
    """From the content: the same records give the same version, in whatever order they come."""
    digest = connection.execute(
        "SELECT count(*), bit_xor(md5_number(concat_ws(' ', cell, month, taxon, looks))) "
        "FROM feature"
    ).fetchone()
    content = repr((digest, sorted(numbers().items()), sorted(description.items())))
    return f"occurrences-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

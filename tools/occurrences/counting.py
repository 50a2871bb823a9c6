"""Count observers by cell in DuckDB, which spills to disk what does not fit in memory.

The statement's result, from DuckDB or Athena, becomes the table ``observation``. Each bin belongs
to the H3 cell of its middle. For each cell the program counts the observers (the sampling effort)
and how many of them saw each class, by month and over the year, at resolutions 4, 3 and 2. An
observer counts once, even after many visits. If the observer is unknown, each day counts as one
observer.
"""

from pathlib import Path
from typing import Any, Final

import duckdb
import h3.api.basic_int as h3
import numpy as np

from chalicelib.features.cells import COARSEST_RESOLUTION, FINEST_RESOLUTION
from tools.occurrences.statement import BINS_PER_DEGREE

CHUNK: Final = 100_000

OBSERVATIONS: Final = """
    CREATE TABLE observation AS
    SELECT reason, latitude_bin::SMALLINT AS latitude_bin, longitude_bin::SMALLINT AS longitude_bin,
           resolution::TINYINT AS resolution, month::TINYINT AS month, hash(observer) AS observer,
           classes, taxon_name, taxon_family, taxon_order, taxon_class,
           licence_number::TINYINT AS licence_number, records::BIGINT AS records
      FROM ({source})
"""
NAMED: Final = """
    CREATE TABLE named AS
    SELECT classes, taxon_name, taxon_family, taxon_order, taxon_class, records
      FROM observation WHERE reason IS NULL AND month IS NULL AND taxon_name IS NOT NULL
"""
"""The accepted records by their finest name; the other rows of ``observation`` are counted."""

CLASSES: Final = """
    CREATE TABLE observation_class AS
    SELECT DISTINCT classes, unnest(string_split(classes, ' '))::INTEGER AS taxon
      FROM (SELECT DISTINCT classes FROM observation WHERE reason IS NULL)
"""
SEEN: Final = """
    CREATE TABLE seen AS
    SELECT DISTINCT cell, resolution, month, taxon, observer
      FROM observation JOIN bin USING (latitude_bin, longitude_bin)
      JOIN observation_class USING (classes)
     WHERE reason IS NULL
"""
COUNTED: Final = """
    INSERT INTO feature
    SELECT parent, {month}, taxon, count(*)
      FROM (SELECT DISTINCT parent, {month}, taxon, observer
              FROM seen JOIN lineage USING (cell)
             WHERE lineage.resolution = {resolution} AND seen.resolution >= {resolution}
               AND {condition})
     GROUP BY ALL
"""
"""An imprecise observation counts in the wider cells only, as for an imprecise photo."""


def connect(work: Path, memory: str, threads: int | None) -> duckdb.DuckDBPyConnection:
    """Open a database in ``work`` that uses at most ``memory`` (``2GB``) and spills the rest."""
    connection = duckdb.connect(str(work / "import.duckdb"))
    connection.execute("SET memory_limit = $memory", {"memory": memory})
    connection.execute("SET temp_directory = $work", {"work": str(work / "spilled")})
    connection.execute("SET preserve_insertion_order = false")
    # DuckDB must join as the SQL is written, with the small table on the right. It does not know
    # the length of a text file, may take it for the smaller table, and then holds it in memory.
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    if threads:
        connection.execute("SET threads = $threads", {"threads": threads})
    # The name of the function in Trino and Spark.
    connection.execute(
        "CREATE MACRO array_join(items, separator) AS array_to_string(items, separator)"
    )
    return connection


def store(connection: duckdb.DuckDBPyConnection, result: str) -> None:
    """Make ``observation`` and ``named`` from the statement's result, which is SQL."""
    connection.execute(OBSERVATIONS.format(source=result))
    connection.execute(NAMED)
    connection.execute("DELETE FROM observation WHERE reason IS NULL AND month IS NULL")


def count(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``feature`` (cell, month, taxon, observations). ``map_bins`` has run."""
    connection.execute(CLASSES)
    connection.execute(SEEN)
    connection.execute(
        "CREATE TABLE feature (cell BIGINT, month TINYINT, taxon INTEGER, observations BIGINT)"
    )
    for resolution in range(FINEST_RESOLUTION, COARSEST_RESOLUTION - 1, -1):
        for month, condition in (("month", "month > 0"), ("0", "true")):
            connection.execute(
                COUNTED.format(resolution=resolution, month=month, condition=condition)
            )
    connection.execute("DROP TABLE seen")


def map_bins(connection: duckdb.DuckDBPyConnection) -> None:
    """Make ``bin``, the cell of each bin's middle, and ``lineage``, each cell with its parents.

    Parents are those of the cell: for 7 % of points, the point's own parent cell is another one.
    """
    connection.execute(
        "CREATE TABLE bin (latitude_bin SMALLINT, longitude_bin SMALLINT, cell BIGINT)"
    )
    reader = connection.cursor().execute(
        "SELECT DISTINCT latitude_bin, longitude_bin FROM observation WHERE reason IS NULL"
    )
    cells: set[int] = set()
    while bins := reader.fetchmany(CHUNK):
        bin_cells = [
            h3.latlng_to_cell(
                min((latitude + 0.5) / BINS_PER_DEGREE, 90.0),
                (longitude + 0.5) / BINS_PER_DEGREE,
                FINEST_RESOLUTION,
            )
            for latitude, longitude in bins
        ]
        cells.update(bin_cells)
        latitudes, longitudes = np.array(bins, dtype=np.int16).T
        insert(connection, "bin", latitudes, longitudes, np.array(bin_cells, dtype=np.int64))
    connection.execute("CREATE TABLE lineage (cell BIGINT, parent BIGINT, resolution TINYINT)")
    lineage = [
        (cell, h3.cell_to_parent(cell, resolution), resolution)
        for cell in sorted(cells)
        for resolution in range(COARSEST_RESOLUTION, FINEST_RESOLUTION + 1)
    ]
    if lineage:
        insert(connection, "lineage", *np.array(lineage, dtype=np.int64).T)


def insert(connection: duckdb.DuckDBPyConnection, table: str, *columns: Any) -> None:
    """Insert rows that are given as columns."""
    rows = {
        f"column{number}": np.ascontiguousarray(column) for number, column in enumerate(columns)
    }
    connection.register("added", rows)
    connection.execute(f"INSERT INTO {table} SELECT * FROM added")
    connection.unregister("added")

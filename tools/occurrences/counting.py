"""Count observers by cell, in DuckDB: whatever does not fit in memory is spilled.

The statement's answer, from whichever engine, becomes the table ``look``. Bins become H3
cells by their middle, and observers are counted: how many there were in each cell, and how
many of them saw each class, by month and over the year, at resolutions 4, 3 and 2. An
observer counts once, however often he or she was there; where the observer is unknown, a
day stands for one.
"""

from pathlib import Path
from typing import Any, Final

import duckdb
import h3.api.basic_int as h3
import numpy as np

from chalicelib.features.cells import COARSEST_RESOLUTION, FINEST_RESOLUTION
from chalicelib.features.observations import EFFORT_ROW
from tools.occurrences.names import RANKS
from tools.occurrences.statement import BASE, BINS_PER_DEGREE

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
    SELECT classes, {EFFORT_ROW}::SMALLINT AS taxon FROM (SELECT DISTINCT classes FROM look)
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


def connect(work: Path, memory: str, threads: int | None) -> duckdb.DuckDBPyConnection:
    """A database in ``work`` that keeps to ``memory`` (``2GB``) and spills beyond it."""
    connection = duckdb.connect(str(work / "import.duckdb"))
    connection.execute("SET memory_limit = $memory", {"memory": memory})
    connection.execute("SET temp_directory = $work", {"work": str(work / "spilled")})
    connection.execute("SET preserve_insertion_order = false")
    # Joins as they are written, the small table on the right. DuckDB does not know how long a
    # text file is, may take it for the smaller one, and then holds all of it in memory.
    connection.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    if threads:
        connection.execute("SET threads = $threads", {"threads": threads})
    # What Trino and Spark call it.
    connection.execute(
        "CREATE MACRO array_join(items, separator) AS array_to_string(items, separator)"
    )
    return connection


def count(connection: duckdb.DuckDBPyConnection) -> None:
    """From ``look`` to ``feature``: cell, month, taxon, observations."""
    map_bins(connection)
    connection.execute(CLASSES)
    connection.execute(SEEN)
    connection.execute(
        "CREATE TABLE feature (cell BIGINT, month TINYINT, taxon SMALLINT, observations BIGINT)"
    )
    for resolution in range(FINEST_RESOLUTION, COARSEST_RESOLUTION - 1, -1):
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
                FINEST_RESOLUTION,
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
        for resolution in range(COARSEST_RESOLUTION, FINEST_RESOLUTION + 1)
    ]
    if lineage:
        insert(connection, "lineage", *np.array(lineage, dtype=np.int64).T)


def insert(connection: duckdb.DuckDBPyConnection, table: str, *columns: Any) -> None:
    """Add rows, column by column."""
    rows = {f"column{number}": np.ascontiguousarray(one) for number, one in enumerate(columns)}
    connection.register("added", rows)
    connection.execute(f"INSERT INTO {table} SELECT * FROM added")
    connection.unregister("added")

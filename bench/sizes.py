"""Measure the size of the features in database and cache: ``make bench-sizes``.

The program loads all ranges into a MariaDB of its own, and a sample of places through the
service's cache into a Redis of its own.
"""

import random
import statistics
import time
from typing import Final

from bench.crowd import land_cells
from bench.servers import servers
from chalicelib.features.cache_aside import CacheAside, CachePolicy
from chalicelib.features.cells import FINEST_RESOLUTION, with_parents
from chalicelib.features.mysql import MysqlFeatures
from chalicelib.features.mysql_session import MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import SharedCachedFeatures
from chalicelib.ports import Runtime
from tools.build.features import TARGET
from tools.database.dataset_loader import mysql_writer
from tools.database.load_ranges import describe, rows

SAMPLE: Final = 2_000
LAND_CELLS: Final = 87_000
"""Approximate number of cells of the finest resolution that have land."""

TABLE_SIZE: Final = """
    SELECT table_rows, data_length + index_length FROM information_schema.tables
     WHERE table_schema = 'rangefinder' AND table_name = 'geo_feature'
"""


def main() -> None:
    """Load, and print the sizes."""
    with servers() as (server, cache_server, _):
        description, taxa = describe(TARGET)
        start = time.perf_counter()
        loaded = mysql_writer(server.url).load(description, taxa, rows(TARGET))
        seconds = time.perf_counter() - start
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE rangefinder.geo_feature")
            cursor.execute(TABLE_SIZE)
            _, size = cursor.fetchone()
        print(
            f"database: {loaded:,} rows loaded in {seconds:.0f} s "
            f"({loaded / seconds:,.0f} a second), "
            f"{size / 1e6:.0f} MB, {size / loaded:.0f} bytes a row"
        )
        server_address = mysql_connection(server.url)
        shared = SharedCachedFeatures(
            MysqlFeatures(lambda: server_address, MysqlOptions(), time.monotonic),
            CacheAside(
                RedisCache(RedisOptions(cache_server.url), time.monotonic),
                CachePolicy(),
                Runtime(lambda: "bench", time.time, time.sleep, random.random),
                lambda work: work(),
            ),
        )
        for cell in land_cells(TARGET, SAMPLE, random.Random(1)):
            shared.features([with_parents(cell)], 0)
        with cache_server.client() as client:
            keys = list(client.scan_iter("geo:ranges-*", count=1_000))
            values = [client.strlen(key) for key in keys]
            memory = [client.memory_usage(key) for key in keys]
        print(
            f"cache: {len(keys):,} places of resolution {FINEST_RESOLUTION}, "
            f"median {statistics.median(values):,.0f} bytes, largest {max(values):,}; "
            "with Redis's own overhead "
            f"{statistics.mean(memory):,.0f} bytes on average, so {LAND_CELLS:,} cells of land "
            f"take {statistics.mean(memory) * LAND_CELLS / 1e6:.0f} MB a month"
        )


if __name__ == "__main__":
    main()

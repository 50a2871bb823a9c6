"""Measure a lookup in each tier, and the bare call below it: ``make bench-lookup``.

All figures are medians of one run. Each tier takes turns with its bare call: Redis with a ``GET``
of the same bytes by redis-py, the database with a ``SELECT`` of the same rows by PyMySQL. The
places are four of the embedded ranges, and one with all animals that have a range.
"""

import random
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import pymysql
import redis
from msgspec.structs import replace

from bench.servers import servers
from chalicelib.domain import PlaceFeatures, TaxonFeature
from chalicelib.features.cache_codec import PlaceCodec
from chalicelib.features.cells import cell_chain
from chalicelib.features.memory_cache import MemoryCachedFeatures
from chalicelib.features.mysql import LOOKUP, MysqlFeatures
from chalicelib.features.mysql_session import MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.ports import Runtime
from tests.conftest import PLACES, load_places

RUNS: Final = 2_000
YEAR: Final = 0
LONG: Final = 86_400.0


def medians(*calls: Callable[[], object]) -> tuple[float, ...]:
    """Return the median milliseconds of each call; the calls take turns."""
    samples: tuple[list[float], ...] = tuple([] for _ in calls)
    for _ in range(RUNS):
        for call, times in zip(calls, samples, strict=True):
            start = time.perf_counter()
            call()
            times.append(1000 * (time.perf_counter() - start))
    return tuple(statistics.median(times) for times in samples)


def with_every_animal(features: PlaceFeatures, taxa: frozenset[str]) -> PlaceFeatures:
    """Return the place as if all animals had been observed there."""
    example = next(iter(features.taxa.values()))
    return replace(features, taxa={taxon: TaxonFeature(example.status, 0.5, 0.1) for taxon in taxa})


def main() -> None:
    """Print a row for each place."""
    print(
        f"{'place':14}{'taxa':>5}{'bytes':>7}{'memory':>9}{'Redis':>8}{'GET':>8}{'ratio':>7}"
        f"{'database':>10}{'SELECT':>8}{'ratio':>7}   (ms, medians of {RUNS:,})"
    )
    with ExitStack() as opened:
        server, cache, _ = opened.enter_context(servers())
        load_places(server.url)
        tiers = Tiers(
            server.url,
            cache.url,
            opened.enter_context(redis.Redis.from_url(cache.url, socket_timeout=1.0)),
            opened.enter_context(bare_cursor(server.url)),
        )
        for name, place in PLACES.items():
            print(tiers.row(name, cell_chain(place)), flush=True)
        print(tiers.row("every animal", cell_chain(PLACES["Douro"]), is_full=True))


class Tiers:
    """The tiers of a lookup, and the bare clients below them."""

    def __init__(self, mysql_url: str, redis_url: str, bare: redis.Redis, cursor: Any) -> None:
        connection = mysql_connection(mysql_url)
        runtime = Runtime(lambda: "bench", time.time, time.sleep, random.random)
        self.database = MysqlFeatures(lambda: connection, MysqlOptions(), time.monotonic)
        self.cache = RedisCache(RedisOptions(redis_url), time.monotonic)
        self.shared = SharedCachedFeatures(self.database, self.cache, CachePolicy(), runtime)
        self.bare = bare
        self.cursor = cursor

    def row(self, name: str, cells: tuple[str, ...], *, is_full: bool = False) -> str:
        """Measure a place; ``is_full`` means with all animals."""
        features = self.database.features(cells, YEAR)
        if is_full:
            features = with_every_animal(features, self.database.dataset().taxa)
        codec = PlaceCodec(features.dataset, YEAR, cells[0])
        key = codec.key()
        self.cache.put({key: codec.encode(features, time.time() + LONG, 0.0)}, LONG)
        memory = MemoryCachedFeatures(self.shared, time.monotonic, LONG, LONG, 1_000)
        memory.features(cells, YEAR)
        statement = LOOKUP.format(cells="%s, %s, %s", months="%s")
        numbers = (*(int(cell, 16) for cell in cells), YEAR)

        def select() -> None:
            self.cursor.execute(statement, numbers)
            self.cursor.fetchall()

        (in_memory,) = medians(lambda: memory.features(cells, YEAR))
        shared, get = medians(lambda: self.shared.features(cells, YEAR), lambda: self.bare.get(key))
        database, bare = medians(lambda: self.database.features(cells, YEAR), select)
        return (
            f"{name:14}{len(features.taxa):5}{len(self.bare.get(key) or b''):7}{in_memory:9.4f}"
            f"{shared:8.3f}{get:8.3f}{shared / get:7.2f}"
            f"{database:10.3f}{bare:8.3f}{database / bare:7.2f}"
        )


def bare_cursor(url: str) -> Any:
    """Return a cursor of PyMySQL."""
    return pymysql.connect(**mysql_connection(url).arguments(None), autocommit=True).cursor()


if __name__ == "__main__":
    main()

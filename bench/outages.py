"""Measure the time that an outage costs a user: ``make bench-outages``.

First the program looks up places that only the database has, while the shared cache fails in
different ways: with its circuit breaker closed, and with it open. Then it makes whole predictions
while neither server answers, while the database sleeps, and after a freeze. At last the cache takes
no more writes, and a new dataset comes. The memory cache is off, but where the table says so.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Final, NamedTuple

import numpy as np
import redis
from msgspec.structs import replace

from bench.servers import servers
from chalicelib.bootstrap import Services
from chalicelib.domain import GeoStatus, Identification
from chalicelib.identify import IdentifyRequest
from chalicelib.ports import Runtime
from chalicelib.settings import Settings
from tests.conftest import OCEAN, PLACES, load_places
from tests.fakes import FakeClock
from tests.proxy import Fault, Proxy, proxy
from tests.samples import SAMPLES
from tests.servers import Mariadb, RedisServer, port_of

LOOKUPS: Final = 100
ENVIRONMENTS: Final = 30
FAILURES: Final = 3
"""Failed calls that open the cache's breaker. A lookup makes one call."""

PREDICTIONS: Final = 40
"""Whole predictions for each row of their table."""

TOKENS: Final = count()

PLACE: Final = PLACES["Kruger park"]
UNCACHED: Final = [place for place in PLACES.values() if place is not PLACE] + [OCEAN]
PHOTO: Final = SAMPLES["jaguar.jpg"].content


def milliseconds(work: Callable[[], object]) -> float:
    """Run ``work`` and return its milliseconds."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def service(mysql: str, redis: str = "") -> Services:
    """Return the service with default settings, without its memory cache."""
    settings = {"RANGEFINDER_MYSQL_URL": mysql, "RANGEFINDER_MEMORY_CACHE_ENTRIES": "0"}
    if redis:
        settings["RANGEFINDER_REDIS_URL"] = redis
    return Services.build(Settings.from_environment(settings))


def lookup(services: Services) -> object:
    """Look up the features of one place."""
    return services.places.look_up(PLACE, 0)


class Times(NamedTuple):
    """Milliseconds of lookups with the breaker closed and open, and by the database alone."""

    closed: list[float]
    open: list[float]
    plain: list[float]


def outage(plain: Services, mysql: str, cache: RedisServer, door: Proxy, fault: Fault) -> Times:
    """Measure lookups of environments that are already connected to the database."""
    times = Times([], [], [])
    for _ in range(ENVIRONMENTS):
        door.become(Fault.NONE)
        with cache.client() as client:
            client.flushall()
        services = service(mysql, f"redis://127.0.0.1:{door.port}")
        lookup(services)
        door.become(fault)
        for number in range(FAILURES + LOOKUPS):
            times.plain.append(milliseconds(partial(lookup, plain)))
            duration = milliseconds(partial(lookup, services))
            (times.closed if number < FAILURES else times.open).append(duration)
    return times


def added(times: list[float], plain: list[float]) -> str:
    """Return how much longer they took, at the median and at the 99th percentile."""
    with_cache, without = (np.percentile(sample, [50, 99]) for sample in (times, plain))
    return "".join(f"{difference:8.1f}" for difference in with_cache - without)


class Behind(NamedTuple):
    """The servers, each behind a proxy, and clocks that the bench moves."""

    database: Proxy
    cache: Proxy
    mysql_url: str
    redis_url: str
    clock: FakeClock
    time_of_day: FakeClock

    def environment(self) -> Services:
        """Return a new environment with default settings and an empty memory."""
        settings = {
            "RANGEFINDER_MYSQL_URL": self.mysql_url,
            "RANGEFINDER_REDIS_URL": self.redis_url,
        }
        runtime = Runtime(
            lambda: f"outage-{next(TOKENS)}", self.time_of_day, time.sleep, lambda: 0.5
        )
        # Only the repositories get the moved clock: the stages are timed by the real one.
        services = Services.build(Settings.from_environment(settings), self.clock, runtime)
        services.classifier.load()
        identify = replace(services.identify, clock=time.monotonic)
        return replace(services, identify=identify)

    def pass_time(self, seconds: float) -> None:
        """Move both clocks."""
        self.clock.now += seconds
        self.time_of_day.now += seconds


@contextmanager
def behind_proxies(mysql_url: str, cache: RedisServer) -> Iterator[Behind]:
    """Empty the cache, and put a proxy before each server."""
    with cache.client() as client:
        client.flushall()
    with proxy(cache.port) as cache_door, proxy(port_of(mysql_url)) as database_door:
        yield Behind(
            database_door,
            cache_door,
            mysql_url.replace(str(port_of(mysql_url)), str(database_door.port)),
            f"redis://127.0.0.1:{cache_door.port}",
            FakeClock(0.0),
            FakeClock(1_800_000_000.0),
        )


def row(name: str, answers: list[Identification]) -> str:
    """Return a row: the outcomes of predictions, and how long they waited for the place."""
    waits = [answer.timings["wait"] for answer in answers]
    statuses = Counter(answer.geo.status for answer in answers)
    sources = Counter(answer.geo.features.source for answer in answers if answer.geo.features)
    degraded = statuses[GeoStatus.DEGRADED]
    told = ", ".join(f"{source} {count}" for source, count in sources.items())
    p50, p99 = np.percentile(waits, [50, 99])
    return f"{name:45}{len(answers):6}{degraded:10}{p50:9.1f}{p99:9.1f}   {told}"


def silent_database(behind: Behind) -> Iterator[str]:
    """Yield the rows of a database that never answers, for a minute after the other."""
    request = IdentifyRequest(PHOTO, PLACE)
    behind.environment().identify(request)
    behind.database.become(Fault.BLACK_HOLE)
    answers = []
    for _ in range(PREDICTIONS // 4):
        services = behind.environment()
        for _ in range(4):  # the first from Redis, the others from memory
            answers.append(services.identify(request))
            behind.pass_time(60)
    yield row("the database is silent: a cached place", answers)
    answers = []
    for _ in range(PREDICTIONS // 4):
        services = behind.environment()
        for place in UNCACHED:
            answers.append(services.identify(IdentifyRequest(PHOTO, place)))
    yield row("the database is silent: other places", answers)


def frozen(behind: Behind) -> Iterator[str]:
    """Yield the row of environments whose connections a freeze has lost."""
    answers = []
    for _ in range(PREDICTIONS):
        services = behind.environment()
        services.identify(IdentifyRequest(PHOTO, PLACE))
        behind.database.lose_open_connections()
        behind.cache.lose_open_connections()
        behind.pass_time(600)
        with redis.Redis.from_url(behind.redis_url) as client:
            client.flushall()
        answers.append(services.identify(IdentifyRequest(PHOTO, UNCACHED[0])))
    yield row("both connections were lost in a freeze", answers)


def read_only_cache(behind: Behind, activate: Callable[[str], None]) -> Iterator[str]:
    """Yield how long a new dataset stays unnoticed while the cache refuses writes."""
    services = behind.environment()
    request = IdentifyRequest(PHOTO, PLACE)
    old = services.identify(request).geo.dataset
    with redis.Redis.from_url(behind.redis_url) as client:
        client.replicaof("127.0.0.1", 1)
    activate("another")
    seconds, noticed = 0, False
    while not noticed and seconds < 600:
        behind.pass_time(1)
        seconds += 1
        dataset = services.identify(request).geo.dataset
        noticed = dataset is not None and dataset != old
    with redis.Redis.from_url(behind.redis_url) as client:
        client.replicaof("NO", "ONE")
    yield f"the cache takes no writes: a new dataset was noticed after {seconds} simulated seconds"


def whole_predictions(database: Mariadb, cache: RedisServer) -> Iterator[str]:
    """Yield the rows of whole predictions while servers fail."""
    yield f"{'whole predictions':45}{'':6}{'degraded':>10}{'wait p50':>9}{'p99':>9}   source"
    for play in (silent_database, frozen):
        with behind_proxies(database.url, cache) as behind:
            yield from play(behind)

    def activate(version: str) -> None:
        with database.root() as connection, connection.cursor() as cursor:
            cursor.execute("UPDATE rangefinder.dataset SET version = %s", (version,))
            connection.commit()

    with behind_proxies(database.url, cache) as behind:
        yield from read_only_cache(behind, activate)


def main() -> None:
    """Print a row for each fault."""
    logging.disable(logging.WARNING)  # the service tells of each breaker that opens
    with servers() as (database, cache, _):
        load_places(database.url)
        without = service(database.url)
        lookup(without)
        print("milliseconds that the fault adds to a lookup by the database alone")
        print(f"{'':45}{'breaker closed':>16}{'breaker open':>16}")
        print(f"{'fault: the cache ...':45}{'p50':>8}{'p99':>8}{'p50':>8}{'p99':>8}")
        for fault in Fault:
            if fault is not Fault.NONE:
                with proxy(cache.port) as door:
                    times = outage(without, database.url, cache, door, fault)
                closed, open_breakers = (
                    added(times.closed, times.plain),
                    added(times.open, times.plain),
                )
                print(f"{fault.value:45}{closed}{open_breakers}", flush=True)
        with proxy(cache.port) as cache_door, proxy(database.port) as database_door:
            services = service(
                database.url.replace(str(database.port), str(database_door.port)),
                f"redis://127.0.0.1:{cache_door.port}",
            )
            services.classifier.load()
            request = IdentifyRequest(PHOTO, PLACE)
            healthy = milliseconds(lambda: services.identify(request))
            cache_door.become(Fault.BLACK_HOLE)
            database_door.become(Fault.BLACK_HOLE)
            silent = [milliseconds(lambda: services.identify(request)) for _ in range(5)]
        print(
            f"\nwhole predictions, both servers silent: "
            f"{', '.join(f'{duration:.0f}' for duration in silent)} ms "
            f"(the first, with both servers up: {healthy:.0f} ms)\n"
        )
        for line in whole_predictions(database, cache):
            print(line, flush=True)


if __name__ == "__main__":
    main()

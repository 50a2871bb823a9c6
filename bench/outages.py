"""Measure the time that an outage costs a user: ``make bench-outages``.

First the program looks up places that only the database has, while the shared cache fails in
different ways: with its circuit breaker closed, and with it open. Then it makes whole predictions
while neither server answers. The memory cache is off.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from bench.servers import servers
from chalicelib.bootstrap import Services
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tests.conftest import PLACES, load_places
from tests.proxy import Fault, Proxy, proxy
from tests.samples import SAMPLES
from tests.servers import RedisServer

LOOKUPS: Final = 100
ENVIRONMENTS: Final = 30
FAILURES: Final = 3
"""Failed calls that open the cache's breaker. A lookup makes one call."""

PLACE: Final = PLACES["Kruger park"]
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


def main() -> None:
    """Print a row for each fault."""
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
            f"(the first, with both servers up: {healthy:.0f} ms)"
        )


if __name__ == "__main__":
    main()

"""What an outage costs a visitor: ``make bench-outages``.

Lookups of places that only the database knows, with the shared cache failing in every way
that networks do: while its breaker is still closed, and once it is open. Then a whole
prediction, model and all, with neither server answering. Memory is switched off.
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
"""Calls to the cache until its breaker opens; a lookup makes one while that fails."""
PLACE: Final = PLACES["Kruger park"]
PHOTO: Final = SAMPLES["jaguar.jpg"].content


def milliseconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def service(mysql: str, redis: str = "") -> Services:
    """As settings make it by default, but for memory."""
    settings = {"RANGEFINDER_MYSQL_URL": mysql, "RANGEFINDER_MEMORY_CACHE_SECONDS": "0"}
    if redis:
        settings["RANGEFINDER_REDIS_URL"] = redis
    return Services.build(Settings.from_environment(settings))


def lookup(services: Services) -> object:
    """The features of one place."""
    return services.places.look_up(PLACE, 0)


class Times(NamedTuple):
    """Lookups before the breaker opens and after, each with the plain one beside it."""

    closed: list[float]
    open: list[float]
    plain: list[float]


def outage(plain: Services, mysql: str, cache: RedisServer, door: Proxy, fault: Fault) -> Times:
    """Lookups of some environments that are connected to the database already."""
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
            spent = milliseconds(partial(lookup, services))
            (times.closed if number < FAILURES else times.open).append(spent)
    return times


def added(times: list[float], plain: list[float]) -> str:
    """What they took longer, at the median and at the 99th percentile."""
    ours, theirs = (np.percentile(one, [50, 99]) for one in (times, plain))
    return "".join(f"{one:8.1f}" for one in ours - theirs)


def main() -> None:
    """Print a row for each fault."""
    with servers() as (database, cache, _):
        load_places(database.url)
        without = service(database.url)
        lookup(without)
        print("added to a lookup by the database alone, in ms")
        print(f"{'':45}{'breaker closed':>16}{'open':>16}")
        print(f"{'the cache ...':45}{'p50':>8}{'p99':>8}{'p50':>8}{'p99':>8}")
        for fault in Fault:
            if fault is not Fault.NONE:
                with proxy(cache.port) as door:
                    times = outage(without, database.url, cache, door, fault)
                closed, open_breakers = (
                    added(times.closed, times.plain),
                    added(times.open, times.plain),
                )
                print(f"{fault.value:45}{closed}{open_breakers}", flush=True)
        with proxy(cache.port) as one, proxy(database.port) as other:
            services = service(
                database.url.replace(str(database.port), str(other.port)),
                f"redis://127.0.0.1:{one.port}",
            )
            services.classifier.load()
            query = IdentifyRequest(PHOTO, PLACE)
            usual = milliseconds(lambda: services.identify(query))
            one.become(Fault.BLACK_HOLE)
            other.become(Fault.BLACK_HOLE)
            spent = [milliseconds(lambda: services.identify(query)) for _ in range(5)]
        print(
            f"\nwhole predictions, both servers silent: {', '.join(f'{one:.0f}' for one in spent)}"
            f" ms (the first with both up: {usual:.0f} ms)"
        )


if __name__ == "__main__":
    main()

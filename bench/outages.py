"""What an outage costs a visitor: ``make bench-outages``.

Lookups of places that only the database knows, with the shared cache failing in every way
that networks do: while its breaker is still closed, and once it is open. Then a whole
prediction, model and all, with neither server answering. Memory is switched off.
"""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from chalicelib.bootstrap import Services
from chalicelib.identify import Query
from chalicelib.settings import Settings
from tests.conftest import PLACES, load_places
from tests.proxy import Fault, Proxy, proxy
from tests.samples import SAMPLES
from tests.servers import mariadb, redis_server

LOOKUPS: Final = 300
ENVIRONMENTS: Final = 10
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
    services = Services.build(Settings.from_environment(settings))
    services.classifier.load()
    return services


def lookup(services: Services) -> object:
    """The features of one place."""
    return services.places.geo(PLACE, 0)


def outage(mysql: str, door: Proxy, fault: Fault) -> tuple[list[float], list[float]]:
    """Lookups before the breaker opens (over several environments), and after."""
    before: list[float] = []
    after: list[float] = []
    for number in range(ENVIRONMENTS):
        door.become(Fault.NONE)
        services = service(mysql, f"redis://127.0.0.1:{door.port}")
        lookup(services)
        door.become(fault)
        once = partial(lookup, services)
        before += [milliseconds(once) for _ in range(FAILURES)]
        if number == 0:
            after = [milliseconds(once) for _ in range(LOOKUPS)]
    return before, after


def main() -> None:
    """Print a row for each fault."""
    with ExitStack() as opened:
        directories = [Path(opened.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        database = opened.enter_context(mariadb(directories[0]))
        cache = opened.enter_context(redis_server(directories[1]))
        load_places(database.url)
        without = service(database.url)
        lookup(without)
        plain = np.percentile([milliseconds(lambda: lookup(without)) for _ in range(LOOKUPS)], 99)
        print(f"without a cache: p99 {plain:.1f} ms\n\nadded to that, p99 in ms")
        print(f"{'the cache ...':45}{'breaker closed':>16}{'open':>8}")
        for fault in Fault:
            if fault is not Fault.NONE:
                with proxy(cache.port) as door:
                    before, after = (
                        np.percentile(times, 99) - plain
                        for times in outage(database.url, door, fault)
                    )
                print(f"{fault.value:45}{before:16.1f}{after:8.1f}", flush=True)
        with proxy(cache.port) as one, proxy(database.port) as other:
            services = service(
                database.url.replace(str(database.port), str(other.port)),
                f"redis://127.0.0.1:{one.port}",
            )
            query = Query(PHOTO, PLACE)
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

"""Simulate ten minutes of steady traffic on cached places, and count the database's queries.

The servers are real; time is not. Clocks that the bench moves stand in for ten minutes, so that
everything that happens by time happens: refreshes, renewals, checks.
"""

import random
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import h3

from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates
from chalicelib.ports import Runtime
from chalicelib.settings import Settings
from tests.fakes import FakeClock
from tests.servers import Mariadb

SECONDS: Final = 600
LIFE_SECONDS: Final = 120
"""An environment ends after this time, and a new one with an empty memory takes its place."""

ENVIRONMENTS: Final = 4
START: Final = 1_800_000_000.0


def steady(database: Mariadb, settings: dict[str, str], cells: Sequence[str]) -> dict[str, Any]:
    """Look up one place a second in each environment; return the figures of the run.

    Args:
        database: the server whose queries count.
        settings: the settings of an environment, with the URLs of database and cache.
        cells: the places; each is cached before the ten minutes begin.
    """
    chance = random.Random(1)
    monotonic, time_of_day, tokens = FakeClock(0.0), FakeClock(START), count()
    runtime = Runtime(lambda: f"steady-{next(tokens)}", time_of_day, lambda _: None, chance.random)

    def environment() -> Services:
        return Services.build(Settings.from_environment(settings), monotonic, runtime)

    points = [Coordinates(*h3.cell_to_latlng(cell)) for cell in cells]
    first = environment()
    for point in points:
        first.places.look_up(point, 0)
    environments = [environment() for _ in range(ENVIRONMENTS)]
    before, statuses = database.selects(), Counter[str]()
    for second in range(SECONDS):
        monotonic.now += 1
        time_of_day.now += 1
        if second % LIFE_SECONDS == LIFE_SECONDS - 1:
            environments = [environment() for _ in range(ENVIRONMENTS)]
        for services in environments:
            statuses[services.places.look_up(chance.choice(points), 0).status] += 1
    return {"lookups": dict(statuses), "queries": database.selects() - before}

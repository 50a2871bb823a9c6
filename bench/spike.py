"""Simulate a spike of requests: ``make bench-spike``.

Each process behaves like one Lambda environment. The processes identify photos at places that
follow Zipf's law, against a real MariaDB and a real Redis: without a cache, with a cold and a warm
cache, and while either server is killed and restarted.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h3
import numpy as np

from bench.crowd import Place, crowd, land_cells, zipf
from bench.environment import FAILED, Visit
from bench.servers import servers
from bench.steady import steady
from bench.watch import Reading, Watch
from chalicelib.features.cells import COARSEST_RESOLUTION
from tests.servers import Mariadb, RedisServer
from tools import ROOT
from tools.build.features import TARGET
from tools.database.dataset_loader import mysql_writer
from tools.database.load_ranges import describe, rows

SEED: Final = 20261124
SOURCES: Final = ("memory", "cache", "stale", "embedded", "database")

STEADY_PLACES: Final = 200
"""Places of the ten simulated minutes."""

SHORT_LIVED: Final = {
    "RANGEFINDER_CACHE_KEPT_SECONDS": "5",
    "RANGEFINDER_MEMORY_CACHE_ENTRIES": "20",
}
"""Within half a minute, entries leave the cache and the memory as they otherwise would in weeks."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A state of the servers; ``down`` is killed after a third of the run, restarted after two."""

    name: str
    has_cache: bool = True
    is_warm: bool = False
    settings: Mapping[str, str] | None = None
    down: str = ""


SCENARIOS: Final = (
    Scenario("no cache", has_cache=False, settings={"RANGEFINDER_MEMORY_CACHE_ENTRIES": "0"}),
    Scenario("cold cache"),
    Scenario("warm cache", is_warm=True),
    Scenario("entries of 5 s", is_warm=True, settings=SHORT_LIVED),
    Scenario("Redis killed", is_warm=True, settings=SHORT_LIVED, down="Redis"),
    Scenario("MariaDB killed", is_warm=True, settings=SHORT_LIVED, down="MariaDB"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a scenario: the visits, and the load of the database."""

    name: str
    visits: Sequence[Visit]
    readings: Sequence[Reading]
    queries: int
    connections: int

    def figures(self) -> dict[str, Any]:
        """Return the row of the table."""
        sources = Counter(visit.source for visit in self.visits)
        statuses = Counter(visit.status for visit in self.visits)
        lookups = [visit.lookup for visit in self.visits if visit.status != FAILED]
        return {
            "predictions": len(self.visits),
            "failed": statuses[FAILED],
            "degraded": statuses["degraded"],
            "queriesPerThousand": 1000 * self.queries / len(self.visits),
            "connections": self.connections,
            **{source: sources[source] / len(self.visits) for source in SOURCES},
            "lookupMedian": float(np.percentile(lookups, 50)),
            "lookup99": float(np.percentile(lookups, 99)),
        }


@dataclass(frozen=True, slots=True)
class Stage:
    """The servers, and the places that are in the database."""

    database: Mariadb
    cache: RedisServer
    directory: Path
    cells: Sequence[str]

    def settings(self, *, has_cache: bool = True) -> dict[str, str]:
        """Return the settings that connect an environment to the servers."""
        urls = {"RANGEFINDER_MYSQL_URL": self.database.url}
        return urls | ({"RANGEFINDER_REDIS_URL": self.cache.url} if has_cache else {})

    def warm(self, settings: Mapping[str, str]) -> None:
        """Fill the cache with every place, as after hours of traffic."""
        places = [h3.cell_to_latlng(cell) for cell in self.cells]
        with crowd(2, places, settings) as visitors:
            visitors.go()
            visitors.visits()

    def faults(self, down: str) -> tuple[Callable[[], None], Callable[[], None]]:
        """Return functions that kill a server and restart it."""
        if down == "Redis":
            return self.cache.kill, lambda: self.cache.start(self.directory)
        return self.database.kill, self.database.start


def load(database: Mariadb, cells: Sequence[str]) -> None:
    """Load the ranges of the cells and their parents, as ``make load-ranges`` does."""
    description, taxa = describe(TARGET)
    needed = {
        int(h3.cell_to_parent(cell, resolution), 16)
        for cell in cells
        for resolution in range(COARSEST_RESOLUTION, h3.get_resolution(cell) + 1)
    }
    features = [row for cell in sorted(needed) for row in rows(TARGET, (cell, cell))]
    mysql_writer(database.url).load(description, taxa, features)


def play(
    stage: Stage, scenario: Scenario, environments: int, places: Sequence[Place], pace: float
) -> Outcome:
    """Run a scenario."""
    with stage.cache.client() as client:
        client.flushall()
    settings = stage.settings(has_cache=scenario.has_cache) | dict(scenario.settings or {})
    if scenario.is_warm:
        stage.warm(settings)
    watch = Watch(stage.database)
    seconds = pace * len(places) / environments
    with crowd(environments, places, settings, pace) as visitors:
        watch.begin()
        visitors.go()
        if scenario.down:
            kill, restart = stage.faults(scenario.down)
            watch.until(lambda: watch.seconds > seconds / 3)
            kill()
            watch.until(lambda: watch.seconds > seconds * 2 / 3)
            restart()
        watch.until(lambda: not visitors.is_busy())
        visits = visitors.visits()
    return Outcome(scenario.name, visits, watch.readings, watch.queries, watch.connections)


def burst(stage: Stage, environments: int, requests: int, *, has_redis: bool) -> dict[str, Any]:
    """Ask for one place that no cache has, from all environments at once."""
    with stage.cache.client() as client:
        client.flushall()
    if not has_redis:
        stage.cache.kill()
    place = h3.cell_to_latlng(stage.cells[0])
    with (
        crowd(environments, [place] * requests, stage.settings()) as visitors,
        stage.database.listening() as queries,
    ):
        visitors.go()
        visits = visitors.visits()
    if not has_redis:
        stage.cache.start(stage.directory)
    return {
        "predictions": len(visits),
        "failed": sum(visit.status == FAILED for visit in visits),
        "degraded": sum(visit.status == "degraded" for visit in visits),
        "placeQueries": queries["places"],
        "datasetQueries": queries["dataset"],
    }


def table(outcomes: Sequence[Outcome]) -> str:
    """Return a table with a row for each scenario."""
    header = (
        f"{'scenario':15}{'predictions':>12}{'failed':>8}{'degraded':>10}{'DB queries':>12}"
        f"{'DB':>6}{'memory':>8}{'cache':>7}{'stale':>7}{'file':>7}{'DB':>7}{'lookup ms':>16}\n"
        f"{'':45}{'per 1,000':>12}{'conn.':>6}{'':36}{'p50':>8}{'p99':>8}"
    )
    lines = [header]
    for outcome in outcomes:
        row = outcome.figures()
        shares = "".join(f"{row[source]:{8 if source == 'memory' else 7}.1%}" for source in SOURCES)
        lines.append(
            f"{outcome.name:15}{row['predictions']:12,}{row['failed']:8}{row['degraded']:10}"
            f"{row['queriesPerThousand']:12.1f}{row['connections']:6}{shares}"
            f"{row['lookupMedian']:8.2f}{row['lookup99']:8.1f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Run all scenarios, print the figures, and write them and the diagram."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--environments", type=int, default=16, help="default: %(default)s")
    parser.add_argument("--places", type=int, default=2_000, help="default: %(default)s")
    parser.add_argument(
        "--predictions", type=int, default=6_000, help="in each scenario; default: %(default)s"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=200.0,
        help="predictions a second in total; default: %(default)s",
    )
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build", help="directory for the results"
    )
    options = parser.parse_args()
    chance = random.Random(SEED)
    with servers() as (database, cache, directory):
        stage = Stage(
            database,
            cache,
            directory,
            land_cells(TARGET, options.places, chance),
        )
        load(stage.database, stage.cells)
        bursts = {
            name: burst(stage, options.environments, 1_000, has_redis=has_redis)
            for name, has_redis in (("Redis up", True), ("Redis down", False))
        }
        for name, figures in bursts.items():
            print(f"1,000 requests at once for one cold place, {name}: {figures}", flush=True)
        outcomes = []
        for scenario in SCENARIOS:
            places = zipf(stage.cells, options.predictions, chance)
            pace = options.environments / options.rate
            outcomes.append(play(stage, scenario, options.environments, places, pace))
            print(f"{scenario.name}: done", flush=True)
        calm = steady(stage.database, stage.settings(), stage.cells[:STEADY_PLACES])
    print(f"\n{table(outcomes)}")
    print(f"\n10 simulated minutes of steady traffic on cached places: {calm}")
    options.build.mkdir(exist_ok=True)
    figures = {outcome.name: outcome.figures() for outcome in outcomes}
    figures |= {"bursts": bursts, "steady": calm}
    (options.build / "spike.json").write_text(json.dumps(figures, indent=2))
    from tools.evaluate.plots import database_load  # noqa: PLC0415 - slow

    database_load(
        {outcome.name: outcome.readings for outcome in outcomes}, options.build / "spike.png"
    )


if __name__ == "__main__":
    main()

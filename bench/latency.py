"""The latency of one prediction: ``make bench``.

First the handler, on a real event of API Gateway, in turns with the floor (:mod:`bench.floor`)
and a tutorial's handler (:mod:`bench.tutorial`) in one process: with one thread, as Lambda has
at 1,769 MB, and with as many as there are cores. Then the service and three serving frameworks
over HTTP (:mod:`bench.over_http`). Then the memory that a photo takes (:mod:`bench.memory`).
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import over_http
from bench.servers import servers
from tests.conftest import load_places
from tools import ROOT

PYTHON: Final = ROOT / ".venvs" / "bench" / "bin" / "python"
PHOTOS: Final = ROOT / "build" / "bench"
STAGES: Final = ("read", "locate", "features", "decode", "classify", "wait", "combine", "total")
OVER_HTTP: Final = ("0.1.jpg", "4.jpg", "12.jpg")
MEMORY: Final = ("12.jpg", "48.jpg", "12.heic")
"""A HEIC of 48 megapixels is refused: to decode it takes more than the limit allows."""

PER_ROUND: Final = 2
"""How often :mod:`bench.handler` runs handler and floor before it goes on to the tutorial."""

Times = Mapping[str, list[float]]


def machine() -> str:
    """What the figures are worth only with."""
    model = next(
        line.partition(": ")[2]
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    return (
        f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}"
    )


def percentiles(times: list[float]) -> tuple[float, float]:
    """The median and the 99th percentile."""
    middle, slow = np.percentile(times, [50, 99])
    return float(middle), float(slow)


def ratio(times: Times) -> float:
    """Handler to floor: the median over the rounds, each of which has both twice.

    Other work of the machine comes and goes, and hits both of a round alike.
    """
    rounds = (np.reshape(times[name], (-1, PER_ROUND)).sum(axis=1) for name in ("handler", "floor"))
    return float(np.median(np.divide(*rounds)))


def child(module: str, *arguments: str, **environment: str) -> Any:
    """What a module prints as JSON, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env={**os.environ, **environment},
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return json.loads(done.stdout)


def handler_table(found: Mapping[str, Times]) -> str:
    """A row for each photo: handler, floor and tutorial, then the handler's stages."""
    lines = [
        f"{'':10}{'runs':>5}{'handler':>16}{'floor':>16}{'/ floor':>9}{'tutorial':>16}"
        f"{'/ handler':>10}   (ms: p50, p99)"
    ]
    for file, times in found.items():
        handler, floor, tutorial = (
            percentiles(times[name]) for name in ("handler", "floor", "tutorial")
        )
        columns = "".join(
            f"{pair[0]:9.1f}{pair[1]:7.1f}{shown}"
            for pair, shown in (
                (handler, ""),
                (floor, f"{ratio(times):9.2f}"),
                (tutorial, f"{tutorial[0] / handler[0]:10.2f}"),
            )
        )
        lines.append(f"{file:10}{len(times['handler']):5}{columns}")
    lines.append(f"\n{'stages':10}" + "".join(f"{stage:>10}" for stage in STAGES) + "   (ms, p50)")
    for file, times in found.items():
        spent = (percentiles(times[f"stage {stage}"])[0] for stage in STAGES)
        lines.append(f"{file:10}" + "".join(f"{one:10.2f}" for one in spent))
    return "\n".join(lines)


def http_table(found: Mapping[str, Times]) -> str:
    """A row for each contestant, a column for each photo.

    "/ ours" is the median over the rounds of what it took to what ours, alike, took by chalice
    local in the same round.
    """
    lines = [f"{'':36}" + "".join(f"{file:>25}" for file in found) + "   (ms: p50, p99, / ours)"]
    for group in over_http.GROUPS:
        lines.append(group)
        for name in over_http.NAMES:
            cells = ""
            for times in found.values():
                own = times[over_http.key(group, name)]
                ours = times[over_http.key(group, over_http.NAMES[0])]
                middle, slow = percentiles(own)
                cells += f"{middle:9.1f}{slow:8.1f}{np.median(np.divide(own, ours)):8.2f}"
            lines.append(f"  {name:34}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print; the times themselves go to ``build/latency.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="for each photo in each table")
    seconds = parser.parse_args().seconds
    subprocess.run([PYTHON, "-m", "bench.photos", PHOTOS], cwd=ROOT, check=True)
    print(f"{machine()}\nfeatures: in memory, from the embedded store\n")
    results: dict[str, Any] = {}
    with servers() as (database, cache, _):
        load_places(database.url)
        tutorial = {"TUTORIAL_REDIS": cache.url, "TUTORIAL_MYSQL": database.url}
        for threads in ("1", "0"):
            settings = {"RANGEFINDER_CLASSIFIER_THREADS": threads, **tutorial}
            found = child("bench.handler", str(PHOTOS), str(seconds), **settings)
            results[f"threads {threads}"] = found
            count = threads if threads != "0" else f"{os.cpu_count()} (the cores)"
            print(f"threads: {count}\n{handler_table(found)}\n", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        photos = {file: (PHOTOS / file).read_bytes() for file in OVER_HTTP}
        groups = len(over_http.GROUPS)
        results["http"] = over_http.compare(photos, groups * seconds, PYTHON, Path(directory))
    print(f"over HTTP\n{http_table(results['http'])}\n")
    print(f"{'memory':10}{'idle':>8}{'peak':>8}{'above':>8}   (MB)")
    for file in MEMORY:
        largest = {"RANGEFINDER_MAXIMUM_PHOTO_BYTES": "25000000"}  # as by way of the bucket
        used = results[f"memory {file}"] = child("bench.memory", str(PHOTOS / file), **largest)
        above = used["peak"] - used["idle"]
        print(f"{file:10}{used['idle']:8.0f}{used['peak']:8.0f}{above:8.0f}")
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")
    (ROOT / "build" / "latency.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()

"""Measure the latency of one prediction: ``make bench``.

1. The handler on an event of API Gateway, in turns with the baseline (:mod:`bench.baseline`) and a
   tutorial's handler (:mod:`bench.tutorial`), in one process. First with one thread, as on Lambda
   at 1,769 MB, then with one thread for each core.
2. The service and three serving frameworks over HTTP (:mod:`bench.over_http`).
3. The memory that a photo takes (:mod:`bench.memory`).
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
"""The service refuses a HEIC of 48 megapixels: decoding it takes more memory than the limit."""

PER_ROUND: Final = 2
"""Runs of handler and baseline in each round of :mod:`bench.handler`."""

Times = Mapping[str, list[float]]


def machine() -> str:
    """Describe the machine, without which the figures mean nothing."""
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
    """Return the median and the 99th percentile."""
    middle, slow = np.percentile(times, [50, 99])
    return float(middle), float(slow)


def ratio(times: Times) -> float:
    """Return handler / baseline: the median over the rounds; each round has both twice.

    Other load on the machine comes and goes, and slows both parts of a round alike.
    """
    rounds = (
        np.reshape(times[name], (-1, PER_ROUND)).sum(axis=1) for name in ("handler", "baseline")
    )
    return float(np.median(np.divide(*rounds)))


def child(module: str, *arguments: str, **environment: str) -> Any:
    """Run a module in a process of its own, and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT, env={**os.environ, **environment},
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return json.loads(done.stdout)


def handler_table(times_by_photo: Mapping[str, Times]) -> str:
    """Return a row for each photo: handler, baseline, tutorial, and the handler's stages."""
    lines = [
        f"{'photo':10}{'runs':>5}{'handler':>16}{'baseline':>16}{'handler / baseline':>20}"
        f"{'tutorial':>16}{'tutorial / handler':>20}   (ms: p50, p99)"
    ]
    for file, times in times_by_photo.items():
        handler, baseline, tutorial = (
            percentiles(times[name]) for name in ("handler", "baseline", "tutorial")
        )
        columns = "".join(
            f"{middle:9.1f}{slow:7.1f}{ratio_text}"
            for (middle, slow), ratio_text in (
                (handler, ""),
                (baseline, f"{ratio(times):20.2f}"),
                (tutorial, f"{tutorial[0] / handler[0]:20.2f}"),
            )
        )
        lines.append(f"{file:10}{len(times['handler']):5}{columns}")
    lines.append(f"\n{'stages':10}" + "".join(f"{stage:>10}" for stage in STAGES) + "   (ms, p50)")
    for file, times in times_by_photo.items():
        medians = (percentiles(times[f"stage {stage}"])[0] for stage in STAGES)
        lines.append(f"{file:10}" + "".join(f"{median:10.2f}" for median in medians))
    return "\n".join(lines)


def http_table(times_by_photo: Mapping[str, Times]) -> str:
    """Return a row for each server, a column for each photo.

    "/ ours" is the ratio to chalice local of the same group: the median over the rounds.
    """
    heads = "".join(f"{file:>25}" for file in times_by_photo)
    lines = [f"{'server':36}{heads}   (ms: p50, p99, / ours)"]
    for group in over_http.GROUPS:
        lines.append(group)
        for name in over_http.NAMES:
            cells = ""
            for times in times_by_photo.values():
                own = times[over_http.key(group, name)]
                ours = times[over_http.key(group, over_http.NAMES[0])]
                middle, slow = percentiles(own)
                cells += f"{middle:9.1f}{slow:8.1f}{np.median(np.divide(own, ours)):8.2f}"
            lines.append(f"  {name:34}{cells}")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the tables, and write all times to ``build/latency.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--seconds",
        type=float,
        default=15.0,
        help="for each photo in each table; default: %(default)s",
    )
    seconds = parser.parse_args().seconds
    if not PYTHON.exists():
        sys.exit(f"{PYTHON} does not exist: run make bench, which installs it")
    subprocess.run([PYTHON, "-m", "bench.photos", PHOTOS], cwd=ROOT, check=True)
    print(
        f"{machine()}\nfeatures: in memory, from the embedded store\n"
        "baseline: decode, resize and run the model, nothing else\n"
    )
    results: dict[str, Any] = {}
    with servers() as (database, cache, _):
        load_places(database.url)
        tutorial = {"TUTORIAL_REDIS": cache.url, "TUTORIAL_MYSQL": database.url}
        for threads in ("1", "0"):
            settings = {"RANGEFINDER_CLASSIFIER_THREADS": threads, **tutorial}
            times = child("bench.handler", str(PHOTOS), str(seconds), **settings)
            results[f"threads {threads}"] = times
            count = threads if threads != "0" else f"{os.cpu_count()} (one for each core)"
            print(f"threads: {count}\n{handler_table(times)}\n", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        photos = {file: (PHOTOS / file).read_bytes() for file in OVER_HTTP}
        groups = len(over_http.GROUPS)
        results["http"] = over_http.compare(photos, groups * seconds, PYTHON, Path(directory))
    print(f"over HTTP\n{http_table(results['http'])}\n")
    print(f"{'photo':10}{'idle':>8}{'peak':>8}{'above':>8}   (MB of memory)")
    for file in MEMORY:
        largest = {"RANGEFINDER_MAXIMUM_PHOTO_BYTES": "25000000"}  # as for photos from the bucket
        used = results[f"memory {file}"] = child("bench.memory", str(PHOTOS / file), **largest)
        above = used["peak"] - used["idle"]
        print(f"{file:10}{used['idle']:8.0f}{used['peak']:8.0f}{above:8.0f}")
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")
    (ROOT / "build" / "latency.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()

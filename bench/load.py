"""Measure many uploads at once: ``make bench-load``.

Several environments run these sources, each a process with Lambda's runtime client, with a real
MariaDB and Redis behind them. As on Lambda, each serves one request at a time; uploads wait for a
free environment. The program compares their rate with that of as many processes of the baseline
(:mod:`bench.baseline`), in turns. It also prints how much memory, file descriptors and threads of
each environment grow after the first tenth of the requests.
"""

import argparse
import queue
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from bench.latency import machine
from bench.servers import Servers, servers
from bench.spike import load
from chalicelib.domain import Coordinates
from chalicelib.features.cells import cell_chain
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import FROM_SOURCE, Function, lay_out_runtime, running
from tests.samples import ANIMALS, DIRECTORY, Sample
from tools import ROOT

ROUNDS: Final = 5
BASELINE_SECONDS: Final = 5

Event = dict[str, Any]


class State(NamedTuple):
    """The resources of a process: resident memory in MB, open file descriptors, threads."""

    megabytes: float
    descriptors: int
    threads: int


def state_of(pid: int) -> State:
    """Read the resources of a process from ``/proc``."""
    process = Path("/proc") / str(pid)
    status = process.joinpath("status").read_text()
    resident, threads = (
        int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads")
    )
    return State(resident * 1024 / 1e6, len(list(process.joinpath("fd").iterdir())), threads)


def photographs() -> list[Sample]:
    """Return the samples that are JPEGs with a place."""
    return [
        sample
        for sample in ANIMALS
        if sample.media_type == "image/jpeg" and sample.latitude is not None
    ]


def place_of(sample: Sample) -> Coordinates:
    """Return the place of the sample."""
    assert sample.latitude is not None
    assert sample.longitude is not None
    return Coordinates(sample.latitude, sample.longitude)


def upload(sample: Sample) -> Event:
    """Return the event of API Gateway for a form with the photo."""
    body = form(("photo", sample.content))
    return event("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})


@contextmanager
def environments(number: int, backends: Servers) -> Iterator[list[Function]]:
    """Run ``number`` environments, each with one thread for the model."""
    settings = {
        **FROM_SOURCE,
        "RANGEFINDER_MYSQL_URL": backends.database.url,
        "RANGEFINDER_REDIS_URL": backends.cache.url,
    }
    with tempfile.TemporaryDirectory() as directory, ExitStack() as opened:
        runtime = lay_out_runtime(Path(directory) / "runtime")
        yield [opened.enter_context(running(ROOT, runtime, settings)) for _ in range(number)]


def serve(functions: Sequence[Function], uploads: Sequence[Event]) -> list[float]:
    """Send the uploads to all environments; return the milliseconds of each upload."""
    waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
    for upload_event in uploads:
        waiting.put(upload_event)

    def work(function: Function) -> list[float]:
        times: list[float] = []
        while True:
            try:
                upload_event = waiting.get_nowait()
            except queue.Empty:
                return times
            start = time.perf_counter()
            answer = function.invoke(upload_event)
            times.append(1000 * (time.perf_counter() - start))
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

    with ThreadPoolExecutor(len(functions)) as workers:
        return [duration for times in workers.map(work, functions) for duration in times]


def baseline_rate(processes: int) -> float:
    """Return photos a second of several processes that each run the baseline."""
    photos = [str(DIRECTORY / sample.file) for sample in photographs()]
    command = [sys.executable, "-m", "bench.baseline", str(BASELINE_SECONDS), *photos]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(processes)
    ]
    return sum(int(process.communicate()[0]) for process in started) / BASELINE_SECONDS


def main() -> None:
    """Serve all uploads and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--environments", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--requests", type=int, default=10_000, help="default: %(default)s")
    options = parser.parse_args()
    number = options.environments
    print(machine())
    uploads = [upload(sample) for sample in photographs()]
    uploads = [uploads[index % len(uploads)] for index in range(options.requests)]
    warm_up = options.requests // 10
    times: list[float] = []
    rates: list[tuple[float, float]] = []
    with servers() as backends, environments(number, backends) as functions:
        cells = {cell_chain(place_of(sample))[0] for sample in photographs()}
        load(backends.database, sorted(cells))
        serve(functions, uploads[:warm_up])
        before = [state_of(function.pid) for function in functions]
        for part in range(ROUNDS):
            baseline = baseline_rate(number)
            start = time.monotonic()
            served = serve(functions, uploads[warm_up + part :: ROUNDS])
            rates.append((len(served) / (time.monotonic() - start), baseline))
            times += served
        after = [state_of(function.pid) for function in functions]
        connections = (
            backends.database.counters()["Threads_connected"] - 1
        )  # without the connection of this program
    middle, slow = np.percentile(times, [50, 99])
    rate, baseline = np.median(rates, axis=0)
    print(
        f"{len(times):,} uploads in {number} environments, none failed: {rate:.1f} a second, "
        f"p50 {middle:.1f} ms, p99 {slow:.1f} ms\n"
        f"baseline (decode and model only) in {number} processes: {baseline:.1f} a second; "
        f"service / baseline {np.median([ours / other for ours, other in rates]):.2f} "
        f"(medians of {ROUNDS} rounds)\n"
        f"database connections: {connections}"
    )
    for name in State._fields:
        grown = ", ".join(
            f"{getattr(first, name):.0f} -> {getattr(last, name):.0f}"
            for first, last in zip(before, after, strict=True)
        )
        print(f"{name} of each environment after {warm_up:,} and {options.requests:,}: {grown}")


if __name__ == "__main__":
    main()

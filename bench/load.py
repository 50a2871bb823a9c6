"""Many uploads at once: ``make bench-load``.

Several environments, each a process run by Lambda's runtime client from these sources, with a
real MariaDB and Redis behind them; as on Lambda, each has one request at a time. UploadStore queue
for whichever is free. What they manage together stands beside as many processes that do
nothing but decode and run the model (:mod:`bench.floor`), in turns. Then what each
environment has grown by, from a tenth of the requests on: memory, file descriptors, threads.
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
FLOOR_SECONDS: Final = 5

Event = dict[str, Any]


class State(NamedTuple):
    """What a process holds: resident memory in MB, open file descriptors, threads."""

    megabytes: float
    descriptors: int
    threads: int


def state_of(pid: int) -> State:
    """Read from ``/proc``."""
    process = Path("/proc") / str(pid)
    status = process.joinpath("status").read_text()
    resident, threads = (
        int(re.findall(rf"{name}:\s+(\d+)", status)[0]) for name in ("VmRSS", "Threads")
    )
    return State(resident * 1024 / 1e6, len(list(process.joinpath("fd").iterdir())), threads)


def photographs() -> list[Sample]:
    """The samples that are JPEGs and say where they were taken."""
    return [one for one in ANIMALS if one.media_type == "image/jpeg" and one.latitude is not None]


def place_of(sample: Sample) -> Coordinates:
    """Where it was taken."""
    assert sample.latitude is not None
    assert sample.longitude is not None
    return Coordinates(sample.latitude, sample.longitude)


def upload(sample: Sample) -> Event:
    """A form with the photo, as API Gateway hands it on."""
    body = form(("photo", sample.content))
    return event("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})


@contextmanager
def environments(number: int, behind: Servers) -> Iterator[list[Function]]:
    """So many, each with one thread for the model."""
    settings = {
        **FROM_SOURCE,
        "RANGEFINDER_MYSQL_URL": behind.database.url,
        "RANGEFINDER_REDIS_URL": behind.cache.url,
    }
    with tempfile.TemporaryDirectory() as directory, ExitStack() as opened:
        runtime = lay_out_runtime(Path(directory) / "runtime")
        yield [opened.enter_context(running(ROOT, runtime, settings)) for _ in range(number)]


def serve(functions: Sequence[Function], uploads: Sequence[Event]) -> list[float]:
    """Milliseconds of each upload in its environment, all environments at work."""
    waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
    for one in uploads:
        waiting.put(one)

    def work(function: Function) -> list[float]:
        times: list[float] = []
        while True:
            try:
                one = waiting.get_nowait()
            except queue.Empty:
                return times
            start = time.perf_counter()
            answer = function.invoke(one)
            times.append(1000 * (time.perf_counter() - start))
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

    with ThreadPoolExecutor(len(functions)) as workers:
        return [spent for times in workers.map(work, functions) for spent in times]


def floor_rate(processes: int) -> float:
    """Photos a second of so many processes that each run the floor."""
    photos = [str(DIRECTORY / sample.file) for sample in photographs()]
    command = [sys.executable, "-m", "bench.floor", str(FLOOR_SECONDS), *photos]
    started = [
        subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for _ in range(processes)
    ]
    return sum(int(process.communicate()[0]) for process in started) / FLOOR_SECONDS


def main() -> None:
    """Serve, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--environments", type=int, default=4)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    number = options.environments
    print(machine())
    uploads = [upload(sample) for sample in photographs()]
    uploads = [uploads[one % len(uploads)] for one in range(options.requests)]
    warm_up = options.requests // 10
    times: list[float] = []
    rates: list[tuple[float, float]] = []
    with servers() as behind, environments(number, behind) as functions:
        load(behind.database, sorted({cell_chain(place_of(one))[0] for one in photographs()}))
        serve(functions, uploads[:warm_up])
        before = [state_of(function.pid) for function in functions]
        for part in range(ROUNDS):
            floor = floor_rate(number)
            start = time.monotonic()
            served = serve(functions, uploads[warm_up + part :: ROUNDS])
            rates.append((len(served) / (time.monotonic() - start), floor))
            times += served
        after = [state_of(function.pid) for function in functions]
        connections = behind.database.counters()["Threads_connected"] - 1  # its own
    middle, slow = np.percentile(times, [50, 99])
    rate, floor = np.median(rates, axis=0)
    print(
        f"{len(times):,} uploads in {number} environments, none failed: {rate:.1f} a second, "
        f"p50 {middle:.1f} ms, p99 {slow:.1f} ms\n"
        f"the floor in as many processes: {floor:.1f} a second; ours / floor "
        f"{np.median([one / other for one, other in rates]):.2f} (medians of {ROUNDS} rounds)\n"
        f"database connections: {connections}"
    )
    for name in State._fields:
        grown = ", ".join(
            f"{getattr(one, name):.0f} -> {getattr(other, name):.0f}"
            for one, other in zip(before, after, strict=True)
        )
        print(f"{name} of each environment after {warm_up:,} and {options.requests:,}: {grown}")


if __name__ == "__main__":
    main()

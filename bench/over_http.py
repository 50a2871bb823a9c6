"""The service and the serving frameworks, each asked for the same photo by the same HTTP client.

All are up at once and asked in rounds, each round in an order of its own and each time over a
new connection, so that whatever the machine does hits all alike. Ours goes by ``chalice local``,
and by the Runtime API as on Lambda (Lambda's own runtime client, fed by an emulator), where the
event is JSON with base64.
"""

import http.client
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chalicelib.settings import MB_PER_VCPU
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import FROM_SOURCE, lay_out_runtime, running
from tools import ROOT
from tools.show.serving import free_port, serving

RIVALS: Final = {
    "FastAPI, uvicorn": (
        "uvicorn",
        "bench.frameworks.fastapi_app:app",
        "--no-access-log",
        "--port",
    ),
    "LitServe": ("bench.frameworks.litserve_app",),
    "BentoML": ("bentoml", "serve", "bench.frameworks.bentoml_app:Classify", "--port"),
}
"""What to run by ``python -m``; the port comes last."""

CORES: Final = os.cpu_count() or 1
GROUPS: Final[Mapping[str, tuple[dict[str, str], dict[str, str]]]] = {
    "as each comes": ({}, {"BENCH_DECODING": "full"}),
    **{
        f"alike, {threads} thread(s)": (
            {"RANGEFINDER_CLASSIFIER_THREADS": f"{threads}"},
            {"BENCH_DECODING": "reduced", "BENCH_THREADS": f"{threads}"},
        )
        for threads in (1, CORES)
    },
}
"""Settings of ours and of the frameworks.

First each as it comes: ours with its defaults; a framework as its user would write it, who has
Pillow decode the photo whole and does not tell the interpreter how many threads to take, so that
it takes one. Then alike: JPEGs decoded at a reduced scale by all, with equally many threads.
"""

NAMES: Final = ("ours, chalice local", "ours, Runtime API", *RIVALS)
"""The contestants of each group."""

MEMORY: Final = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": f"{MB_PER_VCPU * CORES}"}
"""At which Lambda gives as many vCPUs as this machine has."""

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 10.0
WARM_UPS: Final = 5
SEED: Final = 20261127

Asks = Callable[[bytes], None]
"""Sends a photo, waits for the answer, and raises where that is not 200."""


def asks_at(url: str) -> Asks:
    """By HTTP, each time over a new connection."""
    parts = urlsplit(url)

    def ask(photo: bytes) -> None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection.request("POST", parts.path, form(("photo", photo)), {"Content-Type": FORM_TYPE})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            raise RuntimeError(body.decode())

    return ask


@contextmanager
def rival(name: str, python: Path, settings: Mapping[str, str]) -> Iterator[Asks]:
    """A framework's server with one worker; its processes end with it."""
    port = free_port()
    server = subprocess.Popen(
        [str(python), "-m", *RIVALS[name], str(port)],
        cwd=ROOT, start_new_session=True,
        env={**os.environ, **settings, "BENTOML_DO_NOT_TRACK": "True"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ask = asks_at(f"http://127.0.0.1:{port}/predict")
        _wait_for(ask)
        yield ask
    finally:
        server.terminate()  # BentoML ends its workers, which are in sessions of their own
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # LitServe leaves its worker
        server.wait()


def _wait_for(ask: Asks) -> None:
    """Until there is an answer: BentoML listens before it can give one."""
    deadline = time.monotonic() + START_SECONDS
    photo = (ROOT / "samples" / "jaguar.jpg").read_bytes()
    while True:
        try:
            return ask(photo)
        except (OSError, RuntimeError, http.client.HTTPException):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@contextmanager
def by_chalice_local(log: Path, settings: Mapping[str, str]) -> Iterator[Asks]:
    """Our service, by its development server."""
    with serving(settings, log=log) as url:
        yield asks_at(f"{url}/v1/predictions")


@contextmanager
def by_runtime_api(runtime: Path, settings: Mapping[str, str]) -> Iterator[Asks]:
    """Our handler from these sources, run by Lambda's runtime client."""
    with running(ROOT, runtime, {**FROM_SOURCE, **MEMORY, **settings}) as function:

        def ask(photo: bytes) -> None:
            body = form(("photo", photo))
            asked = event("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
            answer = function.invoke(asked)
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

        yield ask


def key(group: str, name: str) -> str:
    """A contestant of a group."""
    return f"{group}: {name}"


@contextmanager
def contestants(python: Path, directory: Path) -> Iterator[dict[str, Asks]]:
    """All of them, up; ``python`` is that of ``.venvs/bench``."""
    runtime = lay_out_runtime(directory / "runtime")
    with ExitStack() as opened:
        found = {}
        for group, (ours, theirs) in GROUPS.items():
            servers = (
                by_chalice_local(directory / f"{group}.log", ours),
                by_runtime_api(runtime, ours),
                *(rival(name, python, theirs) for name in RIVALS),
            )
            for name, server in zip(NAMES, servers, strict=True):
                found[key(group, name)] = opened.enter_context(server)
        yield found


def compare(
    photos: Mapping[str, bytes], seconds: float, python: Path, directory: Path
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by photo and contestant."""
    found: dict[str, dict[str, list[float]]] = {}
    order = random.Random(SEED)
    with contestants(python, directory) as servers:
        for file, photo in photos.items():
            for ask in servers.values():
                for _ in range(WARM_UPS):
                    ask(photo)
            times: dict[str, list[float]] = {name: [] for name in servers}
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                # A server may go on for a while after its answer, at the cost of the next.
                for name, ask in order.sample(list(servers.items()), len(servers)):
                    start = time.perf_counter()
                    ask(photo)
                    times[name].append(1000 * (time.perf_counter() - start))
            found[file] = times
            print(f"{file} over HTTP: done", file=sys.stderr)
    return found

"""Time the service and the serving frameworks with the same photos and the same HTTP client.

All servers run at once. The client asks them in rounds, each in a random order and with new
connections, so that other load on the machine slows all alike. Our service runs twice: by
``chalice local``, and by Lambda's own runtime client with an emulated Runtime API, where the event
is JSON with base64.
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

FRAMEWORKS: Final = {
    "FastAPI, uvicorn": (
        "uvicorn",
        "bench.frameworks.fastapi_app:app",
        "--no-access-log",
        "--port",
    ),
    "LitServe": ("bench.frameworks.litserve_app",),
    "BentoML": ("bentoml", "serve", "bench.frameworks.bentoml_app:Classify", "--port"),
}
"""Arguments of ``python -m``; the port is appended."""

CORES: Final = os.cpu_count() or 1
GROUPS: Final[Mapping[str, tuple[dict[str, str], dict[str, str]]]] = {
    "default settings": ({}, {"BENCH_DECODING": "full"}),
    **{
        f"equal settings, {threads} thread(s)": (
            {"RANGEFINDER_CLASSIFIER_THREADS": f"{threads}"},
            {"BENCH_DECODING": "reduced", "BENCH_THREADS": f"{threads}"},
        )
        for threads in (1, CORES)
    },
}
"""Settings of our service and of the frameworks.

Default settings: ours as it comes; the frameworks as their documentation shows them, where Pillow
decodes the whole photo and the interpreter takes one thread. Equal settings: all decode JPEGs at a
reduced scale, with the same number of threads.
"""

NAMES: Final = ("ours, chalice local", "ours, Runtime API", *FRAMEWORKS)
"""The servers of each group."""

MEMORY: Final = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": f"{MB_PER_VCPU * CORES}"}
"""Memory at which Lambda gives as many vCPUs as this machine has."""

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 10.0
WARM_UPS: Final = 5
SEED: Final = 20261127

Asks = Callable[[bytes], None]
"""Sends a photo, waits for the answer, and raises ``RuntimeError`` if its status is not 200."""


def asks_at(url: str) -> Asks:
    """Return a function that posts photos to the URL, each over a new connection."""
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
def framework(name: str, python: Path, settings: Mapping[str, str]) -> Iterator[Asks]:
    """Run a framework's server with one worker, and end all its processes."""
    port = free_port()
    server = subprocess.Popen(
        [str(python), "-m", *FRAMEWORKS[name], str(port)],
        cwd=ROOT, start_new_session=True,
        env={**os.environ, **settings, "BENTOML_DO_NOT_TRACK": "True"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        ask = asks_at(f"http://127.0.0.1:{port}/predict")
        _wait_for(ask)
        yield ask
    finally:
        server.terminate()  # BentoML ends its workers, which have sessions of their own
        with suppress(subprocess.TimeoutExpired):
            server.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)  # LitServe does not end its worker
        server.wait()


def _wait_for(ask: Asks) -> None:
    """Wait for the first answer: BentoML listens before it can answer."""
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
    """Run our service by its development server."""
    with serving(settings, log=log) as url:
        yield asks_at(f"{url}/v1/predictions")


@contextmanager
def by_runtime_api(runtime: Path, settings: Mapping[str, str]) -> Iterator[Asks]:
    """Run our handler from these sources by Lambda's runtime client."""
    with running(ROOT, runtime, {**FROM_SOURCE, **MEMORY, **settings}) as function:

        def ask(photo: bytes) -> None:
            body = form(("photo", photo))
            request = event("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
            answer = function.invoke(request)
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

        yield ask


def key(group: str, name: str) -> str:
    """Return the name of a server within its group."""
    return f"{group}: {name}"


@contextmanager
def all_servers(python: Path, directory: Path) -> Iterator[dict[str, Asks]]:
    """Run all servers; ``python`` is the interpreter of ``.venvs/bench``."""
    runtime = lay_out_runtime(directory / "runtime")
    with ExitStack() as opened:
        asks = {}
        for group, (ours, theirs) in GROUPS.items():
            servers = (
                by_chalice_local(directory / f"{group}.log", ours),
                by_runtime_api(runtime, ours),
                *(framework(name, python, theirs) for name in FRAMEWORKS),
            )
            for name, server in zip(NAMES, servers, strict=True):
                asks[key(group, name)] = opened.enter_context(server)
        yield asks


def compare(
    photos: Mapping[str, bytes], seconds: float, python: Path, directory: Path
) -> dict[str, dict[str, list[float]]]:
    """Return milliseconds by photo and server."""
    times_by_photo: dict[str, dict[str, list[float]]] = {}
    order = random.Random(SEED)
    with all_servers(python, directory) as servers:
        for file, photo in photos.items():
            for ask in servers.values():
                for _ in range(WARM_UPS):
                    ask(photo)
            times: dict[str, list[float]] = {name: [] for name in servers}
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                # A server may still work after its answer, which slows the next one.
                for name, ask in order.sample(list(servers.items()), len(servers)):
                    start = time.perf_counter()
                    ask(photo)
                    times[name].append(1000 * (time.perf_counter() - start))
            times_by_photo[file] = times
            print(f"{file} over HTTP: done", file=sys.stderr)
    return times_by_photo

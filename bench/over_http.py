"""The service and the serving frameworks, each asked for the same photo by the same HTTP client.

All are up at once and asked in turns, each time over a new connection, so that whatever the
machine does hits all alike. Ours goes by ``chalice local``, and by the Runtime API as on Lambda
(Lambda's own runtime client, fed by an emulator), where the event is JSON with base64.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import FROM_SOURCE, lay_out_runtime, running
from tools.serving import ROOT, free_port, serving

RIVALS: Final = {
    "FastAPI, uvicorn": ("uvicorn", "bench.rivals.fastapi_app:app", "--no-access-log", "--port"),
    "LitServe": ("bench.rivals.litserve_app",),
    "BentoML": ("bentoml", "serve", "bench.rivals.bentoml_app:Classify", "--port"),
}
"""What to run by ``python -m``; the port comes last."""

DECODINGS: Final = ("full", "reduced")
ONE_THREAD: Final = {"RANGEFINDER_CLASSIFIER_THREADS": "1"}
START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 10.0
WARM_UPS: Final = 5

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
def rival(name: str, decoding: str, python: Path) -> Iterator[Asks]:
    """A framework's server with one worker; its processes end with it."""
    port = free_port()
    server = subprocess.Popen(
        [str(python), "-m", *RIVALS[name], str(port)],
        cwd=ROOT, start_new_session=True,
        env={**os.environ, "BENCH_DECODING": decoding, "BENTOML_DO_NOT_TRACK": "True"},
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
def by_runtime_api(directory: Path) -> Iterator[Asks]:
    """Our handler from these sources, run by Lambda's runtime client."""
    runtime = lay_out_runtime(directory / "runtime")
    with running(ROOT, runtime, FROM_SOURCE | ONE_THREAD) as function:

        def ask(photo: bytes) -> None:
            body = form(("photo", photo))
            asked = event("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
            answer = function.invoke(asked)
            if answer["statusCode"] != 200:
                raise RuntimeError(answer["body"])

        yield ask


def compare(
    photos: Mapping[str, bytes], seconds: float, python: Path, directory: Path
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds by photo and contestant; ``python`` is that of ``.venvs/bench``."""
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as opened:
        url = opened.enter_context(serving(ONE_THREAD, log=directory / "local.log"))
        contestants = {
            "ours, chalice local": asks_at(f"{url}/v1/predictions"),
            "ours, Runtime API": opened.enter_context(by_runtime_api(directory)),
        }
        for decoding in DECODINGS:
            for name in RIVALS:
                server = rival(name, decoding, python)
                contestants[f"{name}, {decoding} decode"] = opened.enter_context(server)
        for file, photo in photos.items():
            for ask in contestants.values():
                for _ in range(WARM_UPS):
                    ask(photo)
            times: dict[str, list[float]] = defaultdict(list)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for name, ask in contestants.items():
                    start = time.perf_counter()
                    ask(photo)
                    times[name].append(1000 * (time.perf_counter() - start))
            found[file] = times
            print(f"{file} over HTTP: done", file=sys.stderr)
    return found

"""Run a package as Lambda does: with Lambda's runtime client, against a local Runtime API.

The process sees the package, what the Lambda runtime brings (the client and boto3) and the
standard library. It sees nothing else of the machine.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import queue
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import awslambdaric

from tools import ROOT

SITE_PACKAGES = Path(awslambdaric.__file__).parent.parent
RUNTIME = (
    "awslambdaric", "runtime_client.*.so", "simplejson", "snapshot_restore_py.py",
    "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3",
)  # fmt: skip
"""Packages that python3.12 and later have in /var/runtime and /var/lang."""

INTERPRETER = str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")
"""The interpreter outside any virtual environment: it sees only the paths that it is given."""

FROM_SOURCE = {"PYTHONPATH": f"{ROOT}:{SITE_PACKAGES}"}
"""Runs this checkout with its virtual environment instead of the package."""

MOST_SECONDS = 60.0


class FunctionError(Exception):
    """Raised if the runtime client reported an error, ended, or did not answer."""


class RuntimeApi(ThreadingHTTPServer):
    """A server that hands out events and takes answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, Any, float]] = queue.Queue()
        self.first_next: float | None = None
        """The time at which the function asked for its first event, by ``time.perf_counter``."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: a function that is killed closes its connection."""


class _Handler(BaseHTTPRequestHandler):
    server: RuntimeApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.server.first_next is None:
            self.server.first_next = time.perf_counter()
        event = json.dumps(self.server.events.get()).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4()))
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 29_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:::function:x")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(event)))
        self.end_headers()
        self.wfile.write(event)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"null")
        self.server.answers.put((self.path.rpartition("/")[2], body, time.perf_counter()))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


class Function:
    """A running execution environment."""

    def __init__(self, api: RuntimeApi, process: subprocess.Popen[bytes], started: float) -> None:
        self._api = api
        self._process = process
        self._started = started

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def invoke(self, event: Mapping[str, Any]) -> Any:
        """Return the answer to an event. Raises ``FunctionError``."""
        return self.timed_invoke(event)[0]

    def timed_invoke(self, event: Mapping[str, Any]) -> tuple[Any, float]:
        """Return the answer, and its time in seconds since the process started."""
        self._api.events.put(dict(event))
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline:
            try:
                kind, body, when = self._api.answers.get(timeout=0.5)
            except queue.Empty:
                if self._process.poll() is not None:
                    raise FunctionError(f"ended with {self._process.returncode}") from None
                continue
            if kind == "error":
                raise FunctionError(json.dumps(body, indent=1))
            return body, when - self._started
        raise FunctionError("no answer")

    @property
    def seconds_to_first_next(self) -> float:
        """Seconds from the process's start until it asked for its first event."""
        assert self._api.first_next is not None
        return self._api.first_next - self._started


def lay_out_runtime(directory: Path) -> Path:
    """Make a directory with links to what the Lambda runtime brings."""
    directory.mkdir()
    for name in RUNTIME:
        (installed,) = SITE_PACKAGES.glob(name)
        (directory / installed.name).symlink_to(installed)
    return directory


@contextmanager
def running(
    package: Path,
    runtime: Path,
    environment: Mapping[str, str] | None = None,
    handler: str = "app.app",
) -> Iterator[Function]:
    """Run the package as a function. ``runtime`` is of :func:`lay_out_runtime`."""
    api = RuntimeApi()
    Thread(target=api.serve_forever, daemon=True).start()
    started = time.perf_counter()
    process = subprocess.Popen(
        [INTERPRETER, "-S", "-s", "-m", "awslambdaric", handler],
        cwd=package,
        env={
            "PYTHONPATH": f"{package}:{runtime}",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "rangefinder-dev",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python3.{sys.version_info.minor}",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "LANG": "en_US.UTF-8",
            **(environment or {}),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Function(api, process, started)
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()

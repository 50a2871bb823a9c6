"""The website of infra/website in front of an API, with the start script of its container."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import ROOT
from tools.show.serving import free_port

START = ROOT / "infra" / "website" / "start"
CONFIGURATION = START.with_name("nginx.conf")
KEY = "kEy0123456789abcdefghij"
DEADLINE_SECONDS = 30.0


@dataclass
class Website:
    """A running website."""

    url: str
    port: int
    state: Path
    output: Path

    def lines(self) -> list[dict[str, Any]]:
        """Return what it has logged of requests so far."""
        return [
            json.loads(line)
            for line in self.output.read_text(encoding="utf-8").splitlines()
            if line.startswith("{")
        ]

    def line(self, request_id: str) -> dict[str, Any]:
        """Return the log line of a request; nginx writes it after the answer."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for line in self.lines():
                if line["requestId"] == request_id:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"{request_id} is not in the log")


def environment(api_url: str, state: Path, port: int, **more: str) -> dict[str, str]:
    """Return the environment of the start script."""
    return {
        "PATH": os.environ["PATH"], "API_URL": api_url, "API_KEY": KEY,
        "LISTEN": f"127.0.0.1:{port}", "STATE": str(state), "REQUESTS_PER_SECOND": "100000",
        **more,
    }  # fmt: skip


@contextmanager
def website(directory: Path, api_url: str, **more: str) -> Iterator[Website]:
    """Run Debian's nginx as the container does, on a free port."""
    port = free_port()
    state, output = directory / "state", directory / "output"
    # Its workers would otherwise change to a user who may not read the directories of a test.
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    with output.open("ab") as log:
        process = subprocess.Popen(
            [START, *user], env=environment(api_url, state, port, **more),
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        _wait(process, port, output)
        yield Website(f"http://127.0.0.1:{port}", port, state, output)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(state)


def _wait(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    healthy = [START.with_name("is-healthy")]
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        done = subprocess.run(
            healthy, env={**os.environ, "LISTEN": str(port)}, check=False, capture_output=True
        )
        if done.returncode == 0:
            return
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"The website did not start: {output.read_text()}")

"""Start ``chalice local`` on a free port, in a process of its own, and stop it again."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tools import ROOT

START_SECONDS: Final = 60.0

OFFLINE: Final = {
    # Chalice makes a botocore session; without these it probes for credentials.
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start(port: int, environment: Mapping[str, str], log: Path | None) -> subprocess.Popen[bytes]:
    """Start the server. Its log goes to ``log``, or where ours goes."""
    command = [
        str(Path(sys.executable).with_name("chalice")),
        "local", "--no-autoreload", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    with ExitStack() as opened:
        stderr = opened.enter_context(log.open("wb")) if log else None
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **OFFLINE, **environment},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )


def wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    """Return once the port answers. Raises ``RuntimeError`` where it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("chalice local did not start")


@contextmanager
def serving(environment: Mapping[str, str] | None = None, log: Path | None = None) -> Iterator[str]:
    """A running server's base URL. Stops just that server at the end."""
    port = free_port()
    server = start(port, environment or {}, log)
    try:
        wait_until_it_listens(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()

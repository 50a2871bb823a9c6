"""Start ``chalice local`` in a process of its own, and stop it again."""

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
HOST: Final = "127.0.0.1"
HIGHEST_PORT: Final = 65_535

OFFLINE: Final = {
    # Chalice makes a botocore session; without these it probes for credentials.
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
}


class ServerError(Exception):
    """The server cannot be started."""


def free_port() -> int:
    """Return a port that no program listens on just now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def usable_port(text: str, host: str = HOST) -> int:
    """Return the port that a user names. Raises ``ServerError`` if it cannot be had."""
    if not (text.isdecimal() and 1 <= int(text) <= HIGHEST_PORT):
        raise ServerError(f"PORT={text} is not a port: give a number from 1 to {HIGHEST_PORT}.")
    port = int(text)
    with socket.socket() as probe:
        # As the server does: a connection that was closed a moment ago is no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise ServerError(
                f"PORT={port} cannot be used ({reason}): give another one, or none for a free port."
            ) from None
    return port


def start(
    port: int, environment: Mapping[str, str], log: Path | None, host: str = HOST
) -> subprocess.Popen[bytes]:
    """Start the server. Its log goes to ``log``, or to our standard error."""
    command = [
        str(Path(sys.executable).with_name("chalice")),
        "local", "--no-autoreload", "--host", host, "--port", str(port),
    ]  # fmt: skip
    with ExitStack() as opened:
        stderr = opened.enter_context(log.open("wb")) if log else None
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **OFFLINE, **environment},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            # Ctrl-C interrupts us alone: we stop the server, without its traceback.
            start_new_session=True,
        )


def wait_until_it_listens(server: subprocess.Popen[bytes], port: int) -> None:
    """Return once the port answers. Raises ``ServerError`` if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise ServerError("chalice local did not start.")


@contextmanager
def serving(
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    port: str | None = None,
    host: str = HOST,
) -> Iterator[str]:
    """Run a server, and stop it at the end.

    Args:
        environment: Settings beside those of this process.
        log: A file for the server's log; without it, our standard error.
        port: A port as a user names it; without it, a free one.
        host: The address to listen on. The server must answer on the usual one, too.

    Yields:
        The base URL, without a slash at the end.

    Raises:
        ServerError: The port cannot be used, or the server did not start.
    """
    number = usable_port(port, host) if port else free_port()
    server = start(number, environment or {}, log, host)
    try:
        wait_until_it_listens(server, number)
        yield f"http://{HOST}:{number}"
    finally:
        server.terminate()
        server.wait()

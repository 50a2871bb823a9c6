"""Call the service in a loop without its log and metrics."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from chalicelib.http import telemetry


@contextmanager
def quiet() -> Iterator[None]:
    """Write nothing to standard output until the end of the block."""
    handlers = telemetry.logger.handlers
    with Path(os.devnull).open("w", encoding="utf-8") as sink:
        streams = [handler.setStream(sink) for handler in handlers]  # type: ignore[attr-defined]
        try:
            with redirect_stdout(sink):
                yield
        finally:
            for handler, stream in zip(handlers, streams, strict=True):
                handler.setStream(stream)  # type: ignore[attr-defined]

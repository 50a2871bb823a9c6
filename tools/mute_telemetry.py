"""The service without its log and metrics, for whoever calls it in a loop."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from chalicelib.http import telemetry


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing of what happens meanwhile is written to standard output."""
    handlers = telemetry.logger.handlers
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        usual = [handler.setStream(nowhere) for handler in handlers]  # type: ignore[attr-defined]
        try:
            with redirect_stdout(nowhere):
                yield
        finally:
            for handler, stream in zip(handlers, usual, strict=True):
                handler.setStream(stream)  # type: ignore[attr-defined]

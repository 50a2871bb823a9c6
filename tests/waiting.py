"""Wait for what another process does in its own time."""

import time
from collections.abc import Callable

MOST_SECONDS = 30.0
"""Longer than a busy machine needs."""

PAUSE_SECONDS = 0.002


def wait_until(is_done: Callable[[], object], what: str) -> None:
    """Return as soon as ``is_done``. Fail, and say ``what`` did not happen, after half a minute."""
    deadline = time.monotonic() + MOST_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, f"{what} did not happen within {MOST_SECONDS} seconds"
        time.sleep(PAUSE_SECONDS)

"""What the frameworks run: the floor."""

import os

from bench.floor import Floor


def model() -> Floor:
    """As ``BENCH_DECODING`` has it; without ``BENCH_THREADS`` the interpreter decides on them."""
    threads = os.environ.get("BENCH_THREADS")
    is_reduced = os.environ["BENCH_DECODING"] == "reduced"
    return Floor(int(threads) if threads else None, is_reduced=is_reduced)

"""What the frameworks run: the floor, with one thread."""

import os

from bench.floor import Floor


def model() -> Floor:
    """As ``BENCH_DECODING`` has it."""
    return Floor(threads=1, is_reduced=os.environ["BENCH_DECODING"] == "reduced")

"""The predictor that all frameworks run: the baseline."""

import os

from bench.baseline import Baseline


def model() -> Baseline:
    """Return the baseline with the decoding and the threads that the environment sets."""
    threads = os.environ.get("BENCH_THREADS")
    is_reduced = os.environ["BENCH_DECODING"] == "reduced"
    return Baseline(int(threads) if threads else None, is_reduced=is_reduced)

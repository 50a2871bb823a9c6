"""Figures of accuracy and calibration: pure functions on arrays with one entry for each photo."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CALIBRATION_BINS: Final = 15
"""Bins of equal width, as in Guo et al. 2017, https://arxiv.org/abs/1706.04599."""

RESAMPLES: Final = 1_000

NORMAL_QUANTILE: Final = 1.959964
"""The standard deviations that hold 95 % of a normal distribution."""


class Interval(NamedTuple):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def calibration_bins(scores: Floats, right: Flags) -> list[tuple[float, float, int]]:
    """Return mean score, share of right answers, and number of each bin that is not empty."""
    numbers = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        (float(scores[inside].mean()), float(right[inside].mean()), int(inside.sum()))
        for number in range(CALIBRATION_BINS)
        if (inside := numbers == number).any()
    ]


def expected_calibration_error(scores: Floats, right: Flags) -> float:
    """Return the mean distance between a score and the share of right answers with that score.

    Guo et al. 2017, equation 3. ``scores`` are those of the first answers, 0 to 1.
    """
    return sum(
        abs(score - share) * count / len(scores)
        for score, share, count in calibration_bins(scores, right)
    )


def brier_score(truth: float, others: Sequence[float]) -> float:
    """Return the squared distance from a certain, right answer: 0 to 2 (Brier 1950)."""
    return (1 - truth) ** 2 + sum(other**2 for other in others)


def wilson(count: int, whole: int) -> Interval:
    """Return a share with its 95 % interval (Wilson 1927), which is fair for few and for none."""
    if not whole:
        return Interval(np.nan, np.nan, np.nan)
    share, square = count / whole, NORMAL_QUANTILE**2
    middle = share + square / (2 * whole)
    reach = NORMAL_QUANTILE * np.sqrt(share * (1 - share) / whole + square / (4 * whole**2))
    low, high = ((middle + side * reach) / (1 + square / whole) for side in (-1, 1))
    return Interval(share, max(0.0, float(low)), min(1.0, float(high)))


def bootstrap(
    figure: Callable[[NDArray[np.intp]], float],
    clusters: Sequence[Any],
    generator: np.random.Generator,
) -> Interval:
    """Return a figure with a percentile interval.

    The bootstrap draws whole clusters (Efron and Tibshirani 1993, chapter 8), since copies of one
    photo are not independent of each other.

    Args:
        figure: Computes the figure of the rows whose numbers it gets.
        clusters: The cluster of each row.
        generator: The source of random numbers.
    """
    rows: dict[Any, list[int]] = {}
    for number, cluster in enumerate(clusters):
        rows.setdefault(cluster, []).append(number)
    groups = [np.array(numbers, dtype=np.intp) for numbers in rows.values()]
    values = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(len(groups), size=len(groups))
        values.append(figure(np.concatenate([groups[group] for group in drawn])))
    finite = [value for value in values if not np.isnan(value)]
    low, high = np.percentile(finite, [2.5, 97.5]) if finite else (np.nan, np.nan)
    return Interval(figure(np.arange(len(clusters), dtype=np.intp)), float(low), float(high))

"""Test the metrics of an evaluation."""

from collections.abc import Sequence

import numpy as np
import pytest

from tools.evaluate import metrics


def test_calibrated_scores_have_no_calibration_error():
    """Seven of ten answers at 0.7 are right."""
    scores = np.full(10, 0.7)
    right = np.arange(10) < 7
    assert metrics.expected_calibration_error(scores, right) == pytest.approx(0, abs=1e-9)


def test_the_calibration_error_is_weighted_by_the_number_of_photos():
    """Half of the photos are 0.3 off, the other half 0.1: Guo et al. 2017, equation 3."""
    scores = np.array([0.9] * 10 + [0.3] * 10)
    right = np.array([True] * 6 + [False] * 4 + [True] * 4 + [False] * 6)
    assert metrics.expected_calibration_error(scores, right) == pytest.approx(0.2)


def test_a_score_of_one_falls_into_the_last_bin():
    """A score of 1 has no bin of its own."""
    assert metrics.calibration_bins(np.array([1.0]), np.array([True])) == [(1.0, 1.0, 1)]


@pytest.mark.parametrize(
    ("truth", "others", "expected"),
    [(1.0, [0.0, 0.0], 0.0), (0.0, [1.0], 2.0), (0.5, [0.25, 0.25], 0.375)],
)
def test_the_brier_score_is_the_squared_distance_from_certainty(truth, others, expected):
    """The score is 0 if certain and right, 2 if certain and wrong."""
    assert metrics.brier_score(truth, others) == pytest.approx(expected)


def interval_of(values: list[float], clusters: Sequence[object]) -> metrics.Interval:
    array = np.array(values)
    return metrics.bootstrap(
        lambda rows: float(array[rows].mean()), clusters, np.random.default_rng(7)
    )


def test_an_interval_holds_its_figure_and_narrows_with_more_photos():
    """The standard error of a mean falls with the square root of their number."""
    few = interval_of([0.0, 1.0] * 10, list(range(20)))
    many = interval_of([0.0, 1.0] * 160, list(range(320)))
    for interval in (few, many):
        assert interval.value == 0.5
        assert interval.low < 0.5 < interval.high
    assert many.high - many.low == pytest.approx((few.high - few.low) / 4, rel=0.3)


def test_copies_of_a_photo_do_not_narrow_the_interval():
    """A hundred copies of two photos are worth two photos."""
    copied = interval_of([0.0] * 100 + [1.0] * 100, ["a"] * 100 + ["b"] * 100)
    assert (copied.low, copied.high) == (0.0, 1.0)


def test_the_same_seed_gives_the_same_interval():
    """A second run of the command prints the same figures."""
    assert interval_of([0.0, 1.0, 1.0], [1, 2, 3]) == interval_of([0.0, 1.0, 1.0], [1, 2, 3])


@pytest.mark.parametrize(
    ("count", "whole", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (95, 100, 0.8882, 0.9785),
    ],
)
def test_a_share_has_the_interval_of_wilson(count, whole, low, high):
    """As published tables have it; none of ten is not surely none."""
    interval = metrics.wilson(count, whole)
    assert interval.value == count / whole
    assert interval.low == pytest.approx(low, abs=5e-4)
    assert interval.high == pytest.approx(high, abs=5e-4)


def test_a_share_of_nothing_has_no_value():
    """A group without photos has no figure, rather than a good one."""
    assert np.isnan(metrics.wilson(0, 0).value)

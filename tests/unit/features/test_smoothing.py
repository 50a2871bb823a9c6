import pytest

from chalicelib.features.smoothing import CellCounts, smooth


def test_a_well_known_cell_speaks_for_itself():
    """A thousand looks are hardly moved by what the surroundings say."""
    found = smooth([CellCounts(1000, {"a": 500}), CellCounts(5000, {"a": 0})], prior_strength=1)
    assert found["a"] == pytest.approx(0.5, abs=0.001)


def test_a_cell_hardly_looked_at_follows_its_surroundings():
    """One look that missed the animal does not prove it absent."""
    found = smooth([CellCounts(1, {}), CellCounts(1000, {"a": 800})], prior_strength=4)
    assert found["a"] == pytest.approx(0.8 * 4 / 5)


def test_a_cell_that_nobody_looked_at_has_what_the_wider_one_has():
    """No data is not no animals."""
    assert smooth([CellCounts(0, {}), CellCounts(10, {"a": 5})], prior_strength=1) == {"a": 0.5}


def test_every_level_counts():
    """The finest is drawn to the middle one, which is drawn to the widest."""
    found = smooth(
        [CellCounts(1, {"a": 1}), CellCounts(1, {"a": 0}), CellCounts(1, {"a": 1})],
        prior_strength=1,
    )
    assert found["a"] == pytest.approx((1 + (0 + 1) / 2) / 2)


def test_without_any_look_nothing_is_known():
    """The open ocean."""
    assert smooth([CellCounts(0, {}), CellCounts(0, {})], prior_strength=1) == {}

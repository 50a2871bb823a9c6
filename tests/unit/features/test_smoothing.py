import pytest

from chalicelib.domain import EXPECTED_IN_RANGE
from chalicelib.features.smoothing import RANGE_PRIOR_STRENGTH, CellCounts, smooth


def test_a_large_effort_outweighs_the_parent_cell():
    """With a sampling effort of 1,000, a cell's presence hardly depends on its parent cell."""
    presences = smooth([CellCounts(1000, {"a": 500}), CellCounts(5000, {"a": 0})], prior_strength=1)
    assert presences["a"] == pytest.approx(0.5, abs=0.001)


def test_a_small_effort_keeps_close_to_the_parent_cell():
    """One observation of another animal does not prove this animal absent."""
    presences = smooth([CellCounts(1, {}), CellCounts(1000, {"a": 800})], prior_strength=4)
    assert presences["a"] == pytest.approx(0.8 * 4 / 5)


def test_an_unsampled_cell_has_the_presence_of_its_parent():
    """A cell without observations takes the presences of its parent cell."""
    assert smooth([CellCounts(0, {}), CellCounts(10, {"a": 5})], prior_strength=1) == {"a": 0.5}


def test_every_resolution_counts():
    """The finest cell is smoothed towards its parent, which is smoothed towards the coarsest."""
    presences = smooth(
        [CellCounts(1, {"a": 1}), CellCounts(1, {"a": 0}), CellCounts(1, {"a": 1})],
        prior_strength=1,
    )
    assert presences["a"] == pytest.approx((1 + (0 + 1) / 2) / 2)


def test_without_observations_there_are_no_presences():
    """A chain of cells without observations, as in the open ocean, has no presences."""
    assert smooth([CellCounts(0, {}), CellCounts(0, {})], prior_strength=1) == {}


def test_a_cell_with_all_its_points_does_not_expect_what_lives_only_beside_it():
    """A city at the foot of a mountain does not have the animals of the peaks."""
    levels = [CellCounts(7, {}), CellCounts(49, {"snow leopard": 49})]
    presences = smooth(levels, RANGE_PRIOR_STRENGTH)
    assert 0 < presences["snow leopard"] < EXPECTED_IN_RANGE

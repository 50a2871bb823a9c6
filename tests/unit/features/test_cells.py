from itertools import pairwise

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import Coordinates
from chalicelib.features import cells


@pytest.mark.parametrize(
    ("uncertainty", "resolution"),
    [(None, 4), (1.0, 4), (5_000.0, 4), (5_001.0, 3), (30_000.0, 3), (30_001.0, 2), (1e7, 2)],
)
def test_an_uncertain_position_gets_a_coarser_cell(uncertainty, resolution):
    """The more uncertain the position is, the coarser is the first cell of its chain."""
    assert cells.resolution_for(uncertainty) == resolution
    finest = cells.cell_chain(Coordinates(48.1, 11.6, uncertainty))[0]
    assert h3.get_resolution(finest) == resolution


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    uncertainty=st.none() | st.floats(1, 1e7),
)
def test_every_point_of_the_globe_has_an_unbroken_chain(latitude, longitude, uncertainty):
    """Anywhere on the globe, each cell of the chain is the parent of the cell before it."""
    chain = cells.cell_chain(Coordinates(latitude, longitude, uncertainty))
    assert h3.get_resolution(chain[-1]) == cells.COARSEST_RESOLUTION
    for child, parent in pairwise(chain):
        assert h3.cell_to_parent(child) == parent


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    uncertainty=st.none() | st.floats(1, 1e7),
)
def test_the_weights_of_the_chains_sum_to_one(latitude, longitude, uncertainty):
    """The weights sum to 1, no chain occurs twice, and the first is the position's own."""
    weighted_chains = cells.weighted_chains(Coordinates(latitude, longitude, uncertainty))
    assert sum(weight for _, weight in weighted_chains) == pytest.approx(1)
    assert len({chain for chain, _ in weighted_chains}) == len(weighted_chains)
    assert weighted_chains[0][0] == cells.cell_chain(Coordinates(latitude, longitude, uncertainty))


@pytest.mark.parametrize("uncertainty", [10.0, 1_000.0, 50_000.0])
@pytest.mark.parametrize(("latitude", "longitude"), [(48.1, 11.6), (0.0, 179.999), (89.9, 0.0)])
def test_sampled_points_lie_within_the_uncertainty(latitude, longitude, uncertainty):
    """All sampled points lie within the uncertainty, and the farthest lies on its edge."""
    points = cells.sample_circle(Coordinates(latitude, longitude, uncertainty))
    distances = [
        h3.great_circle_distance((latitude, longitude), point, unit="m") for point in points
    ]
    assert max(distances) == pytest.approx(uncertainty, rel=0.001)
    assert len(points) == cells.CIRCLE_POINTS


def test_a_position_in_the_middle_of_a_cell_has_one_chain():
    """A position that is uncertain by 8 m, as a phone's, reaches no neighbouring cell."""
    latitude, longitude = h3.cell_to_latlng("841f8d1ffffffff")
    weighted_chains = cells.weighted_chains(Coordinates(latitude, longitude, 8.0))
    assert [weight for _, weight in weighted_chains] == [1.0]


def test_a_position_on_an_edge_has_the_chains_of_both_cells():
    """A position on the edge of two cells gets both chains, with about half the weight each."""
    first, second = h3.cell_to_boundary("841f8d1ffffffff")[:2]
    latitude, longitude = ((a + b) / 2 for a, b in zip(first, second, strict=True))
    weighted_chains = cells.weighted_chains(Coordinates(latitude, longitude, 2_000.0))
    assert len(weighted_chains) == 2
    assert all(0.3 < weight < 0.7 for _, weight in weighted_chains)

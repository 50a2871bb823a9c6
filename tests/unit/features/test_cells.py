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
def test_an_uncertain_point_claims_a_coarser_cell(uncertainty, resolution):
    """A cell must not pretend to more than the position knows."""
    assert cells.resolution_for(uncertainty) == resolution
    finest = cells.cell_chain(Coordinates(48.1, 11.6, uncertainty))[0]
    assert h3.get_resolution(finest) == resolution


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    uncertainty=st.none() | st.floats(1, 1e7),
)
def test_every_point_of_the_globe_has_an_unbroken_chain(latitude, longitude, uncertainty):
    """Poles and the antimeridian too: each cell is the parent of the one before it."""
    chain = cells.cell_chain(Coordinates(latitude, longitude, uncertainty))
    assert h3.get_resolution(chain[-1]) == cells.COARSEST_RESOLUTION
    for child, parent in pairwise(chain):
        assert h3.cell_to_parent(child) == parent


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    uncertainty=st.none() | st.floats(1, 1e7),
)
def test_the_shares_of_a_cover_sum_to_one(latitude, longitude, uncertainty):
    """Wherever on the globe, and however vague: no look is lost, and none counts twice."""
    cover = cells.weighted_chains(Coordinates(latitude, longitude, uncertainty))
    assert sum(share for _, share in cover) == pytest.approx(1)
    assert len({chain for chain, _ in cover}) == len(cover)
    assert cover[0][0] == cells.cell_chain(Coordinates(latitude, longitude, uncertainty))


@pytest.mark.parametrize("uncertainty", [10.0, 1_000.0, 50_000.0])
@pytest.mark.parametrize(("latitude", "longitude"), [(48.1, 11.6), (0.0, 179.999), (89.9, 0.0)])
def test_the_circle_lies_within_the_uncertainty(latitude, longitude, uncertainty):
    """And reaches its edge: distances as h3 measures them on the sphere."""
    points = cells.sample_circle(Coordinates(latitude, longitude, uncertainty))
    distances = [
        h3.great_circle_distance((latitude, longitude), point, unit="m") for point in points
    ]
    assert max(distances) == pytest.approx(uncertainty, rel=0.001)
    assert len(points) == cells.CIRCLE_POINTS


def test_a_point_in_the_middle_of_its_cell_has_that_cell_alone():
    """A phone's eight metres reach no neighbour."""
    latitude, longitude = h3.cell_to_latlng("841f8d1ffffffff")
    cover = cells.weighted_chains(Coordinates(latitude, longitude, 8.0))
    assert [share for _, share in cover] == [1.0]


def test_a_point_on_the_edge_of_its_cell_has_the_neighbour_too():
    """About half and half."""
    first, second = h3.cell_to_boundary("841f8d1ffffffff")[:2]
    latitude, longitude = ((a + b) / 2 for a, b in zip(first, second, strict=True))
    cover = cells.weighted_chains(Coordinates(latitude, longitude, 2_000.0))
    assert len(cover) == 2
    assert all(0.3 < share < 0.7 for _, share in cover)

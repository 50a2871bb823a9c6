from itertools import pairwise

import h3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import cells
from chalicelib.domain import Coordinates


@pytest.mark.parametrize(
    ("uncertainty", "resolution"),
    [(None, 4), (1.0, 4), (5_000.0, 4), (5_001.0, 3), (30_000.0, 3), (30_001.0, 2), (1e7, 2)],
)
def test_an_uncertain_point_claims_a_coarser_cell(uncertainty, resolution):
    """A cell must not pretend to more than the position knows."""
    assert cells.resolution_for(uncertainty) == resolution
    finest = cells.chain(Coordinates(48.1, 11.6, uncertainty))[0]
    assert h3.get_resolution(finest) == resolution


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    uncertainty=st.none() | st.floats(1, 1e7),
)
def test_every_point_of_the_globe_has_an_unbroken_chain(latitude, longitude, uncertainty):
    """Poles and the antimeridian too: each cell is the parent of the one before it."""
    chain = cells.chain(Coordinates(latitude, longitude, uncertainty))
    assert h3.get_resolution(chain[-1]) == cells.COARSEST
    for child, parent in pairwise(chain):
        assert h3.cell_to_parent(child) == parent

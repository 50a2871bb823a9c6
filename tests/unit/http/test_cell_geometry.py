"""Outlines of cells follow RFC 7946, anywhere on the globe."""

import h3
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.cell_geometry import outline

ANYWHERE = st.builds(h3.latlng_to_cell, st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 6))


@given(ANYWHERE)
def test_a_ring_is_closed_counterclockwise_and_on_the_map(cell):
    """Any cell does, also pentagons and cells on poles and the antimeridian."""
    rings = outline(cell)
    assert rings
    for ring in rings:
        assert ring[0] == ring[-1]
        shape = shapely.Polygon(ring)
        assert shape.is_valid
        assert shape.exterior.is_ccw
        west, south, east, north = shape.bounds
        assert -180 <= west < east <= 180
        assert -90 <= south < north <= 90
        assert east - west < 180 or abs(round(north if north > 0 else south)) == 90


@given(ANYWHERE)
def test_the_parts_hold_the_cell_s_centre(cell):
    """Cut or not, the parts are where the cell is."""
    latitude, longitude = h3.cell_to_latlng(cell)
    parts = shapely.MultiPolygon([(ring, []) for ring in outline(cell)])
    assert parts.buffer(1e-3).contains(shapely.Point(longitude, latitude))


def test_a_cell_on_the_antimeridian_is_cut_there():
    """The eastern part ends at 180 degrees; the western part begins there."""
    cell = h3.latlng_to_cell(0.0, 180.0, 2)
    parts = outline(cell)
    bounds = sorted(shapely.Polygon(part).bounds for part in parts)
    assert len(parts) == 2
    assert bounds[0][0] == -180.0
    assert bounds[1][2] == 180.0


@pytest.mark.parametrize("latitude", [90.0, -90.0])
def test_a_cell_around_a_pole_reaches_it_on_all_sides(latitude):
    """Its outline goes from edge to edge of the map."""
    shape = shapely.MultiPolygon(
        [(ring, []) for ring in outline(h3.latlng_to_cell(latitude, 0.0, 2))]
    )
    west, south, east, north = shape.bounds
    assert (west, east) == (-180.0, 180.0)
    assert latitude in (south, north)


def test_a_part_that_is_rounded_away_is_left_out():
    """A part without an area is not a polygon."""
    assert len(outline("830db3fffffffff")) == 2
    assert len(outline("830db3fffffffff", decimals=2)) == 1


def test_coordinates_are_no_longer_than_a_map_needs():
    """More digits would be a tenth of a response with thousands of cells."""
    (ring,) = outline("84a85d3ffffffff", decimals=2)
    assert all(number == round(number, 2) for point in ring for number in point)

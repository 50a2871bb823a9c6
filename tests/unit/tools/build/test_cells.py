"""Test how cells are shared among regions."""

from dataclasses import replace

import h3
import pytest
import shapely

from chalicelib.domain import EXPECTED_IN_RANGE, Status
from tools.build.cells import (
    CELL_WEIGHT,
    Cell,
    prevalence,
    share,
    share_cells,
    small_regions,
    with_light_neighbours,
)
from tools.build.regions import Regions

CELL = "84754a9ffffffff"


def regions(**polygons: shapely.Geometry) -> Regions:
    return Regions(
        names={code: code for code in polygons},
        parents={},
        polygons=polygons,
        boxes=(),
        groups={},
        thin=frozenset(),
    )


def test_the_land_of_a_cell_belongs_to_those_who_have_it():
    """A neighbour across the water has no part in the land, however large its waters are."""
    samples = {"Gibraltar": 1.0, "Morocco": 6.0}
    assert share(samples, {"Gibraltar": 0.5}) == {"Gibraltar": 7.0}
    assert share(samples, {"Gibraltar": 0.5, "Morocco": 0.5}) == {"Gibraltar": 3.5, "Morocco": 3.5}


def test_where_no_point_hits_land_all_regions_count():
    """An islet lies between the sampled points; the waters around it say whose it is."""
    assert share({"Tokelau": 5.0, "Samoa": 2.0}, {}) == {"Tokelau": 5.0, "Samoa": 2.0}


def test_a_region_smaller_than_a_cell_gets_the_weight_of_one():
    """A photo in that cell is probably from the city, not from the hills across the water."""
    city = shapely.box(103.6, 1.2, 104.0, 1.5)
    hinterland = shapely.box(100.0, 1.6, 104.0, 6.0)
    points = [("84652c5ffffffff", "hinterland", True, CELL_WEIGHT)]
    (heavy,) = small_regions(points, regions(city=city, hinterland=hinterland))
    assert heavy[1:] == ("city", True, CELL_WEIGHT)


def test_the_neighbours_of_a_small_region_count_little_in_its_cell():
    """Together they stay below the presence at which an animal is expected."""
    small = (CELL, "city", True, CELL_WEIGHT)
    neighbour, elsewhere = (CELL, "land", True, CELL_WEIGHT), ("elsewhere", "land", True, 1.0)
    sea = (CELL, None, False, 1.0)
    points = list(with_light_neighbours([neighbour, elsewhere, sea], [small]))
    assert points[1:] == [elsewhere, sea]
    ((_, _, _, weight), *_) = points
    assert weight / (weight + CELL_WEIGHT) < EXPECTED_IN_RANGE


def test_a_region_with_a_thin_list_gets_no_weight():
    """It would push away what is known of the land around it."""
    thin = replace(regions(city=shapely.box(103.6, 1.2, 104.0, 1.5)), thin=frozenset({"city"}))
    assert list(small_regions([], thin)) == []


def test_the_sea_around_a_box_is_not_an_islet():
    """A country that has land in its boxes has no land animals in the waters outside them."""
    country = Regions(
        names={"C": "Country", "C/box": "Box"},
        parents={"C/box": "C"},
        polygons={"C": shapely.box(-40.0, 10.0, -20.0, 20.0)},
        boxes=(("C/box", "C", (10.0, -40.0, 20.0, -39.0)),),
        groups={},
        thin=frozenset(),
    )
    sea = h3.latlng_to_cell(15.0, -30.0, 4)
    land = h3.latlng_to_cell(15.0, -39.5, 4)
    cells = share_cells([(sea, "C", False, 7.0), (land, "C/box", True, 7.0)], country)
    assert cells[sea].land == {}
    assert cells[land].land == {"C/box": 7.0}


@pytest.mark.parametrize(("marine", "expected"), [(set(), 0.25), ({"a"}, 1.0)])
def test_prevalence_is_a_share_of_the_surface_that_an_animal_needs(marine, expected):
    """Land animals are counted over land, marine animals over the sea."""
    cells = {CELL: Cell({"x": 5.0, "y": 2.0}, land={"x": 1.75, "y": 5.25}, sea={"x": 7.0})}
    statuses = {"x": {"a": Status.NATIVE}, "y": {}}
    assert prevalence(cells, statuses, marine) == {"a": pytest.approx(expected)}

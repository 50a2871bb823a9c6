"""Test the tree of regions."""

import shapely

from tools.build.regions import Regions

COUNTRY = Regions(
    names={"C": "Country", "C/west": "West", "C/west/high": "Mountains", "C/east": "East"},
    parents={"C/west": "C", "C/west/high": "C/west", "C/east": "C"},
    polygons={"C": shapely.box(0, 0, 10, 10)},
    boxes=(
        ("C/west", "C", (0.0, 0.0, 10.0, 5.0)),
        ("C/west/high", "C/west", (2.0, 2.0, 4.0, 4.0)),
        ("C/east", "C", (0.0, 0.0, 10.0, 8.0)),
    ),
    groups={},
    thin=frozenset(),
)


def test_the_first_box_that_has_the_point_wins():
    """Boxes may overlap; a point outside all of them belongs to the country."""
    assert COUNTRY.locate([5.0, 5.0, 5.0], [1.0, 6.0, 9.0]) == ["C/west", "C/east", "C"]


def test_a_box_may_have_boxes():
    """Mountains in the west of a country are in the west, too."""
    assert COUNTRY.locate([3.0, 1.0], [3.0, 3.0]) == ["C/west/high", "C/west"]
    assert tuple(COUNTRY.lineage("C/west/high")) == ("C/west/high", "C/west", "C")


def test_a_point_outside_all_borders_has_no_region():
    """The open sea belongs to nobody."""
    assert COUNTRY.locate([20.0], [20.0]) == [None]

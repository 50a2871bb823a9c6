"""The facts under ``data/``, and what is built from them."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from chalicelib.adapters.features import EmbeddedFeatures
from chalicelib.cells import chain
from chalicelib.domain import Coordinates, FeatureSource, Geography, Status
from chalicelib.errors import FeaturesUnavailable
from chalicelib.fusion import PRESENCE, is_expected
from chalicelib.settings import Settings
from tools import build_features, build_labels
from tools.build_features import read_table

CLASSES = {row["taxonID"]: row for row in read_table("classes.csv")}
RANGES = read_table("ranges.csv")
STORE = Settings().features_file


@pytest.fixture(name="store")
def make_store():
    """The store of this checkout."""
    with closing(EmbeddedFeatures(STORE)) as store:
        yield store


def animals_at(store: EmbeddedFeatures, coordinates: Coordinates) -> set[str]:
    found = store.features(chain(coordinates), 0)
    return {
        CLASSES[taxon_id]["vernacularName"]
        for taxon_id, feature in found.taxa.items()
        if is_expected(feature)
    }


def test_all_animal_classes_of_imagenet_are_there():
    """398 of them, each with what a client needs to show it."""
    assert len(CLASSES) == 398
    for row in CLASSES.values():
        assert row["vernacularName"]
        assert row["scientificName"][0].isupper()
        assert row["taxonRank"].islower()
        assert Geography(row["geography"])
        assert row["habitat"] in ("terrestrial", "freshwater", "marine")


def test_each_kind_of_class_is_there_in_its_number():
    """About 260 wild ones, 118 breeds of dog and the other domestic ones, two extinct."""
    counted = Counter(row["geography"] for row in CLASSES.values())
    dogs = sum(row["scientificName"] == "Canis familiaris" for row in CLASSES.values())
    assert dogs == 118
    assert counted["extinct"] == 2
    assert counted["range"] + counted["cosmopolitan"] > 250


def test_ranges_hold_every_ranged_class_and_no_other():
    """Under its own name, in known regions, once each."""
    ranged = {taxon_id for taxon_id, row in CLASSES.items() if row["geography"] == "range"}
    assert {row["taxonID"] for row in RANGES} == ranged
    regions = build_features.Regions.read()
    assert {row["region"] for row in RANGES} <= set(regions.names)
    assert len({(row["taxonID"], row["region"]) for row in RANGES}) == len(RANGES)
    for row in RANGES:
        assert row["scientificName"] == CLASSES[row["taxonID"]]["scientificName"]
        assert Status(row["status"])
        assert row["reference"]


def test_the_region_tables_fit_each_other():
    """Each parent exists, and each box is one."""
    regions = build_features.Regions.read()
    assert set(regions.parents.values()) <= set(regions.names)
    for code, _, (south, west, north, east) in regions.boxes:
        assert -90 <= south < north <= 90, code
        assert -180 <= west < east <= 180, code


@pytest.mark.parametrize(
    ("place", "coordinates", "present", "absent"),
    [
        ("Pantanal", Coordinates(-17.36, -56.78), {"jaguar"}, {"leopard", "koala", "polar bear"}),
        (
            "Kruger park",
            Coordinates(-24.01, 31.49),
            {"leopard", "lion", "impala"},
            {"jaguar", "tiger"},
        ),
        ("Sichuan", Coordinates(31.0, 103.2), {"giant panda"}, {"jaguar", "koala"}),
        ("Churchill", Coordinates(58.77, -94.17), {"polar bear"}, {"giant panda", "king penguin"}),
        ("Komodo", Coordinates(-8.57, 119.49), {"Komodo dragon"}, {"polar bear", "Gila monster"}),
        ("Madagascar", Coordinates(-21.85, 46.84), {"ring-tailed lemur"}, {"lion", "zebra"}),
        ("Yellowstone", Coordinates(44.66, -110.47), {"bison"}, {"lion", "African elephant"}),
        (
            "Svalbard",
            Coordinates(78.2, 15.6),
            {"polar bear", "Arctic fox"},
            {"lion", "king penguin"},
        ),
        ("Bavaria", Coordinates(47.6, 11.5), {"red fox", "wild boar"}, {"koala", "jaguar"}),
        ("Outback", Coordinates(-23.7, 133.9), {"dingo"}, {"koala", "great white shark"}),
    ],
)
def test_well_known_animals_live_where_everybody_knows(store, place, coordinates, present, absent):
    """A few dozen facts that a wrong row, region or cell would break."""
    found = animals_at(store, coordinates)
    assert present <= found, place
    assert not absent & found, place


def test_a_cell_on_a_border_has_the_animals_of_both_sides(store):
    """By their share of it: here Spain and Portugal meet."""
    taxa = store.features(chain(Coordinates(41.0, -6.85)), 0).taxa
    assert taxa
    assert all(0 < feature.presence <= 1.001 for feature in taxa.values())


def test_where_a_fine_cell_has_no_data_its_parents_speak(store):
    """An islet that the sampling missed still belongs to its archipelago."""
    cells = chain(Coordinates(41.0, -6.85))
    nowhere = "84bd9ebffffffff"
    found = store.features((nowhere, *cells[1:]), 0)
    assert found.cell == cells[1]
    assert found.source is FeatureSource.EMBEDDED


def test_a_store_that_cannot_be_read_is_unavailable(tmp_path):
    """A missing or foreign file is one fault, not a crash of any kind."""
    foreign = tmp_path / "foreign.sqlite"
    foreign.write_bytes(b"not a database" * 100)
    for path in (tmp_path / "missing.sqlite", foreign):
        with closing(EmbeddedFeatures(path)) as store, pytest.raises(FeaturesUnavailable):
            store.dataset()


def test_the_store_cannot_be_written_to():
    """It is part of the package."""
    uri = f"{STORE.as_uri()}?mode=ro&immutable=1"
    with sqlite3.connect(uri, uri=True) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM taxon")
    connection.close()


def test_the_store_is_small_and_up_to_date(store):
    """At most 6 MB, built from the very facts of this checkout."""
    assert STORE.stat().st_size <= 6_000_000
    assert store.dataset().version == build_features.describe()["version"]


def test_the_labels_are_up_to_date(tmp_path: Path):
    """They follow from the facts, byte for byte."""
    built = tmp_path / "labels.csv"
    build_labels.build(built)
    assert built.read_bytes() == build_labels.TARGET.read_bytes()


def test_statuses_of_inner_regions_win_over_those_of_outer_ones():
    """So that one row can speak for a whole country, and another for an exception."""
    regions = build_features.Regions.read()
    rows = [
        {"taxonID": "a", "region": "US", "status": "native"},
        {"taxonID": "a", "region": "US/florida", "status": "extirpated"},
    ]
    found = build_features.statuses_by_region(regions, rows, ["US", "US/florida", "US/texas"])
    assert found == {
        "US": {"a": Status.NATIVE},
        "US/florida": {"a": Status.EXTIRPATED},
        "US/texas": {"a": Status.NATIVE},
    }
    assert PRESENCE[Status.NATIVE] > PRESENCE[Status.EXTIRPATED]


@pytest.mark.parametrize(
    "row",
    [
        {"taxonID": "a", "region": "Atlantis", "status": "native"},
        {"taxonID": "a", "region": "US", "status": "common"},
    ],
)
def test_a_row_that_makes_no_sense_stops_the_build(row):
    """Rather than vanish."""
    with pytest.raises(ValueError, match=r"Atlantis|common"):
        build_features.statuses_by_region(build_features.Regions.read(), [row], ["US"])

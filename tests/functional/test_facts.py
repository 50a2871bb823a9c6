"""Test the facts under ``data/`` and the files that are built from them."""

import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
import shapely

from chalicelib.domain import PRESENCE_BY_STATUS, Coordinates, FeatureSource, Geography, Status
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.cells import cell_chain
from chalicelib.features.observations import ALL_MONTHS
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.settings import Settings
from tools.build import features, labels, ranges
from tools.build.facts import read_table
from tools.build.land import read_land
from tools.build.regions import Regions
from tools.occurrences import embedded

CLASSES = {row["taxonID"]: row for row in read_table("classes.csv")}
RANGES = read_table("ranges.csv")
STORE = Settings().features_file
LAND = read_land()


@pytest.fixture(name="store")
def make_store():
    """The store of this checkout."""
    with closing(EmbeddedFeatures(STORE)) as store:
        yield store


def animals_at(store: EmbeddedFeatures, coordinates: Coordinates) -> set[str]:
    features = store.features([cell_chain(coordinates)], 0)[0]
    return {
        CLASSES[taxon_id]["vernacularName"]
        for taxon_id, feature in features.taxa.items()
        if store.dataset().expects(feature)
    }


def test_all_animal_classes_of_imagenet_are_there():
    """There are 398, each with the fields that a client needs."""
    assert len(CLASSES) == 398
    for row in CLASSES.values():
        assert row["vernacularName"]
        assert row["scientificName"][0].isupper()
        assert row["taxonRank"].islower()
        assert Geography(row["geography"])
        assert row["habitat"] in ("terrestrial", "freshwater", "marine")


def test_each_kind_of_class_is_there_in_its_number():
    """About 260 classes are wild, 118 are breeds of dog, and two are extinct."""
    counted = Counter(row["geography"] for row in CLASSES.values())
    dogs = sum(row["scientificName"] == "Canis familiaris" for row in CLASSES.values())
    assert dogs == 118
    assert counted["extinct"] == 2
    assert counted["range"] + counted["cosmopolitan"] > 250


def test_ranges_hold_every_ranged_class_and_no_other():
    """Each row has the name of its class and a known region, and no row is there twice."""
    ranged = {taxon_id for taxon_id, row in CLASSES.items() if row["geography"] == "range"}
    assert {row["taxonID"] for row in RANGES} == ranged
    regions = Regions.read()
    assert {row["region"] for row in RANGES} <= set(regions.names)
    assert len({(row["taxonID"], row["region"]) for row in RANGES}) == len(RANGES)
    for row in RANGES:
        assert row["scientificName"] == CLASSES[row["taxonID"]]["scientificName"]
        assert Status(row["status"])
        assert row["reference"]


def test_higher_taxa_are_a_tree():
    """A genus has one family, a family one order, an order one class. A name has one meaning."""
    ranks = ("genus", "family", "order", "class")
    for lower, higher in pairwise(ranks):
        parents: dict[str, set[str]] = {}
        for row in CLASSES.values():
            if row[lower] and row[higher]:
                parents.setdefault(row[lower], set()).add(row[higher])
        assert {name: values for name, values in parents.items() if len(values) > 1} == {}
    described: dict[str, set[tuple[str, ...]]] = {}
    for row in CLASSES.values():
        about = (row["taxonRank"], *(row[rank] for rank in ranks))
        described.setdefault(row["scientificName"], set()).add(about)
    assert {name: values for name, values in described.items() if len(values) > 1} == {}


def test_a_taxon_is_in_line_with_its_higher_taxa():
    """A genus is its own genus. A species begins with the name of its genus."""
    for row in CLASSES.values():
        if row["taxonRank"] in ("genus", "family", "order", "class"):
            assert row[row["taxonRank"]] == row["scientificName"]
        if row["taxonRank"] == "species":
            assert row["scientificName"].split()[0] == row["genus"], row
            assert len(row["scientificName"].split()) == 2


def test_synonyms_resolve():
    """Each leads to a name in the table of classes, and is not itself in that table."""
    names = {row["scientificName"] for row in CLASSES.values()}
    synonyms = read_table("synonyms.csv")
    assert {row["scientificName"] for row in synonyms} <= names
    assert not {row["synonym"] for row in synonyms} & names
    assert len({row["synonym"] for row in synonyms}) == len(synonyms)


def test_a_region_within_another_says_something_else():
    """A row for a part of a country is an exception. One within an extirpation brings it back."""
    regions = Regions.read()
    statuses = {(row["taxonID"], row["region"]): row["status"] for row in RANGES}
    exceptions = [
        (taxon_id, region, status, outer)
        for (taxon_id, region), status in statuses.items()
        for ancestor in regions.lineage(region)
        if ancestor != region and (outer := statuses.get((taxon_id, ancestor)))
    ]
    assert exceptions
    assert [each for each in exceptions if each[2] == each[3]] == []


def test_an_extirpation_within_a_native_range_is_the_puma_s():
    """It is gone from the north-east of the USA. Another one is probably a mistake."""
    regions = Regions.read()
    native = {(row["taxonID"], row["region"]) for row in RANGES if row["status"] == "native"}
    extirpated = [row for row in RANGES if row["status"] == "extirpated"]
    within = [
        (row["scientificName"], row["region"])
        for row in extirpated
        if any((row["taxonID"], ancestor) in native for ancestor in regions.lineage(row["region"]))
    ]
    assert len(extirpated) > 100
    assert within == [("Puma concolor", "US/northeast")]


def test_seasons_hold_for_animals_that_are_there():
    """Each row has a taxon with a range, and valid months."""
    ranged = {(row["taxonID"], row["scientificName"]) for row in RANGES}
    seasons = read_table("seasons.csv")
    assert seasons
    for row in seasons:
        assert (row["taxonID"], row["scientificName"]) in ranged
        bits = ranges.month_bits(row["months"])
        assert 0 < bits < ALL_MONTHS


@pytest.mark.parametrize(
    ("months", "expected"), [("4-9", {4, 5, 6, 7, 8, 9}), ("11-2", {11, 12, 1, 2}), ("5-5", {5})]
)
def test_months_may_run_over_the_turn_of_the_year(months, expected):
    """Wintering birds stay from one year to the next."""
    bits = ranges.month_bits(months)
    assert {month for month in range(16) if bits & 1 << month} == expected


def test_a_migrating_animal_is_expected_in_its_season_only(store):
    """White storks leave the Elbe in autumn. Without a month, they are expected."""
    elbe = cell_chain(Coordinates(52.99, 11.75))
    stork = next(i for i, row in CLASSES.items() if row["scientificName"] == "Ciconia ciconia")
    presences = {
        month: store.features([elbe], month)[0].taxa[stork].presence for month in (0, 1, 6)
    }
    assert presences[6] == presences[0] > 0.9
    assert presences[1] < store.dataset().expected_presence


def test_the_region_tables_fit_each_other():
    """Each parent exists, and each box has positive sides."""
    regions = Regions.read()
    assert set(regions.parents.values()) <= set(regions.names)
    assert regions.parents
    assert regions.boxes
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
    """A wrong row, region or cell would break one of these facts."""
    animals = animals_at(store, coordinates)
    assert present <= animals, place
    assert not absent & animals, place


def test_a_cell_on_a_border_has_the_animals_of_both_sides(store):
    """Spain and Portugal meet in this cell; each counts by its share."""
    taxa = store.features([cell_chain(Coordinates(41.0, -6.85))], 0)[0].taxa
    assert taxa
    assert all(0 < feature.presence <= 1.001 for feature in taxa.values())


def test_where_a_fine_cell_has_no_data_its_parents_speak(store):
    """The sampling missed this islet, so the wider cell of its archipelago answers."""
    cells = cell_chain(Coordinates(41.0, -6.85))
    nowhere = "84bd9ebffffffff"
    features = store.features([(nowhere, *cells[1:])], 0)[0]
    assert features.cell == cells[1]
    assert features.source is FeatureSource.EMBEDDED


def test_a_store_that_cannot_be_read_is_unavailable(tmp_path):
    """A missing or foreign file raises one error of our own."""
    foreign = tmp_path / "foreign.sqlite"
    foreign.write_bytes(b"not a database" * 100)
    for path in (tmp_path / "missing.sqlite", foreign):
        with closing(EmbeddedFeatures(path)) as store, pytest.raises(FeaturesUnavailable):
            store.dataset()


@pytest.mark.parametrize("kind", ["ranges", "occurrences"])
def test_a_store_without_a_dataset_is_unavailable(tmp_path, kind):
    """One whose build or import broke off before it described itself."""
    path = tmp_path / "empty.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        if kind == "ranges":
            with closing(sqlite3.connect(STORE)) as usual:
                usual.backup(connection)
            connection.execute("DELETE FROM dataset")
            connection.commit()
        else:
            connection.executescript(embedded.SCHEMA)
    with closing(EmbeddedFeatures(path)) as store:
        for read in (store.dataset, lambda: store.features([cell_chain(Coordinates(1, 2))], 0)):
            with pytest.raises(FeaturesUnavailable, match="has no dataset"):
                read()


def test_the_store_cannot_be_written_to():
    """The file is part of the package, and read-only."""
    uri = f"{STORE.as_uri()}?mode=ro&immutable=1"
    with sqlite3.connect(uri, uri=True) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM taxon")
    connection.close()


def test_the_store_is_small_and_up_to_date(store):
    """The file has at most 6 MB, and its version is that of the facts of this checkout."""
    assert STORE.stat().st_size <= 6_000_000
    assert store.dataset().version == features.describe()["version"]


def test_the_labels_are_up_to_date(tmp_path: Path):
    """A new build gives the same bytes."""
    built = tmp_path / "labels.csv"
    labels.build(built)
    assert built.read_bytes() == labels.TARGET.read_bytes()


def test_statuses_of_inner_regions_win_over_those_of_outer_ones():
    """One row can describe a whole country, and another row an exception."""
    regions = Regions.read()
    rows = [
        {"taxonID": "a", "region": "US", "status": "native"},
        {"taxonID": "a", "region": "US/florida", "status": "extirpated"},
    ]
    statuses = ranges.statuses_by_region(regions, rows, ["US", "US/florida", "US/texas"])
    assert statuses == {
        "US": {"a": Status.NATIVE},
        "US/florida": {"a": Status.EXTIRPATED},
        "US/texas": {"a": Status.NATIVE},
    }
    assert PRESENCE_BY_STATUS[Status.NATIVE] > PRESENCE_BY_STATUS[Status.EXTIRPATED]


@pytest.mark.parametrize(
    "row",
    [
        {"taxonID": "a", "region": "Atlantis", "status": "native"},
        {"taxonID": "a", "region": "US", "status": "common"},
        {"taxonID": "a", "region": "US", "status": "recorded"},
    ],
)
def test_a_row_that_makes_no_sense_stops_the_build(row):
    """The build raises an error and does not ignore the row."""
    with pytest.raises(ValueError, match=r"Atlantis|common|recorded"):
        ranges.statuses_by_region(Regions.read(), [row], ["US"])


@pytest.mark.parametrize(
    ("place", "longitude", "latitude", "is_land"),
    [
        ("Lapland", 20.2, 67.8, True),
        ("Norwegian Sea", 0.0, 68.0, False),
        ("Yakutia", 130.0, 68.0, True),
        ("Chukotka, beyond the antimeridian", -175.0, 66.5, True),
        ("Bering Sea", -170.0, 62.0, False),
        ("Greenland", -40.0, 70.0, True),
        ("South Pole", 0.0, -89.5, True),
        ("South Pacific", -150.0, -60.0, False),
    ],
)
def test_land_is_land_on_both_sides_of_the_antimeridian(place, longitude, latitude, is_land):
    """A coast that crosses the antimeridian keeps its inside."""
    assert bool(shapely.intersects_xy(LAND, longitude, latitude)) is is_land, place

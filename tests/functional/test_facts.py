"""Test the facts under ``data/`` and the files that are built from them."""

import sqlite3
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import shapely

from chalicelib.answer.ranking import WeightBounds, place_weight
from chalicelib.domain import (
    PRESENCE_BY_STATUS,
    Coordinates,
    FeatureSource,
    Geography,
    GeoStatus,
    Status,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.cells import cell_chain
from chalicelib.features.observations import ALL_MONTHS
from chalicelib.features.place_service import Places
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.settings import Settings
from tools.build import features, labels, ranges
from tools.build.facts import read_table
from tools.build.land import read_land
from tools.build.regions import Regions
from tools.evaluate.labels import read_rows
from tools.occurrences import embedded

CLASSES = {row["taxonID"]: row for row in read_table("classes.csv")}
RANGES = read_table("ranges.csv")
STORE = Settings().features_file
LAND = read_land()
KM_PER_DEGREE = 111.2


@pytest.fixture(name="store")
def make_store():
    """The store of this checkout."""
    with closing(EmbeddedFeatures(STORE)) as store:
        yield store


def animals_at(store: EmbeddedFeatures, coordinates: Coordinates) -> set[str]:
    """The animals of the model that are expected at a place."""
    features = store.features([cell_chain(coordinates)], 0)[0]
    return {
        CLASSES[taxon_id]["vernacularName"]
        for taxon_id, feature in features.taxa.items()
        if taxon_id in CLASSES and store.dataset().expects(taxon_id, feature)
    }


def names_by_weight(store: EmbeddedFeatures, coordinates: Coordinates) -> list[str]:
    """The expected animals of a place; first the one for which the place speaks most."""
    settings = Settings()
    bounds = WeightBounds(settings.geo_weight_floor, settings.geo_weight_ceiling)
    features = store.features([cell_chain(coordinates)], 0)[0].taxa
    ranked = sorted(features.items(), key=lambda item: -place_weight(item[1], bounds))
    return [
        CLASSES[taxon_id]["vernacularName"]
        for taxon_id, feature in ranked
        if taxon_id in CLASSES and store.dataset().expects(taxon_id, feature)
    ]


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
    ("months", "expected"),
    [
        ("4-9", {4, 5, 6, 7, 8, 9}),
        ("11-2", {11, 12, 1, 2}),
        ("5-5", {5}),
        ("3-5 8-11", {3, 4, 5, 8, 9, 10, 11}),
    ],
)
def test_months_may_run_over_the_turn_of_the_year(months, expected):
    """Wintering birds stay from one year to the next, birds on passage come twice."""
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


@pytest.mark.parametrize(
    ("place", "coordinates", "present", "absent"),
    [
        (
            "Easter Island",
            Coordinates(-27.12, -109.35),
            {"brain coral", "spiny lobster"},
            {"cougar", "armadillo", "skunk", "hummingbird", "flamingo", "king penguin", "snoek"},
        ),
        (
            "Rome",
            Coordinates(41.9, 12.5),
            {"porcupine", "wild boar", "fire salamander", "red fox"},
            {"ptarmigan", "ibex", "marmot", "brown bear", "black grouse", "lynx", "chameleon"},
        ),
        (
            "Aktau",
            Coordinates(43.65, 51.17),
            {"flamingo", "gazelle"},
            {"snow leopard", "ibex", "brown bear", "dipper", "black grouse", "ptarmigan", "marmot"},
        ),
        (
            "Tamanrasset",
            Coordinates(22.79, 5.53),
            {"horned viper", "gazelle"},
            {"dipper", "mallard", "brambling", "macaque", "otter", "wild boar", "crane"},
        ),
        (
            "Tokyo",
            Coordinates(35.68, 139.7),
            {"macaque", "wild boar", "bulbul"},
            {"brown bear", "ptarmigan", "red king crab", "green anole", "magpie", "mongoose"},
        ),
        (
            "London",
            Coordinates(51.5, -0.12),
            {"red fox", "badger", "mallard", "European goldfinch"},
            {"ptarmigan", "black grouse", "dipper", "stick insect"},
        ),
        (
            "Gibraltar",
            Coordinates(36.14, -5.35),
            {"macaque", "killer whale", "chameleon"},
            {"brown bear", "ptarmigan", "marmot", "beaver", "fire salamander", "ibex", "badger"},
        ),
        (
            "Singapore",
            Coordinates(1.35, 103.82),
            {"macaque", "otter", "langur", "hornbill"},
            {"tiger", "orangutan", "siamang", "gibbon", "elephant", "dhole", "leopard"},
        ),
        (
            "Marion Island",
            Coordinates(-46.9, 37.75),
            {"king penguin", "albatross", "killer whale", "sea lion"},
            {"lion", "ostrich", "meerkat", "chameleon", "red fox", "scorpion"},
        ),
        (
            "Macquarie Island",
            Coordinates(-54.62, 158.86),
            {"king penguin", "albatross", "sea lion"},
            {"stingray", "platypus", "wombat"},
        ),
        (
            "Kruger park",
            Coordinates(-24.01, 31.49),
            {"impala", "lion", "leopard", "African elephant"},
            {"Indian peafowl", "meerkat", "gazelle", "mallard", "tench"},
        ),
        (
            "Yellowstone",
            Coordinates(44.66, -110.47),
            {"bison", "grey wolf", "brown bear"},
            {"whiptail lizard", "tailed frog", "kit fox", "tarantula", "prairie chicken"},
        ),
        ("Trento", Coordinates(46.1, 11.0), {"brown bear", "ibex", "marmot"}, {"chameleon"}),
        ("Hokkaido", Coordinates(43.6, 142.8), {"brown bear"}, {"macaque", "wild boar"}),
        ("Almaty", Coordinates(43.1, 77.1), {"snow leopard", "ibex", "dipper"}, {"flamingo"}),
        ("Cairngorms", Coordinates(57.1, -3.7), {"ptarmigan", "black grouse"}, {"chameleon"}),
        ("Kabylia", Coordinates(36.5, 4.6), {"macaque", "dipper"}, {"horned viper"}),
        ("Kalahari", Coordinates(-28.4, 21.3), {"meerkat", "lion"}, {"impala", "hippopotamus"}),
        ("Asturias", Coordinates(43.1, -6.2), {"brown bear"}, {"chameleon", "flamingo"}),
        ("Punta Arenas", Coordinates(-53.1, -70.9), {"cougar"}, {"brain coral"}),
        ("Chiloe", Coordinates(-42.6, -73.9), {"cougar"}, {"king penguin", "beaver"}),
        ("Beijing", Coordinates(39.9, 116.4), {"magpie"}, {"snow leopard", "ibex", "red panda"}),
        ("Chongqing", Coordinates(29.55, 106.5), {"magpie"}, {"giant panda", "snow leopard"}),
        ("Delhi", Coordinates(28.6, 77.2), {"Indian peafowl"}, {"elephant", "sloth bear"}),
        ("Chennai", Coordinates(13.1, 80.25), {"Indian cobra"}, {"tiger", "elephant", "dhole"}),
        (
            "Ladakh",
            Coordinates(34.15, 77.6),
            {"snow leopard", "ibex"},
            {"hornbill", "Indian peafowl"},
        ),
        ("Kathmandu", Coordinates(27.7, 85.3), {"macaque"}, {"elephant", "sloth bear", "hyena"}),
        ("Chitwan", Coordinates(27.5, 84.3), {"tiger", "sloth bear"}, {"snow leopard", "marmot"}),
        ("Bangkok", Coordinates(13.75, 100.5), {"macaque"}, {"gibbon", "elephant", "tiger"}),
        ("Hanoi", Coordinates(21.03, 105.85), {"bulbul"}, {"gibbon", "langur", "elephant"}),
        ("Jakarta", Coordinates(-6.2, 106.8), {"macaque"}, {"gibbon", "leopard", "dhole"}),
        ("Bali", Coordinates(-8.5, 115.2), {"macaque", "langur"}, {"Komodo dragon"}),
        ("Kuching", Coordinates(1.55, 110.35), {"orangutan"}, {"elephant"}),
        ("Islamabad", Coordinates(33.7, 73.1), {"leopard"}, {"snow leopard", "ibex", "marmot"}),
        ("Baghdad", Coordinates(33.3, 44.4), {"gazelle"}, {"brown bear", "ibex", "lynx"}),
        ("Baku", Coordinates(40.4, 49.85), {"flamingo"}, {"brown bear", "leopard", "ibex"}),
        ("Vienna", Coordinates(48.2, 16.4), {"beaver"}, {"ibex", "ptarmigan", "marmot"}),
        ("Zurich", Coordinates(47.4, 8.5), {"beaver"}, {"ibex", "ptarmigan", "marmot"}),
        ("Zermatt", Coordinates(46.0, 7.75), {"ibex", "marmot", "ptarmigan"}, {"bittern"}),
        ("Crete", Coordinates(35.3, 24.9), {"ibex"}, {"brown bear", "grey wolf", "red fox"}),
        ("Bratislava", Coordinates(48.15, 17.1), {"bustard"}, {"brown bear", "lynx", "marmot"}),
        ("Moscow", Coordinates(55.75, 37.6), {"beaver", "black grouse"}, {"Arctic fox"}),
        ("Murmansk", Coordinates(68.95, 33.1), {"ptarmigan"}, {"polar bear", "white stork"}),
        ("Shetland", Coordinates(60.3, -1.3), {"otter"}, {"black grouse", "badger", "red fox"}),
        ("Dakar", Coordinates(14.7, -17.45), {"patas monkey"}, {"lion", "chimpanzee", "leopard"}),
        ("Accra", Coordinates(5.6, -0.2), {"guenon"}, {"hyena", "hartebeest", "warthog"}),
        ("Douala", Coordinates(4.05, 9.7), {"gorilla"}, {"lion", "ostrich", "gazelle"}),
        ("Kampala", Coordinates(0.3, 32.6), {"hippopotamus"}, {"gorilla", "lion", "elephant"}),
        ("Akagera", Coordinates(-1.8, 30.7), {"lion", "zebra"}, {"gorilla", "ostrich"}),
        ("Antananarivo", Coordinates(-18.9, 47.5), {"chameleon"}, {"indri", "ring-tailed lemur"}),
        ("San Diego", Coordinates(32.7, -117.1), {"grey whale"}, {"sidewinder", "tailed frog"}),
        ("Death Valley", Coordinates(36.5, -116.9), {"sidewinder"}, {"coho salmon", "marmot"}),
        ("Atlanta", Coordinates(33.7, -84.4), {"box turtle"}, {"American alligator", "red wolf"}),
        ("Acadia", Coordinates(44.35, -68.2), {"eastern newt"}, {"box turtle", "rattlesnake"}),
        ("Grand Canyon", Coordinates(36.1, -112.1), {"bighorn sheep"}, {"Gila monster"}),
        ("Banff", Coordinates(51.2, -115.6), {"bighorn sheep"}, {"tailed frog", "rattlesnake"}),
        ("Vancouver", Coordinates(49.28, -123.1), {"sea lion"}, {"bighorn sheep", "bison"}),
        ("Halifax", Coordinates(44.65, -63.6), {"American lobster"}, {"grey wolf", "ptarmigan"}),
        ("Iqaluit", Coordinates(63.75, -68.5), {"polar bear"}, {"brown bear", "beaver"}),
        ("Mexico City", Coordinates(19.4, -99.1), {"axolotl"}, {"macaw", "jaguar", "toucan"}),
        ("Guadalajara", Coordinates(20.7, -103.3), {"armadillo"}, {"axolotl", "macaw"}),
        ("Quito", Coordinates(-0.2, -78.5), {"hummingbird"}, {"jaguar", "three-toed sloth"}),
        ("Cusco", Coordinates(-13.5, -72.0), {"cougar"}, {"jaguar", "macaw", "howler monkey"}),
        ("Kuala Lumpur", Coordinates(3.1, 101.6), {"macaque"}, {"tiger", "elephant", "dhole"}),
        ("Salt Lake City", Coordinates(40.75, -111.9), {"kit fox"}, {"sidewinder"}),
        ("Kodiak", Coordinates(57.5, -153.5), {"brown bear"}, {"bison", "American black bear"}),
        ("Kangaroo Island", Coordinates(-35.8, 137.2), {"koala", "echidna"}, {"dingo"}),
        ("Cotonou", Coordinates(6.4, 2.4), {"guenon"}, {"lion", "elephant", "cheetah"}),
        ("Mendoza", Coordinates(-32.9, -68.8), {"cougar"}, {"toucan", "jaguar"}),
        ("Ranthambore", Coordinates(26.0, 76.5), {"tiger", "sloth bear"}, {"elephant"}),
        ("Novaya Zemlya", Coordinates(73.0, 54.0), {"polar bear"}, {"grey whale"}),
        ("Indian Ocean", Coordinates(-3.0, 85.0), {"tiger shark"}, {"langur", "macaque"}),
        ("Lord Howe", Coordinates(-31.55, 159.1), {"clownfish"}, {"dingo", "wallaby", "echidna"}),
    ],
)
def test_a_place_does_not_have_the_animals_of_the_far_end_of_its_country(
    store, place, coordinates, present, absent
):
    """Mountains and islands have regions of their own."""
    animals = animals_at(store, coordinates)
    assert present <= animals, place
    assert not absent & animals, place


@pytest.mark.parametrize(
    ("place", "coordinates", "first"),
    [
        ("Tamanrasset", Coordinates(22.79, 5.53), {"horned viper"}),
        ("Marion Island", Coordinates(-46.9, 37.75), {"king penguin"}),
        ("Macquarie Island", Coordinates(-54.62, 158.86), {"king penguin"}),
        ("Kruger park", Coordinates(-24.01, 31.49), {"impala", "African wild dog"}),
    ],
)
def test_the_top_of_a_list_is_what_the_place_is_known_for(store, place, coordinates, first):
    """A place speaks most for the animals that live there and hardly anywhere else."""
    assert set(names_by_weight(store, coordinates)[: len(first)]) == first, place


@pytest.mark.parametrize(
    ("place", "coordinates", "name"),
    [
        ("London", Coordinates(51.5, -0.12), "European polecat"),
        ("London", Coordinates(51.5, -0.12), "black swan"),
        ("Yellowstone", Coordinates(44.66, -110.47), "black-footed ferret"),
    ],
)
def test_a_rare_animal_is_not_at_the_top_of_a_list(store, place, coordinates, name):
    """It may be there, but a country-wide row must not put it before those that visitors see."""
    assert name not in names_by_weight(store, coordinates)[:10], place


@pytest.mark.parametrize(
    ("place", "coordinates"),
    [
        ("Cocos Islands", Coordinates(-12.17, 96.83)),
        ("Saint Helena", Coordinates(-15.95, -5.7)),
        ("Ascension", Coordinates(-7.95, -14.36)),
    ],
)
def test_where_our_list_is_too_thin_the_place_says_nothing(store, place, coordinates):
    """Two known animals do not mean that the others are absent."""
    lookup = Places(store).look_up(coordinates, 0)
    assert lookup.status is GeoStatus.NO_DATA, place
    assert lookup.features
    assert not lookup.features.taxa


CITIES = {
    "Minneapolis": Coordinates(44.98, -93.27),
    "San Francisco": Coordinates(37.77, -122.4),
    "Miami": Coordinates(25.8, -80.3),
    "Houston": Coordinates(29.8, -95.4),
    "Helsinki": Coordinates(60.2, 24.9),
    "Vienna": Coordinates(48.2, 16.4),
    "Nassau": Coordinates(25.05, -77.4),
    "Toronto": Coordinates(43.7, -79.4),
    "Stockholm": Coordinates(59.33, 18.06),
    "Moscow": Coordinates(55.75, 37.6),
    "Riga": Coordinates(56.95, 24.1),
    "Berlin": Coordinates(52.5, 13.4),
    "Warsaw": Coordinates(52.2, 21.0),
    "London": Coordinates(51.5, -0.12),
    "Kyiv": Coordinates(50.45, 30.5),
    "Sapporo": Coordinates(43.05, 141.35),
    "Tokyo": Coordinates(35.68, 139.7),
    "Seoul": Coordinates(37.57, 127.0),
    "Harbin": Coordinates(45.8, 126.6),
    "Beijing": Coordinates(39.9, 116.4),
    "Ulaanbaatar": Coordinates(47.9, 106.9),
    "Sacramento": Coordinates(38.6, -121.5),
}


@pytest.mark.parametrize(
    ("place", "month", "name", "is_expected"),
    [
        ("Minneapolis", 1, "hummingbird", False),
        ("Minneapolis", 1, "monarch butterfly", False),
        ("Minneapolis", 1, "great egret", False),
        ("Minneapolis", 1, "crane", False),
        ("Minneapolis", 1, "garter snake", False),
        ("Minneapolis", 1, "junco", True),
        ("Minneapolis", 7, "hummingbird", True),
        ("Minneapolis", 7, "monarch butterfly", True),
        ("San Francisco", 1, "hummingbird", True),
        ("Miami", 1, "great egret", True),
        ("Houston", 1, "crane", True),
        ("Houston", 7, "crane", False),
        ("Helsinki", 1, "cabbage white butterfly", False),
        ("Vienna", 1, "dunlin", False),
        ("Vienna", 6, "dunlin", False),
        ("Vienna", 9, "dunlin", True),
        ("Nassau", 1, "red-breasted merganser", True),
        ("Minneapolis", 1, "red-breasted merganser", False),
        ("Toronto", 1, "garter snake", False),
        ("Stockholm", 1, "goose", True),
        ("Stockholm", 1, "oystercatcher", False),
        ("Stockholm", 3, "smooth newt", False),
        ("Moscow", 1, "cabbage white butterfly", False),
        ("Moscow", 1, "European garden spider", False),
        ("Moscow", 1, "brambling", True),
        ("Moscow", 7, "brambling", False),
        ("Riga", 2, "white stork", False),
        ("Riga", 1, "great egret", False),
        ("Berlin", 1, "quail", False),
        ("Warsaw", 1, "bittern", False),
        ("Warsaw", 6, "bittern", True),
        ("London", 1, "smooth newt", False),
        ("London", 1, "common redshank", True),
        ("Kyiv", 1, "kite", False),
        ("Sapporo", 1, "cabbage white butterfly", False),
        ("Tokyo", 1, "red-breasted merganser", True),
        ("Tokyo", 7, "red-breasted merganser", False),
        ("Seoul", 1, "mantis", False),
        ("Seoul", 1, "American bullfrog", False),
        ("Harbin", 1, "mallard", False),
        ("Harbin", 1, "brambling", True),
        ("Beijing", 1, "cabbage white butterfly", False),
        ("Beijing", 7, "goose", False),
        ("Ulaanbaatar", 1, "kite", False),
        ("Ulaanbaatar", 1, "goose", False),
        ("Sacramento", 1, "crane", True),
        ("Sacramento", 7, "crane", False),
    ],
)
def test_an_animal_that_migrates_or_sleeps_is_there_in_its_months(
    store, place, month, name, is_expected
):
    """The season belongs to the region: a crane is a summer bird here and a winter bird there."""
    taxa = store.features([cell_chain(CITIES[place])], month)[0].taxa
    expected = {
        CLASSES[taxon_id]["vernacularName"]
        for taxon_id, feature in taxa.items()
        if taxon_id in CLASSES and store.dataset().expects(taxon_id, feature)
    }
    assert (name in expected) is is_expected, (place, month)


@pytest.mark.parametrize(
    ("place", "coordinates", "name", "is_expected"),
    [
        ("Martinique", Coordinates(14.6, -61.05), "American coot", True),
        ("Guadeloupe", Coordinates(16.2, -61.6), "American coot", True),
        ("Barbados", Coordinates(13.15, -59.55), "American coot", True),
        ("Antigua", Coordinates(17.08, -61.8), "American coot", True),
        ("Aruba", Coordinates(12.5, -69.97), "American coot", True),
        ("Curacao", Coordinates(12.18, -69.0), "American coot", True),
        ("St Kitts", Coordinates(17.34, -62.77), "ruddy turnstone", True),
        ("Anguilla", Coordinates(18.22, -63.05), "ruddy turnstone", True),
        ("Sint Maarten", Coordinates(18.04, -63.07), "ruddy turnstone", True),
        ("Christmas Island", Coordinates(-10.48, 105.63), "ruddy turnstone", True),
        ("Nauru", Coordinates(-0.52, 166.93), "ruddy turnstone", True),
        ("Basra", Coordinates(29.98, 48.45), "ruddy turnstone", True),
        ("Turkmenbashi", Coordinates(40.0, 53.0), "red-breasted merganser", True),
        ("Karachi", Coordinates(24.85, 67.0), "red-breasted merganser", True),
        ("Benghazi", Coordinates(32.1, 20.1), "red-breasted merganser", True),
        ("Yerevan", Coordinates(40.15, 44.5), "swamphen", True),
        ("Pago Pago", Coordinates(-14.28, -170.7), "swamphen", True),
        ("Niue", Coordinates(-19.05, -169.9), "swamphen", True),
        ("Belize City", Coordinates(17.5, -88.2), "American robin", False),
    ],
)
def test_a_row_that_was_missing_or_too_generous_is_corrected(
    store, place, coordinates, name, is_expected
):
    """Each was found by comparison with an independent source."""
    assert (name in animals_at(store, coordinates)) is is_expected, place


def test_every_large_country_has_regions_inside_it():
    """One row for a country above 500,000 km2 puts mountain animals in its deserts."""
    regions = Regions.read()
    step = 0.5
    grid = np.meshgrid(np.arange(-90 + step / 2, 90, step), np.arange(-180 + step / 2, 180, step))
    latitudes, longitudes = (axis.ravel() for axis in grid)
    is_land = shapely.intersects_xy(LAND, longitudes, latitudes)
    points = shapely.points(longitudes[is_land], latitudes[is_land])
    point_km2 = (step * KM_PER_DEGREE) ** 2 * np.cos(np.radians(latitudes[is_land]))
    codes = list(regions.polygons)
    hits, borders = shapely.STRtree(list(regions.polygons.values())).query(points, "intersects")
    area_km2 = np.bincount(borders, weights=point_km2[hits], minlength=len(codes))
    large = {code for code, area in zip(codes, area_km2, strict=True) if area > 500_000}
    assert len(large) > 40
    divided = set(regions.parents.values())
    undivided = {code for code in large if not divided & set(regions.lineage(code))}
    assert undivided == {"AQ"}, "the list of Antarctica is the same everywhere"


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
    """The file has at most 8 MB, and its version is that of the facts of this checkout."""
    assert STORE.stat().st_size <= 8_000_000
    assert store.dataset().version == features.describe()["version"]


def test_the_labels_are_up_to_date(tmp_path: Path):
    """A new build gives the same bytes, and the tables of names are those of data/."""
    built = tmp_path / "labels.csv"
    labels.build(built)
    labels.copy_names(tmp_path)
    for name in ("labels.csv", "synonyms.csv", "members.csv"):
        assert (tmp_path / name).read_bytes() == (labels.TARGET.parent / name).read_bytes()


def test_nearly_all_classes_have_a_number_of_inaturalist():
    """It has no tribes' names, and no dingo: 391 of 398 have one, and breeds share theirs."""
    rows = read_rows(labels.TARGET, ())
    numbered = [row for row in rows if row["inaturalistID"]]
    assert len(numbered) == 391
    assert all(row["taxonID"] for row in numbered)
    by_name = {(row["scientificName"], row["inaturalistID"]) for row in numbered}
    assert len(by_name) == len({name for name, _ in by_name}) == len({one for _, one in by_name})


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

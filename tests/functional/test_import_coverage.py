"""Test ``--covers``: where absence counts, and what the service makes of it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import h3.api.basic_int as h3
import pytest

from chalicelib.answer.ranking import WeightBounds, place_weights
from chalicelib.answer.taxon_index import taxon_index
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.domain import Coordinates, GeoStatus, Model, PlaceLookup
from chalicelib.features.cells import coarsest_cells
from chalicelib.features.place_service import Places
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.settings import Settings
from tests import occurrences
from tests.occurrences import MAGPIE, Record, label, model_directory, seen
from tools.occurrences.coverage import parse_area
from tools.occurrences.import_occurrences import main

BERLIN = {"decimalLatitude": 52.52, "decimalLongitude": 13.4}
POTSDAM = {"decimalLatitude": 52.4, "decimalLongitude": 13.06}
WARSAW = {"decimalLatitude": 52.23, "decimalLongitude": 21.01}
POZNAN = {"decimalLatitude": 52.41, "decimalLongitude": 16.93}
MUNICH = {"decimalLatitude": 48.14, "decimalLongitude": 11.58}

BIRDS = [
    {"kingdom": "Animalia", "class": "Aves", "order": "Passeriformes", "family": "Otheridae",
     "genus": "Genus", "species": f"Genus species{number}"}
    for number in range(10)
]  # fmt: skip
BEAR = {"kingdom": "Animalia", "class": "Mammalia", "order": "Carnivora", "family": "Ursidae",
        "genus": "Ursus", "species": "Ursus arctos"}  # fmt: skip
BOUNDS = WeightBounds(0.1, 10.0)

RECORDS = [
    seen(MAGPIE, BERLIN, "ana", "2024-07-01"), seen(MAGPIE, POTSDAM, "bob", "2024-07-01"),
    seen(MAGPIE, WARSAW, "cid", "2024-07-01"),
    *(seen(bird, BERLIN, "ana", "2024-07-01") for bird in BIRDS),
]  # fmt: skip


def point(place: Record) -> Coordinates:
    return Coordinates(float(str(place["decimalLatitude"])), float(str(place["decimalLongitude"])))


@pytest.fixture(scope="module")
def model() -> Model:
    """The shipped model."""
    return TfliteClassifier(Settings().model_directory, threads=1).model


@pytest.fixture
def covering(tmp_path) -> Iterator[Callable[..., Places]]:
    """A function that imports records with options, and serves them."""
    stack = ExitStack()

    def serve(*options: str, records: list[Record] = RECORDS) -> Places:
        source = occurrences.simple_csv(tmp_path / "records.csv", records)
        target = tmp_path / "out.sqlite"
        done = main([str(source), "--sqlite", str(target), "--citation", "nobody", *options])
        assert done == 0
        return Places(stack.enter_context(closing(EmbeddedFeatures(target))))

    with stack:
        yield serve


def weight_of(name: str, place: PlaceLookup, model: Model) -> tuple[float, bool | None]:
    """Return the weight of an animal at a place, and whether it is expected: None: no opinion."""
    animals = taxon_index(model)
    index = [taxon.vernacular_name for taxon in animals.taxa].index(name)
    weights = place_weights(animals, place, BOUNDS)
    expected = bool(weights.is_expected[index]) if weights.is_covered[index] else None
    return float(weights.weights[index]), expected


def test_without_an_area_absence_says_nothing(covering, model):
    """As ever: an animal without a record is not part of the dataset."""
    place = covering().look_up(point(BERLIN), 0)
    assert place.status is GeoStatus.APPLIED
    assert weight_of("bald eagle", place, model) == (1.0, None)


def test_in_the_area_an_animal_without_a_record_is_rejected(covering, model):
    """Nobody has seen a bald eagle in Germany. The magpie is expected where it was seen."""
    place = covering("--covers", "DE").look_up(point(BERLIN), 0)
    assert place.status is GeoStatus.APPLIED
    assert weight_of("bald eagle", place, model) == (0.1, False)
    assert weight_of("magpie", place, model)[1] is True


@pytest.mark.parametrize("month", [0, 7])
@pytest.mark.parametrize("place", [WARSAW, POZNAN])
def test_outside_the_area_the_dataset_says_nothing(covering, model, place, month):
    """Records beyond the border are left out, and wide cells that cross it do not reach over."""
    found = covering("--covers", "DE").look_up(point(place), month)
    assert found.status is GeoStatus.NO_DATA
    assert weight_of("bald eagle", found, model) == (1.0, None)
    assert weight_of("magpie", found, model) == (1.0, None)


def test_near_the_border_wide_cells_do_not_reach_over(covering):
    """The records at Frankfurt are within 20 km of Slubice, and share its wider cells."""
    frankfurt = {"decimalLatitude": 52.25, "decimalLongitude": 14.3}
    records = [*RECORDS, seen(MAGPIE, frankfurt, "dan", "2024-07-01")]
    beyond = Coordinates(52.3, 15.3)
    assert covering(records=records).look_up(beyond, 0).status is GeoStatus.APPLIED
    places = covering("--covers", "DE", records=records)
    assert places.look_up(beyond, 0).status is GeoStatus.NO_DATA
    assert places.look_up(Coordinates(52.1, 13.9), 0).status is GeoStatus.APPLIED


def test_records_outside_the_area_are_counted_as_left_out(covering, capsys):
    """The report says how many, and what the dataset covers."""
    dataset = covering("--covers", "DE").dataset()
    printed = capsys.readouterr().out
    assert "outsideCovered                           1" in printed
    assert "absence counts for" in printed
    assert "complete taxa: Aves, Passeriformes" in printed
    assert dataset.title == "Occurrences from GBIF; absence counts in DE"


def test_a_download_of_birds_says_nothing_about_bears(covering, model):
    """Absence counts only for classes and orders that the records name enough species of."""
    places = covering("--covers", "DE", records=[*RECORDS, seen(BEAR, BERLIN, "x", "2024-01-01")])
    place = places.look_up(point(BERLIN), 0)
    assert weight_of("jaguar", place, model) == (1.0, None)
    assert weight_of("bald eagle", place, model) == (0.1, False)


def test_the_operator_can_say_which_animals_are_complete(covering, model):
    """The records name one mammal only, but the operator knows that they were all recorded."""
    records = [*RECORDS, seen(BEAR, BERLIN, "x", "2024-01-01")]
    places = covering("--covers", "DE", "--complete", "mammalia", records=records)
    place = places.look_up(point(BERLIN), 0)
    assert weight_of("jaguar", place, model) == (0.1, False)
    assert weight_of("bald eagle", place, model) == (1.0, None)


def test_the_range_of_an_absent_animal_is_empty(covering, model):
    """It is known, and there is no cell in it; that of a recorded one is where it was seen."""
    places = covering("--covers", "DE")
    taxa = {taxon.vernacular_name: taxon for taxon in model.taxa if taxon}
    nowhere = places.species_range(taxa["bald eagle"], 0)
    assert (nowhere.status, nowhere.presences) == (GeoStatus.APPLIED, {})
    somewhere = places.species_range(taxa["magpie"], 0)
    assert set(somewhere.presences) <= set(coarsest_cells())
    assert somewhere.presences


def test_an_animal_under_a_newer_name_is_not_absent(tmp_path, capsys):
    """The label is older than the records. Until a person decides, the place says nothing.

    Nor does it about a subspecies, if only its species is in the records.
    """
    family = {"class": "Aves", "order": "Piciformes", "family": "Picidae"}
    model = model_directory(
        tmp_path / "birds",
        [label("a", "Picoides pubescens", **family), label("b", "Picoides arcticus", **family),
         label("c", "Pica", "genus", **family), label("d", "Pica pica x", "subspecies", **family),
         label("e", "Pica nuttalli x", "subspecies", **family)],
    )  # fmt: skip
    newer = {"kingdom": "Animalia", **family, "genus": "Dryobates",
             "species": "Dryobates pubescens"}  # fmt: skip
    records = [*RECORDS, seen(newer, BERLIN, "dan", "2024-07-01")]
    source = occurrences.simple_csv(tmp_path / "records.csv", records)
    target = tmp_path / "out.sqlite"
    assert main([str(source), "--sqlite", str(target), "--citation", "x", "--covers", "DE",
                 "--model", str(model)]) == 0  # fmt: skip
    with closing(sqlite3.connect(target)) as connection:
        taxa = {taxon for (taxon,) in connection.execute("SELECT taxon_id FROM dataset_taxon")}
    # Somebody has recorded Pica pica: which subspecies, nobody says.
    assert taxa == {"b", "c", "e"}
    assert "Picoides pubescens may be Dryobates pubescens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("area", "inside", "outside"),
    [
        (["Europe"], (BERLIN, WARSAW), ({"decimalLatitude": 40.7, "decimalLongitude": -74.0},)),
        (["de,pl"], (BERLIN, WARSAW), ({"decimalLatitude": 48.86, "decimalLongitude": 2.35},)),
        (["box:52,10,53,20"], (BERLIN,), (WARSAW, MUNICH)),
        (["PL", "box:48,11,49,12"], (WARSAW, MUNICH), (BERLIN,)),
        (["box:-20,170,-10,-170"], ({"decimalLatitude": -17, "decimalLongitude": 178},
                                    {"decimalLatitude": -14, "decimalLongitude": -171}),
         (BERLIN,)),
        (["box:-90,-180,90,180"], (BERLIN, WARSAW), ()),
    ],
)  # fmt: skip
def test_areas_are_regions_continents_and_boxes(area, inside, outside):
    """A box may cross the 180th meridian."""
    parsed = parse_area(area)
    places = [*map(point, inside), *map(point, outside)]
    counted = parsed.count(
        [place.latitude for place in places], [place.longitude for place in places]
    )
    assert counted[:, 0].tolist() == [True] * len(inside) + [False] * len(outside)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--covers", "Germany"], "--covers does not know Germany: it takes world, codes of"),
        (["--covers", "box:53,5,47,15"], "is no box: write box:SOUTH,WEST,NORTH,EAST"),
        (["--covers", "box:here"], "is no box"),
        (["--covers", "FJ"], "No record lies in the area that --covers names: FJ"),
        (["--complete", "Aves"], "--complete needs --covers"),
        (["--covers", "DE", "--complete", "Aves,Avez"], "--complete does not know Avez: no animal"),
        (["--model", "."], "it is not there. Name a directory that has it"),
        (["--work", "missing"], "missing is no directory: create it first"),
        (["--sqlite", "missing/out.sqlite"], "missing is no directory: create it first"),
    ],
)
def test_an_area_that_cannot_be_meant_is_one_line(tmp_path, capsys, options, fault):
    """Nothing is written."""
    source = occurrences.simple_csv(tmp_path / "records.csv", RECORDS)
    target = tmp_path / "out.sqlite"
    assert main([str(source), "--sqlite", str(target), "--citation", "nobody", *options]) == 2
    told = capsys.readouterr().err
    assert fault in told
    assert len(told.splitlines()) == 1
    assert not target.exists()


def test_the_smallest_countries_are_covered_too():
    """Singapore has less of its cell than Malaysia."""
    area = parse_area(["SG"])
    singapore = Coordinates(1.35, 103.82)
    coarse = h3.latlng_to_cell(singapore.latitude, singapore.longitude, 2)
    covered, _ = area.cells([coarse])
    assert h3.latlng_to_cell(singapore.latitude, singapore.longitude, 4) in covered


def test_the_open_sea_is_outside_of_a_country():
    """Cells of every resolution say so: none may fall back to a wider one with records."""
    coarse = h3.latlng_to_cell(40.0, -40.0, 2)
    covered, outside = parse_area(["DE"]).cells([coarse])
    assert not covered
    assert outside == {
        coarse, *h3.cell_to_children(coarse, 3), *h3.cell_to_children(coarse, 4),
    }  # fmt: skip


def test_the_same_records_for_another_area_are_another_version(tmp_path: Path):
    """Absence is part of the dataset."""
    source = occurrences.simple_csv(tmp_path / "records.csv", RECORDS)
    versions = set()
    for number, options in enumerate(([], ["--covers", "DE"], ["--covers", "Europe"])):
        target = tmp_path / f"{number}.sqlite"
        main([str(source), "--sqlite", str(target), "--citation", "x", "--title", "t", *options])
        with closing(EmbeddedFeatures(target)) as features:
            versions.add(features.dataset().version)
    assert len(versions) == 3

"""A specialist beside a general model, from the setting to the answer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import app
from chalicelib.bootstrap import Services
from chalicelib.http import telemetry
from chalicelib.settings import Settings
from tests.forms import FORM_TYPE, form
from tests.gateway import call
from tests.pictures import jpeg
from tools import ROOT
from tools.occurrences import embedded

if sys.version_info < (3, 12):
    pytest.skip("the models are written by ai_edge_litert", allow_module_level=True)

from chalicelib.domain import Coordinates
from chalicelib.features.cells import cell_chain
from chalicelib.features.observations import ALL_MONTHS, EFFORT_ROW
from tests.model_directories import NOTHING, SIDE, write_model
from tests.tiny_model import Form, build

BIRDS = "n01503061,bird,Aves,class,cosmopolitan,Aves,,,"
BEAR = (
    "n02133161,American black bear,Ursus americanus,species,range,Mammalia,Carnivora,Ursidae,Ursus"
)
MUTE = "inat:900001,mute swan,Cygnus olor,species,range,Aves,Anseriformes,Anatidae,Cygnus"
BLACK = "inat:900002,black swan,Cygnus atratus,species,range,Aves,Anseriformes,Anatidae,Cygnus"
SPECIALITY = {"taxonRank": "class", "scientificName": "Aves", "least": 0.05}

LONDON, PERTH = "51.5,-0.1", "-31.95,115.85"
BRIGHT, DARK = (240, 240, 240), (10, 10, 10)


@pytest.fixture(name="directories")
def write_directories(tmp_path) -> tuple[Path, Path]:
    """A general model that knows bears and birds, and one that knows two swans."""
    general = write_model(tmp_path / "general", "general", [BIRDS, BEAR, NOTHING])
    birds = write_model(
        tmp_path / "birds",
        "swans",
        [MUTE, BLACK, NOTHING],
        speciality=SPECIALITY,
        features="features.sqlite",
        vernacular="vernacular.csv",
    )
    names = "language,taxonID,vernacularName\nde,inat:900001,Höckerschwan\n"
    (birds / "vernacular.csv").write_text(names, encoding="utf-8")
    write_features(birds / "features.sqlite")
    return general, birds


def write_features(path: Path) -> None:
    """Write sightings: mute swans in London, black swans in Perth, by ten observers each."""
    description = {
        "version": "sightings-1", "title": "Sightings", "licence": "CC0-1.0",
        "citation": "Nobody.", "expected_presence": 0.001, "prior_strength": 10.0,
    }  # fmt: skip
    rows = []
    for place, taxon in ((LONDON, 1), (PERTH, 2)):
        latitude, longitude = map(float, place.split(","))
        rows += [
            (int(cell, 16), 0, number, 10.0, "recorded", ALL_MONTHS)
            for cell in cell_chain(Coordinates(latitude, longitude))
            for number in (EFFORT_ROW, taxon)
        ]
    embedded.write(path, description, [(1, "inat:900001", 0.01), (2, "inat:900002", 0.01)], rows)


@contextmanager
def deployed(general: Path, *specialists: Path, **settings: str) -> Iterator[None]:
    """The app with these models until the end of the block."""
    usual = app.services
    environment = {
        "RANGEFINDER_MODEL_DIRECTORY": str(general),
        "RANGEFINDER_SPECIALISTS": ",".join(map(str, specialists)),
        **settings,
    }
    app.services = Services.build(Settings.from_environment(environment))
    app.services.prepare()
    yield
    app.services = usual


def predict(colour: tuple[int, int, int], place: str, **fields: str):
    """Identify a picture of one colour at a place."""
    latitude, longitude = place.split(",")
    body = form(
        ("photo", jpeg(colour)), ("decimalLatitude", latitude), ("decimalLongitude", longitude),
        *fields.items(),
    )  # fmt: skip
    answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    assert answer.status == 200, answer.body
    return answer.body


def test_a_bird_gets_its_species_and_the_answer_says_who_looked(directories):
    """And its own store says that it lives there."""
    with deployed(*directories):
        answer = predict(BRIGHT, LONDON)
    first = answer["predictions"][0]
    assert first["taxon"]["scientificName"] == "Cygnus olor"
    assert first["taxon"]["identifiers"] == {"inaturalist": 900001}
    assert first["expectedHere"] is True
    assert first["geoWeight"] > 1
    assert answer["decision"]["name"]["scientificName"] == "Cygnus olor"
    assert answer["model"] == {
        "name": "general", "version": "1.0.0", "calibrated": False,
        "specialists": [{"name": "swans", "version": "1.0.0"}],
    }  # fmt: skip


def test_the_place_speaks_against_a_swan_that_lives_elsewhere(directories):
    """The picture is sure, so the swan is named: it may be in a park."""
    with deployed(*directories):
        answer = predict(BRIGHT, PERTH)
    first = answer["predictions"][0]
    assert (first["taxon"]["scientificName"], first["expectedHere"]) == ("Cygnus olor", False)
    assert first["geoWeight"] < 1
    assert answer["decision"]["livesHere"] is False


def test_a_bear_stays_a_bear(directories):
    """No specialist looks."""
    with deployed(*directories):
        answer = predict(DARK, LONDON)
    assert answer["predictions"][0]["taxon"]["scientificName"] == "Ursus americanus"
    assert answer["model"]["specialists"] == []


def test_without_the_setting_the_general_model_answers_alone(directories):
    """A bird is a bird."""
    general, _ = directories
    with deployed(general):
        answer = predict(BRIGHT, LONDON)
    assert answer["predictions"][0]["taxon"]["scientificName"] == "Aves"
    assert answer["model"]["specialists"] == []


def test_lists_ranges_and_names_cover_all_models(directories):
    """The animals of a place, where one lives, and what it is called."""
    with deployed(*directories):
        listed = call("GET", "/v1/species?decimalLatitude=51.5&decimalLongitude=-0.1&lang=de").body
        swan = next(one for one in listed["species"] if one["taxon"]["taxonID"] == "inat:900001")
        assert swan["taxon"]["vernacularName"] == "Höckerschwan"
        found = call("GET", "/v1/species/inat:900001/range")
        assert found.status == 200
        assert len(found.body["features"]) == 1
        assert found.body["geo"]["status"] == "applied"
        assert predict(BRIGHT, LONDON, lang="de")["predictions"][0]["taxon"]["language"] == "de"


def test_the_models_are_described(directories):
    """With the taxon of each specialist, and how many animals the places cover."""
    with deployed(*directories):
        card = call("GET", "/v1/model").body
    assert (card["classes"], card["animals"]) == (5, 4)
    assert card["dataset"]["coveredAnimals"] == 3
    (specialist,) = card["specialists"]
    assert specialist["name"] == "swans"
    assert (specialist["taxonRank"], specialist["scientificName"]) == ("class", "Aves")
    assert (specialist["classes"], specialist["animals"]) == (3, 2)
    assert specialist["calibration"]["method"] == "none"


def test_the_looks_of_specialists_are_counted(directories, capsys):
    """An operator sees how many photos need one."""
    with deployed(*directories):
        predict(BRIGHT, LONDON)
        predict(DARK, LONDON)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"]
    metrics = [line for line in lines if "_aws" in line]
    bright, dark = metrics[-2:]
    assert bright[telemetry.SPECIALIST_LOOKS] == [1.0]
    assert bright["model"] == "general 1.0.0, swans 1.0.0"
    assert telemetry.SPECIALIST_LOOKS not in dark


def break_description(birds: Path) -> None:
    (birds / "model.json").write_text("{")


def break_model(birds: Path) -> None:
    (birds / "model.tflite").write_bytes(b"no model")


def break_features(birds: Path) -> None:
    (birds / "features.sqlite").write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("damage", [break_description, break_model])
@pytest.mark.parametrize("at_start", ["on", "off"])
def test_a_broken_specialist_costs_what_it_knows(
    directories, damage: Callable[[Path], None], at_start
):
    """Predictions go on with the general model, and readyz says why."""
    general, birds = directories
    damage(birds)
    with deployed(general, birds, RANGEFINDER_SPECIALISTS_AT_START=at_start):
        assert predict(BRIGHT, LONDON)["decision"]["name"]["scientificName"] == "Aves"
        answer = call("GET", "/readyz")
    assert answer.status == 200
    assert answer.body["checks"]["specialists"] == "unavailable"
    assert answer.body["reason"]
    assert str(birds) not in json.dumps(answer.body)


def test_a_broken_feature_file_costs_its_places(directories):
    """The picture still gives the species, and readyz says what is wrong."""
    general, birds = directories
    break_features(birds)
    with deployed(general, birds):
        first = predict(BRIGHT, LONDON)["predictions"][0]
        ready = call("GET", "/readyz").body
    assert ready["checks"]["specialists"] == "unavailable"
    assert "feature store" in ready["reason"]
    assert str(birds) not in ready["reason"]
    assert first["taxon"]["scientificName"] == "Cygnus olor"
    assert first["expectedHere"] is None


def test_the_same_model_alone_uses_its_own_places(directories):
    """Its directory stands by itself: nothing else is set."""
    _, birds = directories
    with deployed(birds):
        answer = predict(BRIGHT, LONDON)
        assert call("GET", "/v1/model").body["dataset"]["version"] == "sightings-1"
    assert answer["geo"]["dataset"] == "sightings-1"
    assert answer["predictions"][0]["expectedHere"] is True


def test_rules_are_compared_on_labelled_photos(directories, tmp_path):
    """The table counts names inside the specialists' taxa, and changes outside."""
    general, birds = directories
    for name, colour in (("swan.jpg", BRIGHT), ("bear.jpg", DARK)):
        (tmp_path / name).write_bytes(jpeg(colour))
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "file,taxa,decimalLatitude,decimalLongitude\n"
        "swan.jpg,Cygnus olor|Aves,51.5,-0.1\n"
        "bear.jpg,Ursus americanus|Mammalia,51.5,-0.1\n"
    )
    environment = {
        **os.environ,
        "RANGEFINDER_MODEL_DIRECTORY": str(general),
        "RANGEFINDER_SPECIALISTS": str(birds),
    }
    command = [sys.executable, "-m", "tools.evaluate.compare_specialists", str(labels)]
    printed = subprocess.run(
        command, env=environment, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    inside, outside = printed.split("1 photos inside Aves")[1].split("1 photos outside Aves")
    assert "| the general model alone | 1 | 1 | 0 | 0 | 0 |" in inside
    assert "(the service) | 1 | 1 | 1 | 1 | 1 |" in inside
    assert "(the service) | 1 | 1 | 1 | 1 | 0 |" in outside


def test_a_shared_animal_has_the_place_of_the_specialist(directories, tmp_path):
    """It keeps the general model's identifier; the specialist's file knows it by another."""
    _, birds = directories
    own = "n00000001,mute swan,Cygnus olor,species,range,Aves,Anseriformes,Anatidae,Cygnus"
    general = write_model(tmp_path / "knows-swans", "general", [own, BEAR, NOTHING])
    with deployed(general, birds):
        first = predict(BRIGHT, LONDON)["predictions"][0]
        elsewhere = predict(BRIGHT, PERTH)["predictions"][0]
        found = call("GET", "/v1/species/n00000001/range").body
    assert (first["taxon"]["taxonID"], first["expectedHere"]) == ("n00000001", True)
    assert first["geoWeight"] > 1
    assert elsewhere["expectedHere"] is False
    assert len(found["features"]) == 1


@pytest.mark.parametrize(
    "content", [b"a,b\n1,2\n", "language,taxonID\nde,\u00e9\n".encode("latin-1")]
)
def test_a_broken_file_of_names_costs_its_names(directories, content):
    """The English ones serve."""
    general, birds = directories
    (birds / "vernacular.csv").write_bytes(content)
    with deployed(general, birds):
        taxon = predict(BRIGHT, LONDON, lang="de")["predictions"][0]["taxon"]
    assert (taxon["vernacularName"], taxon["language"]) == ("mute swan", "en")


def test_a_description_that_is_wrong_of_the_output_is_not_ready(tmp_path):
    """Every photo would get 503; so does readyz, before the first."""
    general = write_model(
        tmp_path / "general", "general", [BIRDS, BEAR, NOTHING], output={"kind": "probabilities"}
    )
    with deployed(general):
        answer = call("GET", "/readyz")
    assert (answer.status, answer.body["ready"]) == (503, False)
    assert "output.kind says probabilities" in answer.body["reason"]


@pytest.mark.parametrize("stored", ["UINT8", "INT8"])
def test_an_integer_softmax_that_is_called_logits_is_not_ready(tmp_path, stored):
    """Its scores are too coarse to sum to 1, but its scale tells."""
    general = write_model(tmp_path / "general", "general", [BIRDS, BEAR, NOTHING])
    (general / "model.tflite").write_bytes(build(SIDE, Form(last="SOFTMAX", stored=stored)))
    with deployed(general):
        answer = call("GET", "/readyz")
    assert answer.status == 503
    assert "quantised as a softmax" in answer.body["reason"]

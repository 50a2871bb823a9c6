"""A small animal off-centre is found by a second look, and the answer says where."""

import json

import pytest

import app
from chalicelib.bootstrap import Services
from chalicelib.http import telemetry
from chalicelib.settings import Settings
from tests.distant_animal import distant
from tests.forms import FORM_TYPE, form
from tests.gateway import call
from tests.samples import SAMPLES

PANDA, BEAR = "n02510455", "n02134084"


def predict(content: bytes):
    body = form(("photo", content), ("geo", "off"))
    answer = call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})
    assert answer.status == 200
    return answer.body


@pytest.mark.parametrize("form_name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(("file", "animal"), [("giant-panda.jpg", PANDA), ("polar-bear.jpg", BEAR)])
def test_a_small_animal_off_centre_is_found(file, animal, form_name):
    """In the corner where it is."""
    answer = predict(distant(file, form_name))
    assert answer["predictions"][0]["taxon"]["taxonID"] == animal
    assert answer["photo"]["crop"] == {"left": 0, "top": 0, "width": 0.45, "height": 0.6}


def test_a_turned_photo_has_the_animal_in_the_same_corner():
    """The shares are of the upright photo."""
    answer = predict(distant("giant-panda.jpg", orientation=6))
    assert answer["predictions"][0]["taxon"]["taxonID"] == PANDA
    assert answer["photo"]["crop"] == {"left": 0, "top": 0, "width": 0.45, "height": 0.6}
    assert (answer["photo"]["width"], answer["photo"]["height"]) == (1800, 2400)


def test_an_animal_that_fills_the_middle_is_looked_at_once():
    """The answer is that of the middle."""
    assert predict(SAMPLES["giant-panda.jpg"].content)["photo"]["crop"] is None


@pytest.fixture
def one_look():
    """The service with RANGEFINDER_LOOKS=1."""
    usual = app.services
    once = Services.build(Settings.from_environment({"RANGEFINDER_LOOKS": "1"}))
    app.services = once
    yield once
    app.services = usual


def test_one_look_gives_the_answer_of_the_middle(one_look):
    """The setting turns second looks off."""
    answer = predict(distant("giant-panda.jpg"))
    assert answer["photo"]["crop"] is None
    assert answer["predictions"][0]["taxon"]["taxonID"] != PANDA
    assert one_look.identify.looks == 1


def test_looks_after_the_first_are_counted(capsys):
    """Their sum is the metric; a photo that is looked at once has none."""

    def emitted(content: bytes) -> dict:
        predict(content)
        lines = capsys.readouterr().out.splitlines()
        metrics: dict = [json.loads(line) for line in lines if '"_aws"' in line][-1]
        return metrics

    assert emitted(distant("giant-panda.jpg"))[telemetry.SECOND_LOOKS] == [2.0]
    assert telemetry.SECOND_LOOKS not in emitted(SAMPLES["giant-panda.jpg"].content)

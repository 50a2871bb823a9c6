"""What a model's description may leave out."""

import json

import pytest

from chalicelib.classifier.lookalike_table import LookalikeTable
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.domain import (
    Geography,
    LookalikeStrengths,
    LookRule,
    Speciality,
    Thresholds,
    Unfamiliarity,
    View,
)
from chalicelib.errors import ModelUnavailable
from tests.fakes import ANT, JAGUAR

LABELS = """classIndex,taxonID,vernacularName,scientificName,taxonRank,geography
0,n02128925,jaguar,Panthera onca,species,range
1,,background,,,
"""
DECISION = {"animal": 0.5, "notAnAnimal": 0.1, "named": 0.8, "rolledUp": 0.95}


@pytest.fixture(name="thresholds")
def read_thresholds(tmp_path):
    """A function that reads the thresholds of a description with these members."""

    def read(**members: object) -> Thresholds:
        (tmp_path / "labels.csv").write_text(LABELS)
        card = {
            "name": "mine", "version": "1", "sha256": "", "file": "mine.tflite",
            "labels": "labels.csv",
            "input": {
                "width": 8, "height": 8, "cropFraction": 1, "resample": "bilinear",
                "mean": [0, 0, 0], "standardDeviation": [1, 1, 1],
            },
            "output": {"kind": "logits"}, "calibration": {"temperature": 1},
            "decision": {**DECISION, **members},
        }  # fmt: skip
        (tmp_path / "model.json").write_text(json.dumps(card))
        return TfliteClassifier(tmp_path, 1).model.thresholds

    return read


def test_a_description_with_two_thresholds_uses_them_for_every_animal_and_rank(thresholds):
    """As descriptions had them at first."""
    old = thresholds()
    assert old.to_name(JAGUAR) == old.to_name(ANT) == old.to_name_elsewhere(JAGUAR) == 0.8
    assert old.to_roll_up("genus") == old.to_roll_up("class") == 0.95


def test_thresholds_by_geography_and_rank_win_where_they_are_given(thresholds):
    """The others keep the general one."""
    new = thresholds(
        namedByGeography={"range": 0.9}, rolledUpByRank={"class": 0.7}, notLivingHere=0.6
    )
    assert (new.to_name(JAGUAR), new.to_name(ANT)) == (0.9, 0.8)
    assert (new.to_roll_up("class"), new.to_roll_up("genus")) == (0.7, 0.95)
    assert new.to_name_elsewhere(JAGUAR) == 0.6
    assert new.named_by_geography == {Geography.RANGE: 0.9}


def test_a_kind_of_animal_that_does_not_exist_is_refused(thresholds):
    """A misspelt one would never count."""
    with pytest.raises(ModelUnavailable, match="wild"):
        thresholds(namedByGeography={"wild": 0.9})


def test_a_description_may_leave_second_looks_out(tmp_path, thresholds):
    """Such a model looks at each photo once; the temperature of second looks is 1 by default."""
    thresholds()
    assert TfliteClassifier(tmp_path, 1).model.look_rule is None
    card = json.loads((tmp_path / "model.json").read_text())
    view = {"side": 0.6, "across": 0, "down": 1}
    card["secondLooks"] = {"unsure": 0.6, "sure": 0.5, "surer": 0.2, "views": [view]}
    (tmp_path / "model.json").write_text(json.dumps(card))
    rule = TfliteClassifier(tmp_path, 1).model.look_rule
    assert rule == LookRule(0.6, 0.5, 0.2, 1.0, (View(0.6, 0, 1),))


LOOKALIKES = """taxonID,scientificName,vernacularName,taxonRank,geography,class,order,family,genus,close,loose
inat:1,Leopardus pardalis,ocelot,species,range,Mammalia,Carnivora,Felidae,Leopardus,Panthera onca|Panthera pardus,
inat:2,Corvus,crows,genus,cosmopolitan,Aves,Passeriformes,Corvidae,,,Panthera onca
"""  # noqa: E501


def test_the_table_of_lookalikes_is_read_by_class(tmp_path):
    """A class has those that name it; others have none."""
    (tmp_path / "lookalikes.csv").write_text(LOOKALIKES)
    table = LookalikeTable(tmp_path / "lookalikes.csv")
    ocelot, crows = table.of("Panthera onca")
    assert (ocelot.taxon.vernacular_name, ocelot.is_close) == ("ocelot", True)
    assert (crows.taxon.geography, crows.is_close) == (Geography.COSMOPOLITAN, False)
    assert crows.taxon.higher == {
        "family": "Corvidae", "order": "Passeriformes", "class": "Aves",
    }  # fmt: skip
    assert len(table.of("Panthera pardus")) == 1
    assert table.of("Canis lupus") == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "taxonID,close\n",
        "close,loose\na\n",
        LOOKALIKES.replace("taxonID", "id"),
        LOOKALIKES.replace("cosmopolitan", "everywhere"),
        LOOKALIKES.replace("Leopardus,", "Leopardus,,"),
        LOOKALIKES.replace("Corvidae,,,", "Corvidae,"),
    ],
)
def test_a_table_of_lookalikes_that_is_broken_makes_the_model_unavailable(tmp_path, content):
    """The decision must not be made as if there were none."""
    (tmp_path / "lookalikes.csv").write_text(content)
    with pytest.raises(ModelUnavailable, match=r"lookalikes\.csv is invalid: (?!None)"):
        LookalikeTable(tmp_path / "lookalikes.csv").of("Panthera onca")


def test_strengths_of_lookalikes_are_read_and_may_be_missing(thresholds):
    """A description without them decides as before."""
    assert thresholds().lookalikes is None
    strengths = thresholds(lookalikes={"close": 0.5, "loose": 0.1, "elsewhere": 2}).lookalikes
    assert (strengths.close, strengths.loose) == (0.5, 0.1)
    assert (strengths.elsewhere, strengths.no_place) == (2, 1)
    assert thresholds(lookalikes={"close": 1, "loose": 0}).lookalikes == LookalikeStrengths(1, 0)
    apart = {"close": 1, "loose": 0, "byGeography": {"domestic": 0.5}, "noPlace": 0.3}
    assert thresholds(lookalikes=apart).lookalikes == LookalikeStrengths(
        1, 0, {Geography.DOMESTIC: 0.5}, no_place=0.3
    )


def test_a_speciality_may_leave_the_least_share_out(tmp_path, thresholds):
    """A twentieth of the scores is enough to ask."""
    thresholds()
    card = json.loads((tmp_path / "model.json").read_text())
    card["speciality"] = {"taxonRank": "class", "scientificName": "Aves"}
    (tmp_path / "model.json").write_text(json.dumps(card))
    assert TfliteClassifier(tmp_path, 1).model.speciality == Speciality("class", "Aves", 0.05)


def test_what_a_strange_photo_weighs_is_read_and_may_be_missing(thresholds):
    """Without it, a strange photo weighs nothing."""
    strange = thresholds(unfamiliar={"usualSpread": 0.9, "strength": 2})
    assert strange.unfamiliarity == Unfamiliarity(0.9, 2)
    assert thresholds().doubt(3.0) == 1


@pytest.mark.parametrize("members", [{"usualSpread": 0.9}, {"usualSpread": 0, "strength": 1}])
def test_a_strange_photo_needs_a_usual_spread_and_a_strength(thresholds, members):
    """A card with one of the two, or a spread that no scores have, is refused."""
    with pytest.raises(ModelUnavailable, match="unfamiliar"):
        thresholds(unfamiliar=members)

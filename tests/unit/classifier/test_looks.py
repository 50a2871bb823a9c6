"""The model looks again only where it is unsure, and believes only what is clearly surer."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np
import pytest
from msgspec.structs import replace

from chalicelib.classifier.looks import look, spread
from chalicelib.domain import LookRule, Model, ModelInput, Part, Pixels, Scores, View
from tests.fakes import MODEL, FakeClassifier, FakePhoto

RULE = LookRule(
    unsure=0.6, sure=0.6, surer=0.2, temperature=1.0, views=tuple(View(0.6, x, 0) for x in (0, 1))
)
LOOKS_AGAIN = replace(MODEL, look_rule=RULE)
UNSURE = (0.2, 0.1, 0.0, 0.3, 0.1, 0.3)
SURE_OF_JAGUAR = (0.8, 0.1, 0.0, 0.0, 0.0, 0.1)
SURE_OF_MAMMALS = (0.3, 0.3, 0.1, 0.1, 0.0, 0.2)


@dataclass
class Classifier(FakeClassifier):
    """A classifier that sees something else at each look."""

    answers: Sequence[Sequence[float]] = ()
    model: Model = LOOKS_AGAIN

    def classify(self, pixels: Pixels) -> Scores:
        self.scores = self.answers[len(self.pixels)]
        return super().classify(pixels)


@dataclass
class Photo(FakePhoto):
    """A photo that records its views; there may be none."""

    views: list[View] = field(default_factory=list)
    has_views: bool = True

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        self.views.append(view)
        return super().view(size, orientation, view) if self.has_views else None


def test_a_first_look_that_is_sure_of_the_class_is_enough():
    """Other parts would say little more of an animal that fills the middle."""
    photo, classifier = Photo(), Classifier(answers=[SURE_OF_MAMMALS])
    found = look(classifier, photo, 1, 6)
    assert (found.crop, found.looks, photo.views) == (None, 1, [])
    assert found.scores.tolist() == pytest.approx(SURE_OF_MAMMALS)


def test_the_first_part_that_is_clearly_surer_is_taken():
    """The search ends there."""
    photo, classifier = Photo(), Classifier(answers=[UNSURE, SURE_OF_JAGUAR])
    found = look(classifier, photo, 1, 6)
    assert (found.crop, found.looks) == (Part(0.1, 0.2, 0.3, 0.4), 2)
    assert found.scores.tolist() == pytest.approx(SURE_OF_JAGUAR)


def test_without_a_surer_part_the_first_look_counts():
    """After all views have been looked at."""
    photo, classifier = Photo(), Classifier(answers=[UNSURE, SURE_OF_MAMMALS, UNSURE])
    found = look(classifier, photo, 1, 6)
    assert (found.crop, found.looks, photo.views) == (None, 3, list(RULE.views))
    assert found.scores.tolist() == pytest.approx(UNSURE)


def test_a_part_must_be_surer_by_the_margin():
    """A name that the first look nearly had is no reason to believe another part."""
    nearly = (0.0, 0.0, 0.0, 0.0, 0.55, 0.45)
    classifier = Classifier(answers=[nearly, (0, 0, 0, 0, 0.7, 0.3), (0, 0, 0, 0, 0.76, 0.24)])
    assert look(classifier, Photo(), 1, 6).looks == 3


@pytest.mark.parametrize("most", [1, 2])
def test_the_setting_bounds_the_looks(most):
    """1 never looks again."""
    classifier = Classifier(answers=[UNSURE] * 3)
    assert look(classifier, Photo(), 1, most).looks == most


def test_a_model_without_a_rule_looks_once():
    """As before the member existed."""
    assert look(Classifier(answers=[UNSURE], model=MODEL), Photo(), 1, 6).looks == 1


def test_a_photo_without_other_parts_is_looked_at_once():
    """One that broke off, or that took long to decode."""
    found = look(Classifier(answers=[UNSURE]), Photo(has_views=False), 1, 6)
    assert (found.looks, found.crop) == (1, None)


def test_a_later_look_is_made_less_sure():
    """Its temperature divides the logits; the order stays."""
    model = replace(LOOKS_AGAIN, look_rule=replace(RULE, temperature=1.2))
    found = look(Classifier(answers=[UNSURE, SURE_OF_JAGUAR], model=model), Photo(), 1, 6)
    powers = np.array(SURE_OF_JAGUAR) ** (1 / 1.2)
    assert found.scores.tolist() == pytest.approx((powers / powers.sum()).tolist())


def test_each_look_counts_for_its_stage():
    """Cutting the part out is decoding."""
    stages: list[str] = []

    def stage(name: str) -> nullcontext[None]:
        stages.append(name)
        return nullcontext()

    look(Classifier(answers=[UNSURE, SURE_OF_JAGUAR]), Photo(), 1, 6, stage)
    assert stages == ["decode", "classify"] * 2


def test_the_spread_is_small_where_all_other_classes_are_equally_unlikely():
    """A strange photo stirs many classes; a class without a score says nothing."""
    familiar = np.array([0.9, 0.02, 0.02, 0.02, 0.02, 0.02], np.float32)
    strange = np.array([0.9, 0.09, 0.009, 0.0009, 0.00009, 0.00001], np.float32)
    assert spread(np.full(6, 1 / 6, np.float32)) == pytest.approx(0)
    assert spread(familiar) < spread(strange)
    assert spread(np.append(familiar, np.float32(0))) == spread(familiar)


def test_a_look_has_the_spread_of_the_scores_as_the_model_gave_them():
    """A later look that is made softer is as strange as before."""
    softer = replace(MODEL, look_rule=replace(RULE, temperature=2.0))
    sure = (0.7, 0.1, 0.05, 0.05, 0.05, 0.05)
    classifier = Classifier(answers=[UNSURE, sure], model=softer)
    found = look(classifier, Photo(), 1, 6)
    assert found.spread == pytest.approx(spread(np.array(sure, np.float32)))
    assert found.spread == pytest.approx(2 * spread(found.scores))
    first = look(Classifier(answers=[sure]), Photo(), 1, 6)
    assert first.spread == found.spread

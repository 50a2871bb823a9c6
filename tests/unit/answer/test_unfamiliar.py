"""A photo that is strange to the model needs surer scores; the answer shows calibrated ones."""

import numpy as np
import pytest
from msgspec.structs import replace

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import Ranking, WeightBounds, fuse
from chalicelib.domain import (
    Decision,
    DecisionKind,
    GeoStatus,
    PlaceLookup,
    Thresholds,
    Unfamiliarity,
)
from tests.fakes import DATASET, MODEL, feature, place

BOUNDS = WeightBounds(0.1, 10.0)
USUAL = 1.0
STRANGE = 2.0
FAMILIAR = 0.5
THRESHOLDS = Thresholds(
    animal=0.5,
    not_an_animal=0.1,
    named=0.8,
    rolled_up=0.9,
    unfamiliarity=Unfamiliarity(USUAL, strength=1.0),
)
NOWHERE = PlaceLookup(GeoStatus.DISABLED)
PANTANAL = PlaceLookup(GeoStatus.APPLIED, place(jaguar=feature()), DATASET)
ELSEWHERE = PlaceLookup(GeoStatus.APPLIED, place(), DATASET)


def ranked(
    *scores: float,
    spread: float | None,
    there: PlaceLookup = NOWHERE,
    of_spread: float | None = None,
) -> Ranking:
    """Rank jaguar, leopard, dog, ants and okapi, in this order."""
    vision = np.zeros(len(MODEL.taxa), np.float32)
    vision[: len(scores)] = scores
    return fuse(vision, replace(MODEL, of_spread=of_spread), there, BOUNDS, spread)[0]


def decided(ranking: Ranking) -> Decision:
    return decide(ranking, 1.0, THRESHOLDS)


def name_of(ranking: Ranking) -> str | None:
    name = decided(ranking).name
    return name.scientific_name if name else None


@pytest.mark.parametrize(
    ("spread", "score", "is_named"),
    [
        (USUAL, 0.81, True),
        (USUAL, 0.79, False),
        (STRANGE, 0.9, False),
        (STRANGE, 0.92, True),  # odds of 4, times e
        (FAMILIAR, 0.72, True),  # odds of 4, divided by the root of e
        (FAMILIAR, 0.69, False),
        (None, 0.81, True),
    ],
)
def test_the_odds_of_a_name_are_divided_by_what_a_strange_photo_weighs(spread, score, is_named):
    """A photo as in training needs less than the threshold, a strange one more."""
    decision = decided(ranked(score, 0, 0, 1 - score, spread=spread))
    assert (decision.kind is DecisionKind.SPECIES) is is_named


def test_a_strange_photo_speaks_against_a_zoo_too():
    """An animal far from home needs a sure picture."""
    names = [
        name_of(ranked(0.9, 0.1, spread=spread, there=ELSEWHERE)) for spread in (USUAL, STRANGE)
    ]
    assert names == ["Panthera onca", "Panthera"]


@pytest.mark.parametrize(
    ("spread", "score", "name"),
    [(USUAL, 0.91, "Panthera"), (STRANGE, 0.95, None), (STRANGE, 0.97, "Panthera"),
     (FAMILIAR, 0.86, "Panthera"), (FAMILIAR, 0.83, None)],
)  # fmt: skip
def test_a_wider_name_needs_a_surer_score_on_a_strange_photo(spread, score, name):
    """A blurred crab must not become a mammal."""
    assert name_of(ranked(score / 2, score / 2, 0, 1 - score, spread=spread)) == name


def test_shown_scores_have_a_temperature_in_proportion_to_the_spread():
    """Half the spread, twice the power: scores of a familiar photo are surer."""
    shown = ranked(0.6, 0.3, 0, 0.1, spread=FAMILIAR, of_spread=1.0).shown
    expected = np.array([0.6, 0.3, 0, 0.1]) ** 2
    assert [candidate.vision_score for candidate in shown[:3]] == pytest.approx(
        sorted(expected / expected.sum(), reverse=True)[:3]
    )
    assert sum(candidate.score for candidate in shown) == pytest.approx(1)


def test_shown_scores_are_vision_score_times_weight():
    """The place is reckoned in as ever, after the calibration."""
    shown = ranked(0.6, 0.3, 0, 0.1, spread=FAMILIAR, there=PANTANAL, of_spread=1.0).shown
    products = [candidate.vision_score * candidate.geo_weight for candidate in shown]
    assert [candidate.score for candidate in shown] == pytest.approx(
        [product / sum(products) for product in products]
    )


@pytest.mark.parametrize(
    ("scores", "there"), [((0.85, 0.1, 0, 0.05), PANTANAL), ((0.85, 0.15), ELSEWHERE),
                          ((0.45, 0.42, 0, 0.13), NOWHERE)],
)  # fmt: skip
def test_the_name_has_the_score_that_the_answer_shows_for_its_animals(scores, there):
    """The decision itself rests on scores of one temperature for all photos."""
    plain = ranked(*scores, spread=FAMILIAR, there=there)
    ranking = ranked(*scores, spread=FAMILIAR, there=there, of_spread=0.8)
    decision = decided(ranking)
    before = decided(plain)
    assert decision.name is not None
    assert before.name is not None
    assert decision.name.scientific_name == before.name.scientific_name
    assert decision.name.score > before.name.score
    is_by_picture = there is not PANTANAL
    assert decision.name.score == pytest.approx(
        sum(
            candidate.vision_score if is_by_picture else candidate.score
            for candidate in ranking.shown
            if decision.name.scientific_name
            in (candidate.taxon.scientific_name, *candidate.taxon.higher.values())
        )
    )


def test_without_a_spread_the_scores_are_shown_as_they_are():
    """As for a model that says nothing of it."""
    for ranking in (
        ranked(0.6, 0.3, 0, 0.1, spread=None, of_spread=1.0),
        ranked(0.6, 0.3, 0, 0.1, spread=STRANGE),
    ):
        assert ranking.shown is ranking

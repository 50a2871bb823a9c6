import numpy as np
import pytest

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import PlaceWeights, Ranking
from chalicelib.answer.taxon_index import TaxonIndex
from chalicelib.domain import DecisionKind, Geography, NamedTaxon, Rejection, Taxon, Thresholds
from tests.fakes import ANT, CANIS, DOG, JAGUAR, LEOPARD

THRESHOLDS = Thresholds(animal=0.5, not_an_animal=0.1, named=0.8, rolled_up=0.85)
POODLE = Taxon("poodle", "Canis familiaris", "poodle", "species", Geography.DOMESTIC, CANIS)


def candidates(*scores: tuple[Taxon, float, float, bool | None]) -> Ranking:
    """Rank taxa that are given as taxon, score, vision score and expected here."""
    taxa, both, vision, here = zip(*scores, strict=True)
    place = PlaceWeights(
        weights=np.ones(len(taxa)),
        is_covered=np.array([expected is not None for expected in here]),
        is_expected=np.array([expected is True for expected in here]),
    )
    return Ranking(TaxonIndex(taxa), np.array(both), np.array(vision), place)


def test_a_score_above_the_threshold_is_named():
    """A taxon whose score reaches the threshold is named."""
    decision = decide(
        candidates((JAGUAR, 0.9, 0.8, True), (LEOPARD, 0.1, 0.2, False)), 0.9, THRESHOLDS
    )
    assert decision.kind is DecisionKind.SPECIES
    assert decision.name == NamedTaxon("Panthera onca", "species", 0.9)
    assert decision.rejection is None


def test_breeds_count_together():
    """The scores of two breeds add up to the score of their species."""
    decision = decide(candidates((DOG, 0.5, 0.5, None), (POODLE, 0.4, 0.4, None)), 0.9, THRESHOLDS)
    assert decision.kind is DecisionKind.SPECIES
    assert decision.name is not None
    assert decision.name.scientific_name == "Canis familiaris"
    assert decision.name.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ((0.5, 0.4, 0.05, 0.05), ("Panthera", "genus")),
        ((0.4, 0.3, 0.2, 0.1), ("Carnivora", "order")),
    ],
)
def test_the_finest_sure_higher_taxon_is_named(scores, name):
    """If no species is sure, the finest higher taxon that reaches its threshold is named."""
    taxa = (JAGUAR, LEOPARD, DOG, ANT)
    decision = decide(
        candidates(
            *((taxon, score, score, None) for taxon, score in zip(taxa, scores, strict=True))
        ),
        0.9,
        THRESHOLDS,
    )
    assert decision.kind is DecisionKind.ROLLED_UP
    assert decision.name is not None
    assert (decision.name.scientific_name, decision.name.taxon_rank) == name


def test_without_a_sure_taxon_the_decision_is_unknown():
    """If no taxon of any rank reaches its threshold, the decision is unknown."""
    decision = decide(candidates((JAGUAR, 0.5, 0.5, None), (ANT, 0.5, 0.5, None)), 0.9, THRESHOLDS)
    assert decision.kind is DecisionKind.UNKNOWN
    assert decision.name is None


@pytest.mark.parametrize(
    ("animal_score", "kind"),
    [
        (0.05, DecisionKind.NOT_AN_ANIMAL),
        (0.3, DecisionKind.UNKNOWN),
        (0.6, DecisionKind.SPECIES),
    ],
)
def test_the_animal_score_decides_whether_a_name_is_given(animal_score, kind):
    """Even a sure species is named only if the animal score reaches its threshold."""
    assert decide(candidates((JAGUAR, 1.0, 1.0, True)), animal_score, THRESHOLDS).kind is kind


def test_a_rejection_names_both_animals_and_their_common_taxon():
    """A rejection holds the animal of the picture, the best expected animal, and their genus."""
    decision = decide(
        candidates((JAGUAR, 0.6, 0.1, True), (LEOPARD, 0.4, 0.9, False)), 0.9, THRESHOLDS
    )
    assert decision.rejection == Rejection(LEOPARD, JAGUAR, NamedTaxon("Panthera", "genus", 1.0))
    assert decision.kind is DecisionKind.ROLLED_UP


def test_a_very_sure_picture_is_named_against_the_place():
    """A sure name stands although the place rejects it, and the rejection is reported too."""
    decision = decide(
        candidates((LEOPARD, 0.9, 0.99, False), (JAGUAR, 0.1, 0.01, True)), 0.9, THRESHOLDS
    )
    assert decision.kind is DecisionKind.SPECIES
    assert decision.name == NamedTaxon("Panthera pardus", "species", 0.9)
    assert decision.rejection is not None
    assert decision.rejection.instead == JAGUAR

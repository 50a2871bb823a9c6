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
    """Taxon, score, visionScore, expectedHere."""
    taxa, both, vision, here = zip(*scores, strict=True)
    place = PlaceWeights(
        weights=np.ones(len(taxa)),
        is_covered=np.array([one is not None for one in here]),
        is_expected=np.array([one is True for one in here]),
    )
    return Ranking(TaxonIndex(taxa), np.array(both), np.array(vision), place)


def test_a_sure_score_gives_the_name():
    """One taxon has enough of the probability: say it."""
    found = decide(
        candidates((JAGUAR, 0.9, 0.8, True), (LEOPARD, 0.1, 0.2, False)), 0.9, THRESHOLDS
    )
    assert found.kind is DecisionKind.SPECIES
    assert found.name == NamedTaxon("Panthera onca", "species", 0.9)
    assert found.rejection is None


def test_breeds_count_together():
    """A dog is a dog, whichever breed."""
    found = decide(candidates((DOG, 0.5, 0.5, None), (POODLE, 0.4, 0.4, None)), 0.9, THRESHOLDS)
    assert found.kind is DecisionKind.SPECIES
    assert found.name is not None
    assert found.name.scientific_name == "Canis familiaris"
    assert found.name.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ((0.5, 0.4, 0.05, 0.05), ("Panthera", "genus")),
        ((0.4, 0.3, 0.2, 0.1), ("Carnivora", "order")),
    ],
)
def test_below_that_the_finest_sure_higher_taxon_is_named(scores, name):
    """Jaguar or leopard, but surely a big cat."""
    taxa = (JAGUAR, LEOPARD, DOG, ANT)
    found = decide(
        candidates(
            *((taxon, score, score, None) for taxon, score in zip(taxa, scores, strict=True))
        ),
        0.9,
        THRESHOLDS,
    )
    assert found.kind is DecisionKind.ROLLED_UP
    assert found.name is not None
    assert (found.name.scientific_name, found.name.taxon_rank) == name


def test_where_nothing_is_sure_enough_nothing_is_named():
    """An honest 'unknown' is worth more than a guess."""
    found = decide(candidates((JAGUAR, 0.5, 0.5, None), (ANT, 0.5, 0.5, None)), 0.9, THRESHOLDS)
    assert found.kind is DecisionKind.UNKNOWN
    assert found.name is None


@pytest.mark.parametrize(
    ("animal_score", "kind"),
    [
        (0.05, DecisionKind.NOT_AN_ANIMAL),
        (0.3, DecisionKind.UNKNOWN),
        (0.6, DecisionKind.SPECIES),
    ],
)
def test_a_picture_without_an_animal_gets_no_name(animal_score, kind):
    """However sure the scores among animals are; and between the two, nobody can tell."""
    assert decide(candidates((JAGUAR, 1.0, 1.0, True)), animal_score, THRESHOLDS).kind is kind


def test_where_the_place_rejects_the_picture_what_there_is_instead_is_named():
    """The visitor sees both: what it looked like, and what lives here; and what holds for both."""
    found = decide(
        candidates((JAGUAR, 0.6, 0.1, True), (LEOPARD, 0.4, 0.9, False)), 0.9, THRESHOLDS
    )
    assert found.rejection == Rejection(LEOPARD, JAGUAR, NamedTaxon("Panthera", "genus", 1.0))
    assert found.kind is DecisionKind.ROLLED_UP


def test_a_very_sure_picture_is_named_against_the_place():
    """As in a zoo; the rejection is told all the same."""
    found = decide(
        candidates((LEOPARD, 0.9, 0.99, False), (JAGUAR, 0.1, 0.01, True)), 0.9, THRESHOLDS
    )
    assert found.kind is DecisionKind.SPECIES
    assert found.name == NamedTaxon("Panthera pardus", "species", 0.9)
    assert found.rejection is not None
    assert found.rejection.instead == JAGUAR

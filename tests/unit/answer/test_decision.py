import numpy as np
import pytest
from msgspec.structs import replace

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import PlaceWeights, Ranking
from chalicelib.answer.taxon_index import TaxonIndex
from chalicelib.domain import DecisionKind, Geography, NamedTaxon, Rejection, Taxon, Thresholds
from tests.fakes import ANT, CANIS, DOG, JAGUAR, LEOPARD, UNMAPPED

THRESHOLDS = Thresholds(animal=0.5, not_an_animal=0.1, named=0.8, rolled_up=0.85)
POODLE = Taxon("poodle", "Canis familiaris", "poodle", "species", Geography.DOMESTIC, CANIS)


def candidates(*scores: tuple[Taxon, float, float, bool | None]) -> Ranking:
    """Rank taxa that are given as taxon, score, vision score and expected here.

    The model knows an ant, too: a taxon that holds all of its animals is no name.
    """
    if ANT not in (taxon for taxon, *_ in scores):
        scores = (*scores, (ANT, 0.0, 0.0, None))
    return ranking(*scores)


def ranking(*scores: tuple[Taxon, float, float, bool | None]) -> Ranking:
    """Rank these taxa, which are all that the model knows."""
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


def test_a_sure_picture_of_an_animal_that_does_not_live_here_is_named_and_says_so():
    """A koala far from Australia is in a zoo: the place lowers its score, the picture is sure."""
    decision = decide(
        candidates((LEOPARD, 0.6, 0.95, False), (DOG, 0.25, 0.05, None)), 0.9, THRESHOLDS
    )
    assert decision.kind is DecisionKind.SPECIES
    assert decision.name == NamedTaxon("Panthera pardus", "species", 0.95)
    assert decision.lives_here is False


def test_a_dog_is_no_zoo_animal_because_a_leopard_has_the_single_best_score():
    """Breeds count together: the picture's name is the dog, whose own threshold stays."""
    pets = [(replace(POODLE, taxon_id=f"dog{number}"), 0.1875, 0.175, None) for number in range(4)]
    thresholds = replace(THRESHOLDS, not_living_here=0.65)
    decision = decide(candidates((LEOPARD, 0.25, 0.3, False), *pets), 0.9, thresholds)
    assert decision.name is not None
    assert decision.name.scientific_name == "Carnivora"


@pytest.mark.parametrize("here", [True, None])
def test_an_animal_that_may_live_here_and_is_half_as_likely_speaks_against_a_zoo(here):
    """A leopard where jaguars live may well be a jaguar, so only their genus is named."""
    decision = decide(
        candidates((LEOPARD, 0.6, 0.95, False), (JAGUAR, 0.4, 0.05, here)), 0.9, THRESHOLDS
    )
    assert decision.kind is DecisionKind.ROLLED_UP
    assert decision.name == NamedTaxon("Panthera", "genus", 1.0)
    assert decision.lives_here is None


def test_an_animal_that_lives_elsewhere_has_a_threshold_of_its_own():
    """It holds for the picture alone; an animal that may live here needs the other."""
    thresholds = replace(THRESHOLDS, not_living_here=0.7)
    away = candidates((LEOPARD, 0.6, 0.75, False), (DOG, 0.2, 0.25, None))
    home = candidates((LEOPARD, 0.75, 0.75, True), (DOG, 0.25, 0.25, None))
    assert decide(away, 0.9, THRESHOLDS).kind is DecisionKind.ROLLED_UP
    assert decide(away, 0.9, thresholds).lives_here is False
    assert decide(home, 0.9, thresholds).kind is DecisionKind.ROLLED_UP


@pytest.mark.parametrize(("here", "lives_here"), [(True, True), (None, None)])
def test_a_named_animal_that_may_live_here_says_so(here, lives_here):
    """The place expects it, or has no opinion."""
    decision = decide(candidates((LEOPARD, 1.0, 1.0, here)), 0.9, THRESHOLDS)
    assert decision.lives_here is lives_here


def test_only_what_is_expected_is_said_to_live_here_instead():
    """A dog may be anywhere, but the place does not expect it."""
    decision = decide(
        candidates((LEOPARD, 0.3, 0.9, False), (DOG, 0.7, 0.1, None)), 0.9, THRESHOLDS
    )
    assert decision.rejection is not None
    assert decision.rejection.instead is None


def test_a_name_wider_than_a_species_is_rolled_up():
    """The model knows ants as a family: no species is named."""
    decision = decide(candidates((ANT, 1.0, 1.0, None)), 0.9, THRESHOLDS)
    assert decision.kind is DecisionKind.ROLLED_UP
    assert decision.name == NamedTaxon("Formicidae", "family", 1.0)


def test_a_higher_taxon_is_named_by_the_picture_alone():
    """The place raises what lives here, also if the animal is one that the model lacks."""
    raised = candidates((JAGUAR, 0.5, 0.2, True), (LEOPARD, 0.4, 0.3, True), (ANT, 0.1, 0.5, None))
    assert decide(raised, 0.9, THRESHOLDS).kind is DecisionKind.UNKNOWN
    lowered = candidates((JAGUAR, 0.2, 0.5, True), (LEOPARD, 0.3, 0.4, True), (ANT, 0.5, 0.1, None))
    assert decide(lowered, 0.9, THRESHOLDS).name == NamedTaxon("Panthera", "genus", 0.9)


def test_a_genus_with_one_animal_of_the_model_adds_no_certainty():
    """Its name would be no surer than that of its animal."""
    decision = decide(candidates((DOG, 0.79, 0.9, None), (ANT, 0.21, 0.1, None)), 0.9, THRESHOLDS)
    assert decision.kind is DecisionKind.UNKNOWN


def test_each_rank_has_its_own_threshold():
    """A genus that is not sure enough leaves the name to a wider taxon."""
    thresholds = replace(THRESHOLDS, rolled_up_by_rank={"genus": 0.95, "order": 0.9})
    ranking = candidates((JAGUAR, 0.5, 0.5, None), (LEOPARD, 0.4, 0.4, None), (DOG, 0.1, 0.1, None))
    assert decide(ranking, 0.9, THRESHOLDS).name == NamedTaxon("Panthera", "genus", 0.9)
    assert decide(ranking, 0.9, thresholds).name == NamedTaxon("Felidae", "family", 0.9)
    thresholds = replace(thresholds, rolled_up=0.95)
    assert decide(ranking, 0.9, thresholds).name == NamedTaxon("Carnivora", "order", 1.0)


@pytest.mark.parametrize(("taxon", "is_named"), [(UNMAPPED, False), (DOG, True), (ANT, False)])
def test_each_kind_of_animal_has_its_own_threshold(taxon, is_named):
    """Wild animals need a surer score than domestic ones, whose relatives are all known."""
    thresholds = replace(
        THRESHOLDS, named=0.9,
        named_by_geography={Geography.DOMESTIC: 0.8, Geography.COSMOPOLITAN: 0.95},
    )  # fmt: skip
    ranking = candidates((taxon, 0.85, 0.85, None), (JAGUAR, 0.15, 0.15, None))
    name = decide(ranking, 0.9, thresholds).name
    assert (name is not None and name.scientific_name == taxon.scientific_name) is is_named


@pytest.mark.parametrize("rank", ["genus", "family", "order", "class"])
def test_a_taxon_that_holds_every_animal_of_the_model_is_no_name(rank):
    """A model of cats is sure that anything is a cat: grey, noise, a house."""
    sure = ranking((JAGUAR, 0.5, 0.5, None), (LEOPARD, 0.5, 0.5, None))
    decision = decide(sure, 1.0, replace(THRESHOLDS, rolled_up_by_rank={rank: 0.0}))
    assert (decision.kind, decision.name) == (DecisionKind.UNKNOWN, None)


def test_a_taxon_that_holds_most_animals_of_the_model_is_a_name():
    """It sets them apart from one other at least."""
    decision = decide(
        ranking((JAGUAR, 0.5, 0.5, None), (LEOPARD, 0.5, 0.5, None), (DOG, 0.0, 0.0, None)),
        1.0,
        THRESHOLDS,
    )
    assert decision.name == NamedTaxon("Panthera", "genus", 1.0)

"""What equals a threshold reaches it, and lists are sorted the right way round."""

import numpy as np
import pytest
from msgspec.structs import replace

from chalicelib.answer.decision import decide, roll_up
from chalicelib.answer.ranking import (
    PlaceWeights,
    Ranking,
    WeightBounds,
    expected_taxa,
    fuse,
    place_weight,
)
from chalicelib.answer.taxon_index import TaxonIndex
from chalicelib.domain import DecisionKind, GeoStatus, PlaceLookup, Taxon, Thresholds
from tests.fakes import ANT, DATASET, JAGUAR, LEOPARD, MODEL, feature, place

BOUNDS = WeightBounds(floor=0.1, ceiling=10.0)
THRESHOLDS = Thresholds(animal=0.5, not_an_animal=0.25, named=0.75, rolled_up=0.875)
DISABLED = PlaceLookup(GeoStatus.DISABLED)


def ranked(*scores: tuple[Taxon, float]) -> Ranking:
    """Rank taxa by scores that no place has changed."""
    taxa, values = zip(*scores, strict=True)
    nowhere = np.zeros(len(taxa), np.bool_)
    place_weights = PlaceWeights(np.ones(len(taxa)), nowhere, nowhere)
    return Ranking(TaxonIndex(taxa), np.array(values), np.array(values), place_weights)


@pytest.mark.parametrize(
    ("animal_score", "kind"),
    [
        (0.2499, DecisionKind.NOT_AN_ANIMAL), (0.25, DecisionKind.UNKNOWN),
        (0.4999, DecisionKind.UNKNOWN), (0.5, DecisionKind.SPECIES),
    ],
)  # fmt: skip
def test_an_animal_score_that_equals_a_threshold_reaches_it(animal_score, kind):
    """Below the lower one nothing is an animal, below the upper one nothing is named."""
    assert decide(ranked((JAGUAR, 1.0), (ANT, 0.0)), animal_score, THRESHOLDS).kind is kind


@pytest.mark.parametrize(
    ("score", "kind"), [(0.75, DecisionKind.SPECIES), (0.7499, DecisionKind.UNKNOWN)]
)
def test_a_name_whose_score_equals_the_threshold_is_given(score, kind):
    """The rest of the score is another class's, so no higher taxon is sure enough."""
    assert decide(ranked((JAGUAR, score), (ANT, 1 - score)), 0.9, THRESHOLDS).kind is kind


@pytest.mark.parametrize(
    ("rest", "kind"), [(0.125, DecisionKind.ROLLED_UP), (0.1251, DecisionKind.UNKNOWN)]
)
def test_a_higher_taxon_whose_score_equals_the_threshold_is_given(rest, kind):
    """Half of the score is the jaguar's, the other half the leopard's."""
    half = (1 - rest) / 2
    ranking = ranked((JAGUAR, half), (LEOPARD, half), (ANT, rest))
    assert decide(ranking, 0.9, THRESHOLDS).kind is kind
    assert (roll_up(ranking, THRESHOLDS) is not None) == (kind is DecisionKind.ROLLED_UP)


@pytest.mark.parametrize(("presence", "is_expected"), [(0.05, True), (0.0499, False)])
def test_a_presence_that_equals_the_threshold_is_expected(presence, is_expected):
    """In the ranking and in the list of species."""
    lookup = PlaceLookup(GeoStatus.APPLIED, place(jaguar=feature(presence)), DATASET)
    candidates, _ = fuse(np.full(6, 0.1, np.float32), MODEL, lookup, BOUNDS)
    here = {candidate.taxon.taxon_id: candidate.expected_here for candidate in candidates}
    assert here == {
        "jaguar": is_expected, "leopard": False, "dog": None, "ant": None, "okapi": None
    }  # fmt: skip
    listed = [animal.taxon for animal in expected_taxa(lookup, MODEL, BOUNDS)]
    assert listed == ([JAGUAR] if is_expected else [])


def test_species_are_listed_by_presence_then_weight_then_name():
    """The animal that is expected most firmly comes first."""
    rare = feature(0.5, prevalence=0.01)
    common = feature(0.5, prevalence=0.4)
    taxa = [
        replace(JAGUAR, taxon_id=name, scientific_name=name)
        for name in ("middle b", "last", "middle a", "first", "rare")
    ]
    dataset = replace(DATASET, taxa=frozenset(taxon.taxon_id for taxon in taxa))
    features = place(**{
        "last": feature(0.1, prevalence=0.01), "first": feature(0.9, prevalence=0.9),
        "rare": rare, "middle a": common, "middle b": common,
    })  # fmt: skip
    lookup = PlaceLookup(GeoStatus.APPLIED, features, dataset)
    listed = expected_taxa(lookup, replace(MODEL, taxa=tuple(taxa)), BOUNDS)
    names = [animal.taxon.scientific_name for animal in listed]
    assert names == ["first", "rare", "middle a", "middle b", "last"]
    assert [animal.geo_weight for animal in listed] == [
        place_weight(animal.feature, BOUNDS) for animal in listed
    ]


@pytest.mark.parametrize("lookup", [DISABLED, PlaceLookup(GeoStatus.DEGRADED)])
def test_without_features_no_species_are_listed(lookup):
    """The list is empty, whatever the reason is."""
    assert expected_taxa(lookup, MODEL, BOUNDS) == ()


def test_animals_that_a_place_cannot_speak_for_are_not_listed():
    """A dog in the features of a place is no animal of the place."""
    features = place(dog=feature(), jaguar=feature(), okapi=feature())
    lookup = PlaceLookup(GeoStatus.APPLIED, features, DATASET)
    assert [animal.taxon for animal in expected_taxa(lookup, MODEL, BOUNDS)] == [JAGUAR]


@pytest.mark.parametrize(("presence", "weight"), [(0.0, 0.1), (-1.0, 0.1), (0.2, 1.0), (1.0, 3.4)])
def test_a_weight_is_the_floor_where_an_animal_is_not_and_one_where_it_is_as_usual(
    presence, weight
):
    """Here it is usually present with 0.2. The rarer it is elsewhere, the nearer the ceiling."""
    assert place_weight(feature(presence, prevalence=0.2), BOUNDS) == pytest.approx(weight)
    assert place_weight(feature(1.0, prevalence=1e-9), BOUNDS) == pytest.approx(10.0)


def test_scores_of_another_model_are_an_error():
    """Their number says so."""
    with pytest.raises(ValueError, match=r"\(5,\) scores for a model of 6"):
        fuse(np.zeros(5, np.float32), MODEL, DISABLED, BOUNDS)


def test_scores_of_zero_are_zero_and_not_a_division_by_zero():
    """A model may be certain that there is no animal."""
    candidates, animal_score = fuse(np.zeros(6, np.float32), MODEL, DISABLED, BOUNDS)
    assert animal_score == 0.0
    assert [(one.score, one.vision_score) for one in candidates] == [(0.0, 0.0)] * 5


def test_of_equal_looks_the_better_ranked_is_first():
    """The place decides."""
    lookup = PlaceLookup(GeoStatus.APPLIED, place(leopard=feature(1.0)), DATASET)
    candidates, _ = fuse(np.full(6, 0.1, np.float32), MODEL, lookup, BOUNDS)
    assert candidates.first_by_look().taxon == LEOPARD

"""Test how animals that the model does not know count against its names."""

import numpy as np
import pytest
from msgspec.structs import replace

from chalicelib.answer.decision import decide
from chalicelib.answer.lookalikes import MOST_DOUBTS, doubted
from chalicelib.answer.ranking import Ranking, WeightBounds, fuse
from chalicelib.domain import (
    DecisionKind,
    Geography,
    GeoStatus,
    Lookalike,
    LookalikeStrengths,
    Model,
    NamedTaxon,
    PlaceLookup,
    Taxon,
    TaxonFeature,
    Thresholds,
)
from tests import fakes
from tests.fakes import DOG, JAGUAR, LEOPARD, PANTHERA, feature, place

FELIDAE = {rank: PANTHERA[rank] for rank in ("family", "order", "class")}
OCELOT = Taxon(
    "ocelot", "Leopardus pardalis", "ocelot", "species", Geography.RANGE,
    {"genus": "Leopardus", **FELIDAE},
)  # fmt: skip
SEALS = Taxon(
    "seals", "Phocidae", "true seals", "family", Geography.RANGE,
    {"order": "Carnivora", "class": "Mammalia"},
)  # fmt: skip
CROWS = Taxon("crows", "Corvus", "crows", "genus", Geography.COSMOPOLITAN, {"class": "Aves"})
STRENGTHS = LookalikeStrengths(close=1.0, loose=0.1)
THRESHOLDS = Thresholds(
    animal=0.5, not_an_animal=0.1, named=0.8, rolled_up=0.9, lookalikes=STRENGTHS
)
BOUNDS = WeightBounds(0.1, 10.0)
DATASET = replace(fakes.DATASET, taxa=frozenset({"jaguar", "leopard", "ocelot", "seals"}))
FEATURE = feature()


def model_with(*lookalikes: Lookalike, of: Taxon = JAGUAR, **members: object) -> Model:
    """A model that takes these animals for one of its own."""
    thresholds = replace(THRESHOLDS, lookalikes=replace(STRENGTHS, **members))
    table = {of.scientific_name: lookalikes}
    return replace(
        fakes.MODEL, thresholds=thresholds, lookalikes_of=lambda name: table.get(name, ())
    )


def ranked(model: Model, *scores: float, **taxa: TaxonFeature) -> Ranking:
    """Rank jaguar, leopard, dog, ants and okapi, in this order, at a place with these taxa."""
    vision = np.zeros(len(model.taxa), np.float32)
    vision[: len(scores)] = scores
    there = (
        PlaceLookup(GeoStatus.APPLIED, place(**taxa), DATASET)
        if taxa
        else PlaceLookup(GeoStatus.DISABLED)
    )
    return fuse(vision, model, there, BOUNDS)[0]


def decided(model: Model, *scores: float, **taxa: TaxonFeature):
    return decide(ranked(model, *scores, **taxa), 1.0, model.thresholds)


def test_the_odds_of_a_name_are_divided_by_what_lookalikes_weigh():
    """A score of 0.9 has odds of 9 to 1; one lookalike that is as likely leaves 9 to 2."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    weights = ranked(model, 1.0, jaguar=FEATURE, ocelot=FEATURE).lookalikes.weigh(
        JAGUAR, 9.1 / 1.9, STRENGTHS
    )
    assert doubted(0.9, []) == pytest.approx(0.9)
    (weight,) = weights
    assert doubted(0.9, weights) == pytest.approx(9 / (9 + 1 + weight.weight))
    assert doubted(1.0, weights) == 1.0


def test_a_lookalike_that_lives_here_keeps_the_species_back_and_the_answer_says_so():
    """Cats are not sure, so the order is left; the answer names what the model does not know."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    without = decided(model, 0.82, 0.0, 0.18, jaguar=FEATURE)
    assert without.kind is DecisionKind.SPECIES
    assert without.lookalikes == ()
    # The place speaks as much for the ocelot as for the jaguar.
    both = decided(model, 0.50, 0.0, 0.50, jaguar=FEATURE, ocelot=FEATURE)
    assert both.kind is DecisionKind.ROLLED_UP
    assert both.name == NamedTaxon("Carnivora", "order", 1.0)
    (doubt,) = both.lookalikes
    assert doubt.taxon == OCELOT
    assert doubt.common == ("family", "Felidae")
    assert doubt.expected_here is True


DINGO = Taxon("dingo", "Canis dingo", "dingo", "species", Geography.RANGE, DOG.higher)


def test_the_only_animal_of_its_family_is_one_of_its_family_beside_a_relative():
    """King penguins where African penguins live: the model knows no other penguin."""
    model = model_with(Lookalike(DINGO, is_close=True), of=DOG)
    beside_dingos = decided(model, 0.0, 0.4, 0.6, dingo=FEATURE)
    assert beside_dingos.kind is DecisionKind.ROLLED_UP
    assert beside_dingos.name
    assert (beside_dingos.name.scientific_name, beside_dingos.name.taxon_rank) == ("Canis", "genus")
    assert beside_dingos.name.score == pytest.approx(0.9, abs=0.1)
    assert [doubt.taxon for doubt in beside_dingos.lookalikes] == [DINGO]


def test_what_holds_only_the_lesser_of_two_lookalikes_is_not_named():
    """Then it is not what speaks against the name."""
    outside = Lookalike(SEALS, is_close=True)
    model = model_with(Lookalike(DINGO, is_close=False), outside, of=DOG)
    decision = decided(model, 0.0, 0.4, 0.6, dingo=FEATURE, seals=FEATURE)
    assert decision.name
    assert decision.name.scientific_name == "Carnivora"


def test_a_sure_picture_stands_against_lookalikes():
    """It shows what sets the animal apart."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    decision = decided(model, 0.99, 0.0, 0.01, jaguar=FEATURE, ocelot=FEATURE)
    assert decision.kind is DecisionKind.SPECIES
    assert decision.lookalikes == ()


def test_a_named_animal_has_the_lookalikes_that_have_a_share_of_its_score():
    """Nearly as sure as needed: what the model does not know is worth a mention."""
    model = model_with(Lookalike(OCELOT, is_close=True), Lookalike(SEALS, is_close=False))
    decision = decided(model, 0.65, 0.0, 0.35, jaguar=FEATURE, ocelot=FEATURE, seals=FEATURE)
    assert decision.kind is DecisionKind.SPECIES
    assert [doubt.taxon for doubt in decision.lookalikes] == [OCELOT]


def test_a_loose_lookalike_weighs_less_than_a_close_one():
    """And dogs, which people photograph more than wolves, less still."""
    close = ranked(model_with(Lookalike(SEALS, is_close=True)), 1.0, seals=FEATURE).lookalikes
    loose = ranked(model_with(Lookalike(SEALS, is_close=False)), 1.0, seals=FEATURE).lookalikes
    (near,), (far,) = (one.weigh(JAGUAR, 1.0, STRENGTHS) for one in (close, loose))
    assert far.weight == pytest.approx(near.weight / 10)
    strengths = replace(STRENGTHS, by_geography={Geography.DOMESTIC: 0.5})
    dogs = ranked(model_with(Lookalike(SEALS, is_close=True), of=DOG), 1.0, seals=FEATURE)
    (pet,) = dogs.lookalikes.weigh(DOG, 1.0, strengths)
    assert pet.weight == pytest.approx(near.weight / 2)


def test_a_lookalike_counts_where_it_lives_only():
    """One that lives everywhere counts at every place, and no place says that it is expected."""
    model = model_with(Lookalike(OCELOT, is_close=True), Lookalike(CROWS, is_close=True))
    at = ranked(model, 1.0, jaguar=FEATURE).lookalikes.weigh(JAGUAR, 1.0, STRENGTHS)
    assert [(one.taxon, one.weight, one.expected_here) for one in at] == [(CROWS, 1.0, None)]


def test_without_a_place_every_lookalike_counts_by_a_factor_of_its_own():
    """It may live there or not."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    strengths = replace(STRENGTHS, no_place=0.2)
    at = ranked(model, 1.0).lookalikes.weigh(JAGUAR, 1.0, strengths)
    assert [(one.weight, one.expected_here) for one in at] == [(0.2, None)]


def test_a_lookalike_that_the_dataset_does_not_cover_counts_as_without_a_place():
    """Occurrences without records of an animal do not say that it lives nowhere."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    dataset = replace(DATASET, taxa=frozenset({"jaguar"}))
    there = PlaceLookup(GeoStatus.APPLIED, place(jaguar=FEATURE), dataset)
    vision = np.array([1.0, *[0.0] * (len(model.taxa) - 1)], np.float32)
    ranking, _ = fuse(vision, model, there, BOUNDS)
    at = ranking.lookalikes.weigh(JAGUAR, 1.0, replace(STRENGTHS, no_place=0.2))
    assert [(one.weight, one.expected_here) for one in at] == [(0.2, None)]


def test_a_place_that_forbids_every_animal_leaves_none_to_name():
    """A lowest weight of 0 is allowed; where only a lookalike lives, no score is left."""
    model = model_with(Lookalike(OCELOT, is_close=True))
    there = PlaceLookup(GeoStatus.APPLIED, place(ocelot=FEATURE), DATASET)
    vision = np.array([1.0, *[0.0] * (len(model.taxa) - 1)], np.float32)
    ranking, animal_score = fuse(vision, model, there, WeightBounds(0.0, 10.0))
    decision = decide(ranking, animal_score, model.thresholds)
    assert decision.lives_here is not True
    assert decision.rejection is not None
    assert decision.rejection.instead is None


def test_a_lookalike_that_lives_here_speaks_against_a_zoo():
    """A leopard where only ocelots live is in a zoo, if nothing says that it is an ocelot."""
    model = model_with(Lookalike(OCELOT, is_close=True), of=LEOPARD)
    alone = decided(model, 0.1, 0.9, seals=FEATURE)
    assert alone.lives_here is False
    assert alone.kind is DecisionKind.SPECIES
    beside = decided(model, 0.1, 0.9, seals=FEATURE, ocelot=FEATURE)
    assert beside.name == NamedTaxon("Panthera", "genus", 1.0)
    assert [doubt.taxon for doubt in beside.lookalikes] == [OCELOT]


def test_at_most_three_lookalikes_are_named_the_heaviest_first():
    """A list of twenty would leave the question with the visitor."""
    many = [replace(OCELOT, taxon_id=f"cat{number}") for number in range(5)]
    model = model_with(*(Lookalike(one, is_close=True) for one in many))
    decision = decided(
        model, 0.5, 0.0, 0.5, jaguar=FEATURE,
        **{one.taxon_id: feature(0.2 + number / 10) for number, one in enumerate(many)},
    )  # fmt: skip
    names = [doubt.taxon.taxon_id for doubt in decision.lookalikes]
    assert names == ["cat4", "cat3", "cat2"]
    assert len(names) == MOST_DOUBTS


def test_a_model_without_a_table_decides_as_before():
    """Lookalikes need a table and strengths."""
    ranking = ranked(fakes.MODEL, 0.5, 0.0, 0.5, jaguar=FEATURE, ocelot=FEATURE)
    decision = decide(ranking, 1.0, fakes.MODEL.thresholds)
    assert decision.kind is DecisionKind.SPECIES
    assert decision.lookalikes == ()


CATS = Taxon(
    "cats", "Felidae", "wild cats", "family", Geography.RANGE,
    {"order": "Carnivora", "class": "Mammalia"},
)  # fmt: skip


def wide_decision(*lookalikes: Lookalike, presence: float, **here: TaxonFeature):
    """Decide on a sure wider class, whose own range does not reach the place."""
    model = replace(model_with(*lookalikes, of=CATS), taxa=(CATS, JAGUAR, DOG, None))
    scores = np.array([0.95, 0.0, 0.03, 0.02], np.float32)
    features = place(ocelot=feature(presence), **here)
    dataset = replace(DATASET, taxa=DATASET.taxa | {"cats"})
    lookup = PlaceLookup(GeoStatus.APPLIED, features, dataset)
    candidates, animal_score = fuse(scores, model, lookup, BOUNDS)
    return decide(candidates, animal_score, model.thresholds)


def test_a_member_of_a_wider_class_does_not_speak_against_its_name():
    """An ocelot is a cat."""
    ocelot = Lookalike(OCELOT, is_close=True)
    decision = wide_decision(ocelot, presence=1.0)
    assert decision.name is not None
    assert decision.name.scientific_name == "Felidae"
    assert decision.lookalikes == ()


def test_a_wider_class_lives_where_a_member_lives_that_the_model_lacks():
    """No zoo is asked for, and the place rejects nothing."""
    decision = wide_decision(Lookalike(OCELOT, is_close=True), presence=1.0)
    assert (decision.lives_here, decision.rejection) == (True, None)


def test_a_wider_class_lives_where_a_member_lives_that_the_model_knows():
    """The class of cats does where jaguars do."""
    decision = wide_decision(presence=0.0, jaguar=FEATURE)
    assert (decision.lives_here, decision.rejection) == (True, None)


def test_a_wider_class_without_a_member_here_does_not_live_here():
    """As for a species: it may be in a zoo."""
    decision = wide_decision(Lookalike(OCELOT, is_close=True), presence=0.0)
    assert decision.lives_here is False
    assert decision.rejection is not None

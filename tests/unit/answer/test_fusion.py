import pytest
from msgspec.structs import replace

from chalicelib.answer import ranking
from chalicelib.domain import (
    PRESENCE_BY_STATUS,
    GeoStatus,
    PlaceLookup,
    Scores,
    Status,
    TaxonFeature,
)
from tests.fakes import (
    ANT,
    DATASET,
    DOG,
    JAGUAR,
    LEOPARD,
    MODEL,
    UNMAPPED,
    FakeClassifier,
    feature,
    place,
)

BOUNDS = ranking.WeightBounds(floor=0.1, ceiling=10.0)


def scores(*values: float) -> Scores:
    return FakeClassifier(values).classify(None)  # type: ignore[arg-type]


def applied(**taxa: TaxonFeature) -> PlaceLookup:
    return PlaceLookup(GeoStatus.APPLIED, place(**taxa), DATASET)


def test_the_place_turns_the_order_of_look_alikes():
    """A picture that says leopard a little is a jaguar where only jaguars live."""
    candidates, _ = ranking.fuse(
        scores(0.4, 0.5, 0.02, 0.02, 0.02, 0.04), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert candidates[0].taxon == JAGUAR
    assert candidates[1].taxon == LEOPARD
    assert candidates[1].geo_weight == BOUNDS.floor
    assert candidates[1].expected_here is False


def test_a_very_sure_picture_wins_over_the_place():
    """An animal far from home (a zoo, a vagrant) still comes first when the picture is sure."""
    candidates, _ = ranking.fuse(
        scores(0.005, 0.99, 0.001, 0.001, 0.002, 0.001), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert candidates[0].taxon == LEOPARD
    assert candidates[0].score > 0.7


def test_nothing_is_ever_forbidden():
    """Every animal keeps a score, however unlikely the place makes it."""
    candidates, _ = ranking.fuse(
        scores(0.4, 0.5, 0.02, 0.02, 0.02, 0.04), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert len(candidates) == 5
    assert all(candidate.score > 0 for candidate in candidates)


def test_a_model_without_animals_has_no_candidates():
    """Nothing is animal, and nothing fails."""
    found = ranking.fuse(
        scores(1.0), replace(MODEL, taxa=(None,)), PlaceLookup(GeoStatus.DISABLED), BOUNDS
    )
    assert (list(found[0]), found[1]) == ([], 0)


def test_scores_of_another_model_are_not_taken_for_its_own():
    """Their number must be that of the model's outputs."""
    with pytest.raises(ValueError, match="outputs"):
        ranking.fuse(scores(*[0.1] * 10), MODEL, PlaceLookup(GeoStatus.DISABLED), BOUNDS)


def test_scores_and_vision_scores_each_sum_to_one():
    """Both are probabilities over the animals; what is no animal is told apart."""
    candidates, animal_score = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert sum(candidate.score for candidate in candidates) == pytest.approx(1)
    assert sum(candidate.vision_score for candidate in candidates) == pytest.approx(1)
    assert animal_score == pytest.approx(0.95)


@pytest.mark.parametrize("taxon", [DOG, ANT, UNMAPPED])
def test_the_place_has_no_opinion_of_domestic_cosmopolitan_and_unmapped_animals(taxon):
    """They are never expected nor unexpected, and keep their weight."""
    candidates, _ = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, applied(jaguar=feature()), BOUNDS
    )
    found = next(candidate for candidate in candidates if candidate.taxon == taxon)
    assert found.geo_weight == 1
    assert found.expected_here is None


@pytest.mark.parametrize("status", [GeoStatus.NO_DATA, GeoStatus.DEGRADED, GeoStatus.DISABLED])
def test_without_a_place_the_picture_alone_decides(status):
    """Then score is visionScore, and nothing is called unexpected."""
    candidates, _ = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, PlaceLookup(status, place(), DATASET), BOUNDS
    )
    assert candidates[0].taxon == LEOPARD
    for candidate in candidates:
        assert candidate.score == pytest.approx(candidate.vision_score)
        assert candidate.expected_here is None


def test_a_model_that_sees_no_animal_at_all_is_no_fault():
    """Integer outputs can round every animal to zero: the scores are then zero too."""
    candidates, animal_score = ranking.fuse(
        scores(0, 0, 0, 0, 0, 1), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert animal_score == 0
    assert {candidate.score for candidate in candidates} == {0}


@pytest.mark.parametrize("presence", [0.0, 0.001, 0.3, 1.0])
@pytest.mark.parametrize("prevalence", [0.001, 0.2, 1.0])
def test_the_weight_stays_between_the_floor_and_the_ceiling(presence, prevalence):
    """However rare or common the animal is."""
    weight = ranking.place_weight(feature(presence, prevalence), BOUNDS)
    assert BOUNDS.floor <= weight <= BOUNDS.ceiling


@pytest.mark.parametrize("prevalence", [0.001, 0.2, 1.0])
def test_a_place_that_tells_nothing_weighs_one(prevalence):
    """An animal as present here as everywhere is as likely as a pet with this look."""
    assert ranking.place_weight(feature(prevalence, prevalence), BOUNDS) == pytest.approx(1)


def test_a_floor_of_one_never_speaks_against_an_animal():
    """Nor for one: the setting switches the place off softly."""
    for presence in (0.0, 0.5, 1.0):
        weight = ranking.place_weight(feature(presence, 0.1), ranking.WeightBounds(1.0, 10.0))
        assert weight == pytest.approx(1)


def test_a_rare_animal_at_home_weighs_more_than_a_common_one():
    """A place speaks loudest for what lives nearly nowhere else."""
    rare, common = feature(1.0, 0.01), feature(1.0, 0.5)
    assert ranking.place_weight(rare, BOUNDS) > ranking.place_weight(common, BOUNDS)


def test_an_extirpated_animal_is_not_expected():
    """It was there once; that is not where one photographs it today."""
    gone = TaxonFeature(Status.EXTIRPATED, PRESENCE_BY_STATUS[Status.EXTIRPATED], 0.1)
    assert not DATASET.expects(gone)
    assert DATASET.expects(TaxonFeature(Status.MARGINAL, PRESENCE_BY_STATUS[Status.MARGINAL], 0.1))


def test_the_species_list_uses_the_same_threshold_as_predictions():
    """What a list names is just what a prediction calls expectedHere."""
    geo = applied(jaguar=feature(0.04), leopard=feature(0.06))
    listed = {one.taxon.taxon_id for one in ranking.expected_taxa(geo, MODEL, BOUNDS)}
    candidates, _ = ranking.fuse(scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, geo, BOUNDS)
    assert listed == {one.taxon.taxon_id for one in candidates if one.expected_here} == {"leopard"}


def test_the_species_list_ranks_by_presence_then_by_what_is_characteristic():
    """Of two that are surely there, the one that lives nearly nowhere else comes first."""
    geo = applied(jaguar=feature(1.0, 0.5), leopard=feature(1.0, 0.01))
    assert [one.taxon for one in ranking.expected_taxa(geo, MODEL, BOUNDS)] == [LEOPARD, JAGUAR]

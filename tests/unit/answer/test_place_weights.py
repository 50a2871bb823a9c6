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
    """Return the scores of a fake classifier."""
    return FakeClassifier(values).classify(None)  # type: ignore[arg-type]


def applied(**taxa: TaxonFeature) -> PlaceLookup:
    """Return the lookup of a place with these taxa."""
    return PlaceLookup(GeoStatus.APPLIED, place(**taxa), DATASET)


def test_the_place_reorders_look_alikes():
    """Where only jaguars live, the jaguar outranks a leopard that the picture finds likelier."""
    candidates, _ = ranking.fuse(
        scores(0.4, 0.5, 0.02, 0.02, 0.02, 0.04), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert candidates[0].taxon == JAGUAR
    assert candidates[1].taxon == LEOPARD
    assert candidates[1].geo_weight == BOUNDS.floor
    assert candidates[1].expected_here is False


def test_a_very_sure_picture_wins_over_the_place():
    """An animal far from home still ranks first if its vision score is very high."""
    candidates, _ = ranking.fuse(
        scores(0.005, 0.99, 0.001, 0.001, 0.002, 0.001), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert candidates[0].taxon == LEOPARD
    assert candidates[0].score > 0.7


def test_every_animal_keeps_a_score():
    """Every animal keeps a score above zero, however unlikely the place makes it."""
    candidates, _ = ranking.fuse(
        scores(0.4, 0.5, 0.02, 0.02, 0.02, 0.04), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert len(candidates) == 5
    assert all(candidate.score > 0 for candidate in candidates)


def test_a_model_without_animals_has_no_candidates():
    """A model whose only output is not an animal gives no candidates and an animal score of 0."""
    candidates, animal_score = ranking.fuse(
        scores(1.0), replace(MODEL, taxa=(None,)), PlaceLookup(GeoStatus.DISABLED), BOUNDS
    )
    assert (list(candidates), animal_score) == ([], 0)


def test_a_wrong_number_of_scores_raises():
    """The number of scores must equal the number of the model's outputs."""
    with pytest.raises(ValueError, match="outputs"):
        ranking.fuse(scores(*[0.1] * 10), MODEL, PlaceLookup(GeoStatus.DISABLED), BOUNDS)


def test_scores_and_vision_scores_each_sum_to_one():
    """Both are probabilities over the animals; the animal score says how likely any animal is."""
    candidates, animal_score = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert sum(candidate.score for candidate in candidates) == pytest.approx(1)
    assert sum(candidate.vision_score for candidate in candidates) == pytest.approx(1)
    assert animal_score == pytest.approx(0.95)


@pytest.mark.parametrize("taxon", [DOG, ANT, UNMAPPED])
def test_the_place_does_not_weigh_domestic_cosmopolitan_and_unmapped_animals(taxon):
    """Such animals keep a weight of 1 and are neither expected nor unexpected."""
    candidates, _ = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, applied(jaguar=feature()), BOUNDS
    )
    candidate = next(candidate for candidate in candidates if candidate.taxon == taxon)
    assert candidate.geo_weight == 1
    assert candidate.expected_here is None


@pytest.mark.parametrize("status", [GeoStatus.NO_DATA, GeoStatus.DEGRADED, GeoStatus.DISABLED])
def test_without_place_data_the_score_is_the_vision_score(status):
    """Without place data, each score is the vision score, and no animal is called unexpected."""
    candidates, _ = ranking.fuse(
        scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, PlaceLookup(status, place(), DATASET), BOUNDS
    )
    assert candidates[0].taxon == LEOPARD
    for candidate in candidates:
        assert candidate.score == pytest.approx(candidate.vision_score)
        assert candidate.expected_here is None


def test_vision_scores_of_zero_give_scores_of_zero():
    """If integer outputs round every animal to zero, all scores are zero and nothing fails."""
    candidates, animal_score = ranking.fuse(
        scores(0, 0, 0, 0, 0, 1), MODEL, applied(jaguar=feature()), BOUNDS
    )
    assert animal_score == 0
    assert {candidate.score for candidate in candidates} == {0}


@pytest.mark.parametrize("presence", [0.0, 0.001, 0.3, 1.0])
@pytest.mark.parametrize("prevalence", [0.001, 0.2, 1.0])
def test_the_weight_stays_between_the_floor_and_the_ceiling(presence, prevalence):
    """The weight stays within its bounds, however rare or common the animal is."""
    weight = ranking.place_weight(feature(presence, prevalence), BOUNDS)
    assert BOUNDS.floor <= weight <= BOUNDS.ceiling


@pytest.mark.parametrize("prevalence", [0.001, 0.2, 1.0])
def test_an_uninformative_place_weighs_one(prevalence):
    """An animal as present here as everywhere gets a weight of 1."""
    assert ranking.place_weight(feature(prevalence, prevalence), BOUNDS) == pytest.approx(1)


def test_a_floor_of_one_switches_the_place_off():
    """With a floor of 1, every weight is 1, whether the animal is present or not."""
    for presence in (0.0, 0.5, 1.0):
        weight = ranking.place_weight(feature(presence, 0.1), ranking.WeightBounds(1.0, 10.0))
        assert weight == pytest.approx(1)


def test_a_rare_animal_at_home_weighs_more_than_a_common_one():
    """Of two animals that are certainly present, the less prevalent has the larger weight."""
    rare, common = feature(1.0, 0.01), feature(1.0, 0.5)
    assert ranking.place_weight(rare, BOUNDS) > ranking.place_weight(common, BOUNDS)


def test_an_extirpated_animal_is_not_expected():
    """An extirpated animal is not expected where it once lived; a marginal animal is."""
    gone = TaxonFeature(Status.EXTIRPATED, PRESENCE_BY_STATUS[Status.EXTIRPATED], 0.1)
    assert not DATASET.expects("jaguar", gone)
    assert DATASET.expects(
        "jaguar", TaxonFeature(Status.MARGINAL, PRESENCE_BY_STATUS[Status.MARGINAL], 0.1)
    )


def test_the_species_list_uses_the_same_threshold_as_predictions():
    """The species list has exactly the animals that a prediction marks as expected here."""
    geo = applied(jaguar=feature(0.04), leopard=feature(0.06))
    listed = {candidate.taxon.taxon_id for candidate in ranking.expected_taxa(geo, MODEL, BOUNDS)}
    candidates, _ = ranking.fuse(scores(0.3, 0.4, 0.1, 0.1, 0.05, 0.05), MODEL, geo, BOUNDS)
    expected = {candidate.taxon.taxon_id for candidate in candidates if candidate.expected_here}
    assert listed == expected == {"leopard"}


def test_the_species_list_ranks_equal_presences_by_prevalence():
    """Of two animals that are certainly present, the less prevalent comes first."""
    geo = applied(jaguar=feature(1.0, 0.5), leopard=feature(1.0, 0.01))
    taxa = [candidate.taxon for candidate in ranking.expected_taxa(geo, MODEL, BOUNDS)]
    assert taxa == [LEOPARD, JAGUAR]


def test_outputs_of_one_taxon_are_one_expected_animal():
    """The first of them stands for all: a model may tell the subspecies of a bird apart."""
    dark = replace(JAGUAR, vernacular_name="black panther")
    model = replace(MODEL, taxa=(*MODEL.taxa, dark))
    (only,) = ranking.expected_taxa(applied(jaguar=feature()), model, BOUNDS)
    assert only.taxon.vernacular_name == JAGUAR.vernacular_name

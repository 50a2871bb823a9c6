import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.answer import ranking
from chalicelib.answer.decision import likeliest
from chalicelib.answer.taxon_index import TaxonIndex
from chalicelib.domain import HIGHER_RANKS, Candidate, GeoStatus, NamedTaxon, PlaceLookup, Taxon
from tests.fakes import ANT, DATASET, DOG, JAGUAR, LEOPARD, MODEL, feature, place

BOUNDS = ranking.WeightBounds(floor=0.1, ceiling=10.0)
TAXA = (None, JAGUAR, DOG, LEOPARD, None, ANT, replace(DOG, taxon_id="poodle"))
scores_of_a_model = st.lists(st.floats(0, 1, width=32), min_size=len(TAXA), max_size=len(TAXA)).map(
    lambda values: np.array(values, dtype=np.float32)
)
places = st.builds(
    lambda taxa: PlaceLookup(GeoStatus.APPLIED, place(**taxa), DATASET),
    st.dictionaries(
        st.sampled_from(["jaguar", "leopard", "dog", "elsewhere"]),
        st.builds(feature, st.floats(0, 1), st.floats(0.001, 1)),
    ),
)


def one_by_one(scores: np.ndarray, geo: PlaceLookup) -> list[Candidate]:
    """The rule of fusion as it is told, animal by animal and without arrays."""
    assert geo.features is not None
    weighed = []
    for taxon, vision in zip(TAXA, scores.tolist(), strict=True):
        if taxon is None:
            continue
        weight, expected = 1.0, None
        if DATASET.covers(taxon):
            found = geo.features.taxa.get(taxon.taxon_id)
            weight = ranking.place_weight(found, BOUNDS) if found else BOUNDS.floor
            expected = found is not None and DATASET.expects(found)
        weighed.append((taxon, vision, weight, expected))
    total = sum(vision * weight for _, vision, weight, _ in weighed) or 1.0
    seen = sum(vision for _, vision, _, _ in weighed) or 1.0
    return [
        Candidate(taxon, vision * weight / total, vision / seen, weight, expected)
        for taxon, vision, weight, expected in weighed
    ]


def numbers(candidate: Candidate) -> tuple[float, float, float]:
    return candidate.score, candidate.vision_score, candidate.geo_weight


@given(scores_of_a_model, places)
def test_all_animals_at_once_give_what_each_by_itself_would(scores, geo):
    """Arrays are for speed alone: score, vision score, weight and expectation are the rule's."""
    found, _ = ranking.fuse(scores, replace(MODEL, taxa=TAXA), geo, BOUNDS)
    expected = {one.taxon.taxon_id: one for one in one_by_one(scores, geo)}
    assert len(found) == len(expected) == len(list(found))
    for one in found:
        other = expected[one.taxon.taxon_id]
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-12)
        assert one.expected_here is other.expected_here
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert found.first_by_look().vision_score == max(one.vision_score for one in found)


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_scores_of_a_name_are_those_of_all_that_bear_it(values):
    """By its own name and by each of the higher ranks."""
    animals, scores = TaxonIndex(TAXA), np.array(values)

    def best(names: list[tuple[str, str] | None]) -> NamedTaxon:
        sums: dict[tuple[str, str], float] = {}
        for name, score in zip(names, values, strict=True):
            if name is not None:
                sums[name] = sums.get(name, 0.0) + score
        return max(
            (NamedTaxon(*name, score) for name, score in sums.items()), key=lambda one: one.score
        )

    def higher(taxon: Taxon, rank: str) -> tuple[str, str] | None:
        return (taxon.higher[rank], rank) if rank in taxon.higher else None

    own = best([(taxon.scientific_name, taxon.taxon_rank) for taxon in animals.taxa])
    assert likeliest(animals.names, scores).score == pytest.approx(own.score)  # type: ignore[union-attr]
    for rank, group in zip(HIGHER_RANKS, animals.higher_ranks, strict=True):
        found = likeliest(group, scores)
        assert found is not None
        assert found.taxon_rank == rank
        expected = best([higher(taxon, rank) for taxon in animals.taxa])
        assert found.score == pytest.approx(expected.score)


def test_a_rank_that_no_animal_has_names_nothing():
    """As of a model whose labels know no genera."""
    animals = TaxonIndex([replace(JAGUAR, higher={})])
    assert [likeliest(group, np.ones(1)) for group in animals.higher_ranks] == [None] * len(
        HIGHER_RANKS
    )


def test_candidates_can_be_taken_as_from_any_sequence():
    """By number, from the end, or some of them."""
    scores = np.array([0.0, 0.1, 0.4, 0.2, 0.0, 0.05, 0.25], dtype=np.float32)
    found, _ = ranking.fuse(
        scores, replace(MODEL, taxa=TAXA), PlaceLookup(GeoStatus.DISABLED), BOUNDS
    )
    assert found[0].taxon == DOG
    assert found[-1].taxon == ANT
    assert [one.taxon for one in found[1:3]] == [replace(DOG, taxon_id="poodle"), LEOPARD]
    with pytest.raises(IndexError):
        found[5]


def test_of_equal_scores_the_model_s_order_decides():
    """So that the same photo always gets the same answer."""
    found, _ = ranking.fuse(
        np.full(len(TAXA), 0.1, np.float32),
        replace(MODEL, taxa=TAXA),
        PlaceLookup(GeoStatus.DISABLED),
        BOUNDS,
    )
    assert [one.taxon for one in found] == [taxon for taxon in TAXA if taxon]

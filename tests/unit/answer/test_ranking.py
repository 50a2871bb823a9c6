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


def fuse_in_a_loop(scores: np.ndarray, geo: PlaceLookup) -> list[Candidate]:
    """Apply the rule of fusion to each animal in turn, without arrays."""
    assert geo.features is not None
    rows = []
    for taxon, vision in zip(TAXA, scores.tolist(), strict=True):
        if taxon is None:
            continue
        weight, expected = 1.0, None
        if DATASET.covers(taxon):
            taxon_feature = geo.features.taxa.get(taxon.taxon_id)
            weight = ranking.place_weight(taxon_feature, BOUNDS) if taxon_feature else BOUNDS.floor
            expected = taxon_feature is not None and DATASET.expects(taxon.taxon_id, taxon_feature)
        rows.append((taxon, vision, weight, expected))
    total = sum(vision * weight for _, vision, weight, _ in rows) or 1.0
    vision_total = sum(vision for _, vision, _, _ in rows) or 1.0
    return [
        Candidate(taxon, vision * weight / total, vision / vision_total, weight, expected)
        for taxon, vision, weight, expected in rows
    ]


def numbers(candidate: Candidate) -> tuple[float, float, float]:
    """Return the numbers that must agree."""
    return candidate.score, candidate.vision_score, candidate.geo_weight


@given(scores_of_a_model, places)
def test_vectorised_fusion_equals_a_loop_over_the_animals(scores, geo):
    """Arrays give the loop's scores, weights and expectations, sorted by score."""
    candidates, _ = ranking.fuse(scores, replace(MODEL, taxa=TAXA), geo, BOUNDS)
    expected = {candidate.taxon.taxon_id: candidate for candidate in fuse_in_a_loop(scores, geo)}
    assert len(candidates) == len(expected) == len(list(candidates))
    for candidate in candidates:
        other = expected[candidate.taxon.taxon_id]
        assert numbers(candidate) == pytest.approx(numbers(other), abs=1e-12)
        assert candidate.expected_here is other.expected_here
    ranked = [candidate.score for candidate in candidates]
    assert ranked == sorted(ranked, reverse=True)
    best_vision_score = max(candidate.vision_score for candidate in candidates)
    assert candidates.first_by_look().vision_score == best_vision_score


@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_the_score_of_a_name_is_the_sum_over_its_animals(values):
    """The likeliest name of each rank has the summed score of all animals that bear it.

    A higher taxon with one animal adds nothing to it, and does not count.
    """
    animals, scores = TaxonIndex(TAXA), np.array(values)

    def best(names: list[tuple[str, str] | None]) -> NamedTaxon:
        sums: dict[tuple[str, str], float] = {}
        for name, score in zip(names, values, strict=True):
            if name is not None:
                sums[name] = sums.get(name, 0.0) + score
        return max(
            (NamedTaxon(*name, score) for name, score in sums.items()),
            key=lambda named: named.score,
        )

    def higher(taxon: Taxon, rank: str) -> tuple[str, str] | None:
        name = taxon.higher.get(rank)
        bearers = {one.scientific_name for one in animals.taxa if one.higher.get(rank) == name}
        return (name, rank) if name and len(bearers) > 1 else None

    own = best([(taxon.scientific_name, taxon.taxon_rank) for taxon in animals.taxa])
    assert likeliest(animals.names, scores).score == pytest.approx(own.score)  # type: ignore[union-attr]
    for rank, group in zip(HIGHER_RANKS, animals.higher_ranks, strict=True):
        named_taxon = likeliest(group, scores)
        assert named_taxon is not None
        assert named_taxon.taxon_rank == rank
        expected = best([higher(taxon, rank) for taxon in animals.taxa])
        assert named_taxon.score == pytest.approx(expected.score)


def test_a_rank_without_names_has_no_likeliest_name():
    """A model whose labels have no higher ranks gets no name at any of them."""
    animals = TaxonIndex([replace(JAGUAR, higher={})])
    assert [likeliest(group, np.ones(1)) for group in animals.higher_ranks] == [None] * len(
        HIGHER_RANKS
    )


def test_candidates_are_a_sequence():
    """Candidates take an index, a negative index or a slice; an index out of range raises."""
    scores = np.array([0.0, 0.1, 0.4, 0.2, 0.0, 0.05, 0.25], dtype=np.float32)
    candidates, _ = ranking.fuse(
        scores, replace(MODEL, taxa=TAXA), PlaceLookup(GeoStatus.DISABLED), BOUNDS
    )
    assert candidates[0].taxon == DOG
    assert candidates[-1].taxon == ANT
    next_taxa = [candidate.taxon for candidate in candidates[1:3]]
    assert next_taxa == [replace(DOG, taxon_id="poodle"), LEOPARD]
    with pytest.raises(IndexError):
        candidates[5]


def test_equal_scores_keep_the_order_of_the_model():
    """Candidates with equal scores keep the order of the model's outputs."""
    candidates, _ = ranking.fuse(
        np.full(len(TAXA), 0.1, np.float32),
        replace(MODEL, taxa=TAXA),
        PlaceLookup(GeoStatus.DISABLED),
        BOUNDS,
    )
    assert [candidate.taxon for candidate in candidates] == [taxon for taxon in TAXA if taxon]

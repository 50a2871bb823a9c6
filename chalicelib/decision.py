"""From scores to a word: the finest name that is sure enough to be acted on.

A list of probabilities leaves the visitor with the question. The decision is the
taxon that the model names, if its score passes a threshold; else the finest higher
taxon whose members together pass theirs, as iNaturalist's common ancestor and
SpeciesNet's roll-up have it; else that nobody can tell, or that there is no animal.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from chalicelib.domain import Candidate, Decision, DecisionKind, Name, Rejection, Thresholds

HIGHER_RANKS: Final = ("genus", "family", "order", "class")
"""Finest first. Above the class there is little that a visitor could use."""


def decide(
    candidates: Sequence[Candidate], animal_score: float, thresholds: Thresholds
) -> Decision:
    """Decide on candidates, best first, whose scores sum to 1."""
    if animal_score < thresholds.not_an_animal:
        return Decision(DecisionKind.NOT_AN_ANIMAL)
    if animal_score < thresholds.animal:
        return Decision(DecisionKind.UNKNOWN)
    named = likeliest(
        (one.taxon.scientific_name, one.taxon.taxon_rank, one.score) for one in candidates
    )
    is_sure = named is not None and named.score >= thresholds.named
    first = max(candidates, key=lambda one: one.vision_score)
    if is_sure and first.expected_here is not False:
        return Decision(DecisionKind.SPECIES, named)
    rolled_up = roll_up(candidates, thresholds.rolled_up)
    rejection = None
    if first.expected_here is False:
        instead = (one.taxon for one in candidates if one.expected_here is not False)
        rejection = Rejection(first.taxon, next(instead, None), rolled_up)
    if is_sure:
        return Decision(DecisionKind.SPECIES, named, rejection)
    if rolled_up is not None:
        return Decision(DecisionKind.ROLLED_UP, rolled_up, rejection)
    return Decision(DecisionKind.UNKNOWN, None, rejection)


def roll_up(candidates: Sequence[Candidate], threshold: float) -> Name | None:
    """The finest higher taxon whose candidates sum to at least ``threshold``."""
    for rank in HIGHER_RANKS:
        found = likeliest(
            (one.taxon.higher[rank], rank, one.score)
            for one in candidates
            if rank in one.taxon.higher
        )
        if found is not None and found.score >= threshold:
            return found
    return None


def likeliest(scores: Iterable[tuple[str, str, float]]) -> Name | None:
    """The name with the largest sum; breeds, or rooster and hen, count together."""
    sums: dict[tuple[str, str], float] = {}
    for name, rank, score in scores:
        key = name, rank
        sums[key] = sums.get(key, 0.0) + score
    if not sums:
        return None
    (name, rank), score = max(sums.items(), key=lambda item: item[1])
    return Name(name, rank, score)

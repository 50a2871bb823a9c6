"""From scores to a word: the finest name that is sure enough to be acted on.

A list of probabilities leaves the visitor with the question. The decision is the
taxon that the model names, if its score passes a threshold; else the finest higher
taxon whose members together pass theirs, as iNaturalist's common ancestor and
SpeciesNet's roll-up have it; else that nobody can tell, or that there is no animal.
"""

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.ranking import Ranking
from chalicelib.answer.taxon_index import Group
from chalicelib.domain import Decision, DecisionKind, NamedTaxon, Rejection, Thresholds


def decide(candidates: Ranking, animal_score: float, thresholds: Thresholds) -> Decision:
    """Decide on candidates whose scores sum to 1."""
    if animal_score < thresholds.not_an_animal:
        return Decision(DecisionKind.NOT_AN_ANIMAL)
    if animal_score < thresholds.animal:
        return Decision(DecisionKind.UNKNOWN)
    named = likeliest(candidates.animals.names, candidates.scores)
    is_sure = named is not None and named.score >= thresholds.named
    first = candidates.first_by_look()
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


def roll_up(candidates: Ranking, threshold: float) -> NamedTaxon | None:
    """The finest higher taxon whose candidates sum to at least ``threshold``."""
    for group in candidates.animals.higher:
        found = likeliest(group, candidates.scores)
        if found is not None and found.score >= threshold:
            return found
    return None


def likeliest(group: Group, scores: NDArray[np.float64]) -> NamedTaxon | None:
    """The name with the largest sum; breeds, or rooster and hen, count together."""
    if not group.names:
        return None
    sums = group.sums(scores)
    best = int(sums.argmax())
    return NamedTaxon(*group.names[best], float(sums[best]))

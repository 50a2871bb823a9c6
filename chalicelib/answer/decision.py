"""Decide on one name: the finest that is sure enough to act on.

A list of probabilities leaves the visitor with the question. The decision is a taxon of the
model, if its score passes a threshold. Otherwise it is the finest higher taxon whose members
together pass theirs, like iNaturalist's common ancestor and SpeciesNet's roll-up. Otherwise the
animal is unknown, or there is no animal.
"""

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.ranking import Ranking
from chalicelib.answer.taxon_index import NameGroups
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
        instead = (animal.taxon for animal in candidates if animal.expected_here is not False)
        rejection = Rejection(first.taxon, next(instead, None), rolled_up)
    if is_sure:
        return Decision(DecisionKind.SPECIES, named, rejection)
    if rolled_up is not None:
        return Decision(DecisionKind.ROLLED_UP, rolled_up, rejection)
    return Decision(DecisionKind.UNKNOWN, None, rejection)


def roll_up(candidates: Ranking, threshold: float) -> NamedTaxon | None:
    """Return the finest higher taxon whose candidates sum to at least ``threshold``."""
    for groups in candidates.animals.higher_ranks:
        taxon = likeliest(groups, candidates.scores)
        if taxon is not None and taxon.score >= threshold:
            return taxon
    return None


def likeliest(groups: NameGroups, scores: NDArray[np.float64]) -> NamedTaxon | None:
    """Return the name with the largest sum; breeds, or rooster and hen, count together."""
    if not groups.names:
        return None
    sums = groups.scores_by_name(scores)
    best = int(sums.argmax())
    return NamedTaxon(*groups.names[best], float(sums[best]))

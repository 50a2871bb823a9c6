"""Decide on one name: the finest that is sure enough to act on.

A list of probabilities leaves the visitor with the question. The decision is a taxon of the
model, if its score passes a threshold. Otherwise it is the finest higher taxon whose members
together pass theirs, like iNaturalist's common ancestor and SpeciesNet's roll-up. Otherwise the
animal is unknown, or there is no animal.

The model knows few of the animals that people photograph. A place raises the score of the few
that live there, whether or not the animal is one of them. So a higher taxon is named by the
picture alone, and a name of the model must win against its lookalikes. A photo that is strange to
the model, or a bad one, needs surer scores. ``docs/accuracy.md`` has the rules that were compared.

The scores that decide have one temperature for all photos. Those that the answer shows are
calibrated for the photo (:attr:`~chalicelib.answer.ranking.Ranking.shown`).
"""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.lookalikes import Weight, alternatives, doubted, reasons, total
from chalicelib.answer.ranking import Ranking
from chalicelib.answer.taxon_index import NameGroups
from chalicelib.domain import (
    HIGHER_RANKS,
    SPECIES_RANKS,
    Candidate,
    Decision,
    DecisionKind,
    Doubt,
    NamedTaxon,
    Rejection,
    Taxon,
    Thresholds,
)

CLEARLY_LIKELIER: Final = 2
"""How many times likelier an animal that lives elsewhere must be than any that may live here."""


def decide(candidates: Ranking, animal_score: float, thresholds: Thresholds) -> Decision:
    """Decide on candidates whose scores sum to 1."""
    if animal_score < thresholds.not_an_animal:
        return Decision(DecisionKind.NOT_AN_ANIMAL)
    if animal_score < thresholds.animal:
        return Decision(DecisionKind.UNKNOWN)
    first = candidates.first_by_look()
    own = sure_name(candidates, first, thresholds)
    shown = candidates.shown
    if own.name:
        scores = shown.vision_scores if own.by_look else shown.scores
        own = own._replace(name=rescored(own.name, candidates.animals.is_called, scores))
    if own.name and (first.expected_here is not False or own.lives_here):
        return named(own, own.name, None)
    wider = roll_up(candidates, thresholds)
    rolled_up = finest(
        own.common and rescored(own.common, candidates.animals.is_inside, shown.scores),
        wider and rescored(wider, candidates.animals.is_inside, shown.vision_scores),
    )
    rejection = None
    if first.expected_here is False:
        instead = (animal.taxon for animal in candidates if animal.expected_here)
        rejection = Rejection(first.taxon, next(instead, None), rolled_up)
    if own.name:
        return named(own, own.name, rejection)
    kind = DecisionKind.ROLLED_UP if rolled_up else DecisionKind.UNKNOWN
    return Decision(kind, rolled_up, rejection, None, own.lookalikes)


class OwnName(NamedTuple):
    """A sure name of the model, or none, and the lookalikes that counted for or against it.

    ``common`` is a sure taxon that holds both the name and the lookalikes that stood against it.
    ``lives_here`` is of the name. ``by_look`` says that the picture alone decided.
    """

    name: NamedTaxon | None = None
    lookalikes: tuple[Doubt, ...] = ()
    common: NamedTaxon | None = None
    lives_here: bool | None = None
    by_look: bool = False


def sure_name(candidates: Ranking, first_by_look: Candidate, thresholds: Thresholds) -> OwnName:
    """Return the likeliest name of the model, if it is sure by picture and place.

    It must be so although lookalikes that the model does not know may live here.

    An animal in a zoo, a garden or a market lives elsewhere. It needs a sure picture, and
    nothing that may live here may be half as likely.
    """
    names = candidates.animals.names
    best = likeliest(names, candidates.scores)
    if best is None:
        return OwnName()
    animal = candidates.best_of(best.scientific_name)
    threshold = thresholds.to_name(animal.taxon)
    weights = candidates.lookalikes.weigh(animal.taxon, animal.geo_weight, thresholds.lookalikes)
    doubt = thresholds.doubt(candidates.spread)
    if doubted(best.score, weights, doubt) >= threshold:
        counted = alternatives(animal.taxon, best.score, weights)
        return OwnName(best, counted, lives_here=lives_here(candidates, animal))
    kept_back: tuple[Doubt, ...] = ()
    common = None
    if doubted(best.score, (), doubt) >= threshold:
        kept_back = reasons(animal.taxon, weights)
        common = sure_common_taxon(candidates, animal.taxon, weights, thresholds)
    by_look = likeliest(names, candidates.vision_scores)
    if (
        by_look is None
        or by_look.scientific_name != best.scientific_name
        # Breeds count together: the likeliest name need not be that of the likeliest animal.
        or by_look.scientific_name != first_by_look.taxon.scientific_name
        or first_by_look.expected_here is not False
        or best.score < CLEARLY_LIKELIER * candidates.best_score_here()
    ):
        return OwnName(None, kept_back, common)
    threshold = thresholds.to_name_elsewhere(first_by_look.taxon)
    weights = candidates.lookalikes.weigh_elsewhere(first_by_look.taxon, thresholds.lookalikes)
    if doubted(by_look.score, weights, doubt) >= threshold:
        counted = alternatives(first_by_look.taxon, by_look.score, weights)
        lives = lives_here(candidates, animal)
        return OwnName(by_look, counted, lives_here=lives, by_look=True)
    if doubted(by_look.score, (), doubt) >= threshold:
        kept_back = reasons(first_by_look.taxon, weights)
    return OwnName(None, kept_back, common)


def lives_here(candidates: Ranking, animal: Candidate) -> bool | None:
    """Return whether a named animal lives here; a wider taxon does if any of its members does.

    The dataset has the range of what photos of the class show. A model's birds of prey may be
    vultures, which do not live in London; hawks do.
    """
    taxon = animal.taxon
    if animal.expected_here is not False or taxon.taxon_rank in SPECIES_RANKS:
        return animal.expected_here
    members = candidates.animals.is_inside(taxon.taxon_rank, taxon.scientific_name)
    if (members & candidates.place.is_expected).any():
        return True
    return candidates.lookalikes.has_member_here(taxon)


def sure_common_taxon(
    candidates: Ranking, animal: Taxon, weights: Sequence[Weight], thresholds: Thresholds
) -> NamedTaxon | None:
    """Return the finest taxon of a sure animal that holds most of what speaks against its name.

    King penguins and African penguins are penguins, although the model knows one penguin only.
    Lookalikes outside the taxon still count against it. The animal's own threshold is enough
    where no other animal of the model belongs to the taxon.
    """
    doubt = thresholds.doubt(candidates.spread)
    for rank in HIGHER_RANKS:
        name = animal.higher.get(rank)
        outside = [one for one in weights if one.taxon.lineage().get(rank) != name]
        if not name or 2 * total(outside) > total(weights):
            continue
        if candidates.animals.holds_all(rank, name):
            continue
        inside = candidates.animals.is_inside(rank, name)
        least = thresholds.to_name(animal)
        if len({taxon.scientific_name for taxon in compress(candidates.animals.taxa, inside)}) > 1:
            least = max(least, thresholds.to_roll_up(rank))
        score = doubted(float(candidates.scores[inside].sum()), outside, doubt)
        if score >= least:
            return NamedTaxon(name, rank, score)
    return None


def finest(one: NamedTaxon | None, other: NamedTaxon | None) -> NamedTaxon | None:
    """Return the taxon of the finer rank; of equal ranks the other one."""
    if one is None or other is None:
        return one or other
    ranks = HIGHER_RANKS.index(one.taxon_rank), HIGHER_RANKS.index(other.taxon_rank)
    return one if ranks[0] < ranks[1] else other


def named(own: OwnName, name: NamedTaxon, rejection: Rejection | None) -> Decision:
    """Return the decision for a name of the model, which may be that of a wider group."""
    is_species = name.taxon_rank in SPECIES_RANKS
    kind = DecisionKind.SPECIES if is_species else DecisionKind.ROLLED_UP
    return Decision(kind, name, rejection, own.lives_here, own.lookalikes)


def rescored(
    name: NamedTaxon,
    members: Callable[[str, str], NDArray[np.bool_]],
    shown_scores: NDArray[np.float64],
) -> NamedTaxon:
    """Return a name with the scores that the answer shows for its animals, summed."""
    score = float(shown_scores[members(name.taxon_rank, name.scientific_name)].sum())
    return NamedTaxon(name.scientific_name, name.taxon_rank, score)


def roll_up(candidates: Ranking, thresholds: Thresholds) -> NamedTaxon | None:
    """Return the finest higher taxon whose vision scores sum to its threshold."""
    doubt = thresholds.doubt(candidates.spread)
    for groups in candidates.animals.higher_ranks:
        taxon = likeliest(groups, candidates.vision_scores)
        if taxon is None:
            continue
        if doubted(taxon.score, (), doubt) >= thresholds.to_roll_up(taxon.taxon_rank):
            return taxon
    return None


def likeliest(groups: NameGroups, scores: NDArray[np.float64]) -> NamedTaxon | None:
    """Return the name with the largest sum; breeds, or rooster and hen, count together."""
    if not groups.names:
        return None
    sums = groups.scores_by_name(scores)
    best = int(sums.argmax())
    return NamedTaxon(*groups.names[best], float(sums[best]))

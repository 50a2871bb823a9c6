"""Weigh the animals that the model does not know and takes for one that it knows.

A raccoon looks to the model like a fox, because it knows no raccoon. Where raccoons live, that is
a reason to doubt the fox: the odds of its name are divided by what the lookalikes of the place
weigh. ``docs/accuracy.md`` has the rules that were compared.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from chalicelib.domain import (
    HIGHER_RANKS,
    Dataset,
    Doubt,
    Geography,
    Lookalike,
    LookalikeStrengths,
    Taxon,
    TaxonFeature,
    no_lookalikes,
)

MOST_DOUBTS: Final = 3
"""The answer names at most so many lookalikes."""

LEAST_SHARE: Final = 0.1
"""A lookalike counts from this share of the named animal's score."""


class Weight(NamedTuple):
    """What a lookalike weighs against a named animal, and whether the place expects it."""

    taxon: Taxon
    weight: float
    expected_here: bool | None


class Lookalikes:
    """The animals off the model's list that may live at one place.

    ``lookalikes_of`` is that of the model. ``features`` are those of the place, by ``taxonID``;
    ``None`` if there is no place.
    ``place_weight`` turns a feature into a weight, as for the animals of the model.
    """

    def __init__(
        self,
        lookalikes_of: Callable[[str], Sequence[Lookalike]] = no_lookalikes,
        dataset: Dataset | None = None,
        features: Mapping[str, TaxonFeature] | None = None,
        place_weight: Callable[[TaxonFeature], float] = lambda feature: feature.presence,
    ) -> None:
        self._lookalikes_of = lookalikes_of
        self._dataset = dataset
        self._features = features
        self._place_weight = place_weight

    def weigh(
        self, named: Taxon, geo_weight: float, strengths: LookalikeStrengths | None
    ) -> list[Weight]:
        """Return what lookalikes weigh against a name, heaviest first.

        A crow is no reason to doubt the family of crows: members of the named taxon weigh nothing.
        By Bayes' rule that is how often one looks like the named animal, times how much more the
        place lets us expect it. ``geo_weight`` is the place's weight of the named animal. It is 0
        if the operator lets the place forbid animals; nothing weighs against what has no score.
        """
        if strengths is None or not geo_weight:
            return []
        weights = [
            Weight(one.taxon, strengths.of(one, named) * here / geo_weight, expected)
            for one in self._lookalikes_of(named.scientific_name)
            if not one.taxon.belongs_to(named.taxon_rank, named.scientific_name)
            for here, expected in [self._here(one.taxon, strengths)]
            if here
        ]
        return sorted(weights, key=lambda one: -one.weight)

    def weigh_elsewhere(self, named: Taxon, strengths: LookalikeStrengths | None) -> list[Weight]:
        """Return what lookalikes weigh against the name of an animal that does not live here.

        Only those count that do live here. That the place speaks against the named animal does
        not, since somebody keeps it.
        """
        factor = strengths.elsewhere if strengths else 0.0
        return [
            Weight(one.taxon, factor * one.weight, one.expected_here)
            for one in self.weigh(named, 1.0, strengths)
            if one.expected_here is not False
        ]

    def has_member_here(self, named: Taxon) -> bool:
        """Return whether a member of a taxon that the model does not know is expected here."""
        if self._features is None or self._dataset is None:
            return False
        return any(
            one.taxon.belongs_to(named.taxon_rank, named.scientific_name)
            and (feature := self._features.get(one.taxon.taxon_id)) is not None
            and self._dataset.expects(one.taxon.taxon_id, feature)
            for one in self._lookalikes_of(named.scientific_name)
        )

    def _here(self, taxon: Taxon, strengths: LookalikeStrengths) -> tuple[float, bool | None]:
        """Return the place's weight of a lookalike, 0 if it does not live there.

        A dataset that does not cover it says as little as no place: it may live there or not.
        """
        if self._features is None or self._dataset is None:
            return strengths.no_place, None
        if taxon.geography is not Geography.RANGE:
            return 1.0, None
        feature = self._features.get(taxon.taxon_id)
        if feature is None and not self._dataset.covers(taxon):
            return strengths.no_place, None
        if feature is None or not feature.presence:
            return 0.0, False
        return self._place_weight(feature), self._dataset.expects(taxon.taxon_id, feature)


NO_LOOKALIKES: Final = Lookalikes()
"""Those of a model without a table of them."""


def doubted(score: float, weights: Sequence[Weight], doubt: float = 1.0) -> float:
    """Return a score whose odds are divided by 1 and the weights together, and by a doubt.

    A sure picture stands: it shows what sets the animal apart from its lookalikes.
    """
    return score / (score + (1 - score) * (1 + total(weights)) * doubt)


def total(weights: Sequence[Weight]) -> float:
    """Return the weights, summed."""
    return sum(one.weight for one in weights)


def reasons(named: Taxon, weights: Sequence[Weight]) -> tuple[Doubt, ...]:
    """Return the lookalikes that kept an animal from being named, the heaviest first."""
    return _doubts(named, weights, LEAST_SHARE * total(weights))


def alternatives(named: Taxon, score: float, weights: Sequence[Weight]) -> tuple[Doubt, ...]:
    """Return the lookalikes that have a share of a named animal's score, the heaviest first."""
    return _doubts(named, weights, LEAST_SHARE * score / (1 - score)) if score < 1 else ()


def _doubts(named: Taxon, weights: Sequence[Weight], least: float) -> tuple[Doubt, ...]:
    return tuple(
        Doubt(one.taxon, common_taxon(named, one.taxon), one.expected_here)
        for one in weights[:MOST_DOUBTS]
        if one.weight >= least
    )


def common_taxon(one: Taxon, other: Taxon) -> tuple[str, str] | None:
    """Return rank and name of the finest taxon that holds both, if any does."""
    mine, theirs = one.lineage(), other.lineage()
    return next(
        (
            (rank, mine[rank])
            for rank in HIGHER_RANKS
            if rank in mine and mine[rank] == theirs.get(rank)
        ),
        None,
    )

"""How look and place are put together.

The rule is a soft one: the place multiplies what the picture says by a weight
between a floor and a ceiling, and never forbids. Zoos, vagrants and pets exist.
``docs/accuracy.md`` has the rules that were compared, and how they did.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

from chalicelib.domain import (
    Candidate,
    Dataset,
    Geo,
    Geography,
    GeoStatus,
    Model,
    Occurrence,
    Scores,
    Status,
    Taxon,
    TaxonFeature,
)

PRESENCE: Final[Mapping[Status, float]] = {
    Status.NATIVE: 1.0,
    Status.INTRODUCED: 0.5,
    Status.MARGINAL: 0.15,
    Status.EXTIRPATED: 0.01,
}
"""How firmly a status lets us expect the animal, on the scale of ``presence``."""

NO_OPINION: Final = 1.0, None
"""What a place makes of an animal that it can say nothing about."""


class WeightBounds(NamedTuple):
    """How far a place may speak: ``floor`` (0 to 1) against, ``ceiling`` (above 1) for."""

    floor: float
    ceiling: float


def is_expected(feature: TaxonFeature, dataset: Dataset) -> bool:
    """Whether a taxon with this feature is one of the animals of the place.

    Predictions and species lists share it.
    """
    return feature.presence >= dataset.expected_presence


def place_weight(feature: TaxonFeature, bounds: WeightBounds) -> float:
    """What the place makes of a taxon: from the floor to the ceiling.

    ``floor + (ceiling - floor) * r / (r + s)``, where ``r`` is the taxon's presence here
    over its prevalence in the world and ``s`` such that ``r = 1``, a place that tells
    nothing, weighs 1. Bayes' rule for a classifier that was trained on equally many photos
    of each class has ``r`` itself, as in the plain product of Mac Aodha et al. 2019
    (https://arxiv.org/abs/1906.05272); but our ``r`` rests on coarse ranges, so the weight
    saturates: the place must not overrule a sure picture in either direction.
    """
    floor, ceiling = bounds.floor, bounds.ceiling
    if feature.presence <= 0:
        return floor
    presence, prevalence = feature.presence * (1 - floor), feature.prevalence * (ceiling - 1)
    return floor + (ceiling - floor) * presence / (presence + prevalence)


def has_opinion(taxon: Taxon, dataset: Dataset) -> bool:
    """Whether a place can speak for or against the taxon.

    Not for domestic, cosmopolitan and extinct animals, nor for what the
    dataset does not cover.
    """
    return taxon.geography is Geography.RANGE and taxon.taxon_id in dataset.taxa


def fuse(
    scores: Scores, model: Model, geo: Geo, bounds: WeightBounds
) -> tuple[tuple[Candidate, ...], float]:
    """Every animal of the model, best first, and the share of the score that is animal.

    Where the place could not be used each weight is 1, so that ``score`` equals
    ``vision_score``.
    """
    animals = [
        (taxon, vision) for taxon, vision in zip(model.taxa, scores.tolist(), strict=True) if taxon
    ]
    opinions = weigh([taxon for taxon, _ in animals], geo, bounds)
    weighed = list(zip(animals, opinions, strict=True))
    vision_total: float = sum(vision for _, vision in animals)
    total = sum(vision * weight for (_, vision), (weight, _) in weighed) or 1.0
    candidates = [
        Candidate(taxon, vision * weight / total, vision / (vision_total or 1.0), weight, expected)
        for (taxon, vision), (weight, expected) in weighed
    ]
    candidates.sort(key=attrgetter("score"), reverse=True)
    return tuple(candidates), vision_total


def weigh(taxa: Sequence[Taxon], geo: Geo, bounds: WeightBounds) -> list[tuple[float, bool | None]]:
    """For each taxon the place's weight, and whether the taxon is expected there."""
    if geo.status is not GeoStatus.APPLIED or geo.features is None or geo.dataset is None:
        return [NO_OPINION] * len(taxa)
    features, dataset, absent = geo.features.taxa, geo.dataset, (bounds.floor, False)
    found: list[tuple[float, bool | None]] = []
    for taxon in taxa:
        if not has_opinion(taxon, dataset):
            found.append(NO_OPINION)
        elif feature := features.get(taxon.taxon_id):
            found.append((place_weight(feature, bounds), is_expected(feature, dataset)))
        else:
            found.append(absent)
    return found


def animals_of(geo: Geo, model: Model, bounds: WeightBounds) -> tuple[Occurrence, ...]:
    """The expected animals of a place, the most characteristic first.

    Ranked by presence, then by how much the place speaks for them, then by name.
    """
    if geo.features is None or geo.dataset is None:
        return ()
    found = [
        Occurrence(taxon, feature, place_weight(feature, bounds))
        for taxon in model.taxa
        if taxon is not None
        and has_opinion(taxon, geo.dataset)
        and (feature := geo.features.taxa.get(taxon.taxon_id)) is not None
        and is_expected(feature, geo.dataset)
    ]
    found.sort(key=lambda one: (-one.feature.presence, -one.geo_weight, one.taxon.scientific_name))
    return tuple(found)

"""How look and place are put together.

The rule is a soft one: the place multiplies what the picture says by a weight
between a floor and a ceiling, and never forbids. Zoos, vagrants and pets exist.
``docs/accuracy.md`` has the rules that were compared, and how they did.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.ranking import Opinions, Ranking
from chalicelib.answer.taxon_index import Animals
from chalicelib.domain import (
    Dataset,
    Geography,
    GeoStatus,
    Model,
    Occurrence,
    PlaceLookup,
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
    scores: Scores, model: Model, geo: PlaceLookup, bounds: WeightBounds
) -> tuple[Ranking, float]:
    """Every animal of the model, best first, and the share of the score that is animal.

    Where the place could not be used each weight is 1, so that ``score`` equals
    ``vision_score``. Raises ``ValueError`` where the scores are another model's.
    """
    if scores.shape != (len(model.taxa),):
        raise ValueError(f"{scores.shape} scores for a model of {len(model.taxa)} outputs")
    animals = model.animals
    vision = scores[animals.outputs].astype(np.float64)
    opinions = weigh(animals, geo, bounds)
    weighed = vision * opinions.weights
    vision_total = float(vision.sum())
    ranking = Ranking(
        animals, weighed / (weighed.sum() or 1.0), vision / (vision_total or 1.0), opinions
    )
    return ranking, vision_total


def weigh(animals: Animals, geo: PlaceLookup, bounds: WeightBounds) -> Opinions:
    """For each animal the place's weight, and whether it is expected there."""
    count = len(animals.taxa)
    weights, none, expected = np.ones(count), np.zeros(count, np.bool_), np.zeros(count, np.bool_)
    if geo.status is not GeoStatus.APPLIED or geo.features is None or geo.dataset is None:
        return Opinions(weights, none, expected)
    spoken_for = covered(animals, geo.dataset)
    weights[spoken_for] = bounds.floor
    for taxon_id, feature in geo.features.taxa.items():
        for at in animals.with_taxon_id.get(taxon_id, ()):
            if spoken_for[at]:
                weights[at] = place_weight(feature, bounds)
                expected[at] = is_expected(feature, geo.dataset)
    return Opinions(weights, spoken_for, expected)


@lru_cache(maxsize=4)
def covered(animals: Animals, dataset: Dataset) -> NDArray[np.bool_]:
    """Which animals a place of the dataset can speak for or against."""
    return np.array([has_opinion(taxon, dataset) for taxon in animals.taxa], np.bool_)


def animals_of(geo: PlaceLookup, model: Model, bounds: WeightBounds) -> tuple[Occurrence, ...]:
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

"""Combine picture and place, and rank every animal of the model.

The place multiplies the vision score of an animal by a weight between a floor and a ceiling. It
never forbids an animal: zoos, vagrants and pets exist. ``docs/accuracy.md`` has the rules that
were compared, with their results.
"""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import NamedTuple, overload

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.answer.lookalikes import NO_LOOKALIKES, Lookalikes
from chalicelib.answer.taxon_index import TaxonIndex, taxon_index
from chalicelib.domain import (
    Candidate,
    Dataset,
    GeoStatus,
    Model,
    Occurrence,
    PlaceLookup,
    Scores,
    TaxonFeature,
)


class WeightBounds(Struct, frozen=True):
    """The limits of a place's weight: ``floor`` (0 to 1) and ``ceiling`` (above 1)."""

    floor: float
    ceiling: float


class PlaceWeights(NamedTuple):
    """The weight of a place for each animal, in the model's order; each has shape (animals,).

    ``weights`` multiply the vision scores. ``is_covered`` marks the animals that the dataset
    covers; for the others the weight is 1, and ``is_expected`` means nothing.
    """

    weights: NDArray[np.float64]
    is_covered: NDArray[np.bool_]
    is_expected: NDArray[np.bool_]


class Ranking(Sequence[Candidate]):
    """The candidates, best first. Each is made when it is read.

    ``scores`` and ``vision_scores`` have shape (animals,) and the model's order. Of two equal
    scores, the first in that order ranks first. ``lookalikes`` are the animals off the model's
    list that may live at the place. ``spread`` is that of all scores of the model for the photo.
    ``shown`` is the ranking that an answer shows, whose scores are calibrated for the photo.
    """

    def __init__(
        self,
        animals: TaxonIndex,
        scores: NDArray[np.float64],
        vision_scores: NDArray[np.float64],
        place: PlaceWeights,
        lookalikes: Lookalikes = NO_LOOKALIKES,
    ) -> None:
        self.animals = animals
        self.scores = scores
        self.vision_scores = vision_scores
        self.place = place
        self.lookalikes = lookalikes
        self.spread: float | None = None
        self.shown = self
        self._order = np.argsort(-scores, kind="stable")

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, rank: int) -> Candidate: ...
    @overload
    def __getitem__(self, rank: slice) -> list[Candidate]: ...
    def __getitem__(self, rank: int | slice) -> Candidate | list[Candidate]:
        if isinstance(rank, slice):
            return [self._candidate(animal) for animal in self._order[rank].tolist()]
        return self._candidate(int(self._order[rank]))

    def first_by_look(self) -> Candidate:
        """Return the candidate with the best vision score; of equal ones the better ranked."""
        return self[int(self.vision_scores[self._order].argmax())]

    def best_of(self, scientific_name: str) -> Candidate:
        """Return the best candidate of that name; breeds share one."""
        return next(animal for animal in self if animal.taxon.scientific_name == scientific_name)

    def best_score_here(self) -> float:
        """Return the best score of an animal that the place does not speak against."""
        _, is_covered, is_expected = self.place
        return float(self.scores[~is_covered | is_expected].max(initial=0.0))

    def count_expected(self) -> int:
        """Return how many animals of the model are expected at the place."""
        return int(self.place.is_expected.sum())

    def show_at(self, temperature: float) -> None:
        """Let ``shown`` have the vision scores with their logits divided by a temperature."""
        powers = self.vision_scores ** (1 / temperature)
        vision = powers / (powers.sum() or 1.0)
        weighted = vision * self.place.weights
        self.shown = Ranking(
            self.animals, weighted / (weighted.sum() or 1.0), vision, self.place, self.lookalikes
        )

    def _candidate(self, animal: int) -> Candidate:
        weights, is_covered, is_expected = self.place
        return Candidate(
            taxon=self.animals.taxa[animal],
            score=float(self.scores[animal]),
            vision_score=float(self.vision_scores[animal]),
            geo_weight=float(weights[animal]),
            expected_here=bool(is_expected[animal]) if is_covered[animal] else None,
        )


def fuse(
    scores: Scores,
    model: Model,
    place: PlaceLookup,
    bounds: WeightBounds,
    spread: float | None = None,
) -> tuple[Ranking, float]:
    """Rank every animal of the model by picture and place.

    Args:
        scores: the model's calibrated probabilities, shape (classes,).
        model: the model that gave them.
        place: the features of the photo's place. If there are none, each weight is 1 and
            ``score`` equals ``vision_score``.
        bounds: the limits of the place's weight.
        spread: the standard deviation of the logarithms of the model's scores; ``None`` if unknown.

    Returns:
        The ranking, and the share of the probability that the model gave to animals.

    Raises:
        ValueError: the scores are another model's.
    """
    if scores.shape != (len(model.taxa),):
        raise ValueError(f"{scores.shape} scores for a model of {len(model.taxa)} outputs")
    animals = taxon_index(model)
    vision = scores[animals.outputs].astype(np.float64)
    weights = place_weights(animals, place, bounds)
    weighted = vision * weights.weights
    animal_score = float(vision.sum())
    ranking = Ranking(
        animals,
        weighted / (weighted.sum() or 1.0),
        vision / (animal_score or 1.0),
        weights,
        lookalikes_at(place, model, bounds),
    )
    ranking.spread = spread
    if model.of_spread and spread:
        ranking.show_at(model.of_spread * spread)
    return ranking, animal_score


def covers_any(model: Model, dataset: Dataset) -> bool:
    """Return whether the dataset covers an animal of the model, so that a place can help."""
    return bool(coverage_mask(taxon_index(model), dataset).any())


def relevant(place: PlaceLookup, model: Model) -> PlaceLookup:
    """Return the place, or that there are no data if it says nothing of the model's animals."""
    if place.status is not GeoStatus.APPLIED or place.dataset is None:
        return place
    if covers_any(model, place.dataset):
        return place
    return PlaceLookup(GeoStatus.NO_DATA, place.features, place.dataset)


def lookalikes_at(place: PlaceLookup, model: Model, bounds: WeightBounds) -> Lookalikes:
    """Return the animals off the model's list at a place."""
    is_applied = place.status is GeoStatus.APPLIED and place.features is not None
    features = place.features.taxa if is_applied and place.features else None
    return Lookalikes(
        model.lookalikes_of,
        place.dataset,
        features,
        partial(place_weight, bounds=bounds),
    )


def place_weights(animals: TaxonIndex, place: PlaceLookup, bounds: WeightBounds) -> PlaceWeights:
    """Return the place's weight for each animal, and whether it is expected there."""
    count = len(animals.taxa)
    weights = np.ones(count)
    expected = np.zeros(count, np.bool_)
    if place.status is not GeoStatus.APPLIED or place.features is None or place.dataset is None:
        return PlaceWeights(weights, np.zeros(count, np.bool_), expected)
    covered = coverage_mask(animals, place.dataset)
    weights[covered] = bounds.floor
    for taxon_id, feature in place.features.taxa.items():
        for animal in animals.indices_by_taxon_id.get(taxon_id, ()):
            if covered[animal]:
                weights[animal] = place_weight(feature, bounds)
                expected[animal] = place.dataset.expects(taxon_id, feature)
    return PlaceWeights(weights, covered, expected)


def place_weight(feature: TaxonFeature, bounds: WeightBounds) -> float:
    """Return the weight of one taxon, from the floor to the ceiling.

    ``floor + (ceiling - floor) * r / (r + s)``, where ``r`` is the taxon's presence here
    over its prevalence in the world and ``s`` is such that ``r = 1``, a place that says
    nothing, weighs 1. For a classifier that was trained on equally many photos of each class,
    Bayes' rule has ``r`` itself, as in the plain product of Mac Aodha et al. 2019
    (https://arxiv.org/abs/1906.05272). Our ``r`` rests on coarse ranges, so the weight
    saturates: the place must not overrule a sure picture in either direction.
    """
    floor, ceiling = bounds.floor, bounds.ceiling
    if feature.presence <= 0:
        return floor
    presence, prevalence = feature.presence * (1 - floor), feature.prevalence * (ceiling - 1)
    return floor + (ceiling - floor) * presence / (presence + prevalence)


@lru_cache(maxsize=4)
def coverage_mask(animals: TaxonIndex, dataset: Dataset) -> NDArray[np.bool_]:
    """Return which animals a place of the dataset can speak for or against."""
    return np.array([dataset.covers(taxon) for taxon in animals.taxa], np.bool_)


def expected_taxa(place: PlaceLookup, model: Model, bounds: WeightBounds) -> tuple[Occurrence, ...]:
    """Return the expected animals of a place that the model can tell apart.

    They are ranked by presence, then by geo weight, then by name. Outputs that share a taxon, as
    the subspecies of a bird may, are one animal: the first of them.
    """
    if place.features is None or place.dataset is None:
        return ()
    taxa = {taxon.taxon_id: taxon for taxon in reversed(model.taxa) if taxon is not None}
    occurrences = [
        Occurrence(taxon, feature, place_weight(feature, bounds))
        for taxon in taxa.values()
        if place.dataset.covers(taxon)
        and (feature := place.features.taxa.get(taxon.taxon_id)) is not None
        and place.dataset.expects(taxon.taxon_id, feature)
    ]
    occurrences.sort(
        key=lambda animal: (
            -animal.feature.presence, -animal.geo_weight, animal.taxon.scientific_name,
        )
    )  # fmt: skip
    return tuple(occurrences)

"""Look at a photo, and look again at parts of it if the first look is unsure.

People photograph animals that are small and off-centre; the model sees the middle of a photo. A
first look that is unsure even of the class (a mammal, a bird, an insect) has often missed the
animal. Where it is sure of the class, other parts of the photo would say little more, and they
make strange animals look like those that the model knows. ``docs/accuracy.md`` has the rules that
were compared.
"""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.domain import Model, Part, Scores, Taxon, View
from chalicelib.ports import Classifier, Photo

Stage = Callable[[str], AbstractContextManager[None]]
"""Times the body of a ``with`` statement as a part of the named stage."""


class Look(Struct, frozen=True, eq=False):
    """The model's scores for a photo, and the part that they are of.

    ``crop`` is ``None`` for the part that the model sees first, ``view`` also. ``looks`` counts
    all, with those that were not used. ``spread`` is that of the model's scores (see
    :func:`spread`), before they were softened or divided by a specialist; ``None`` if unknown.
    ``consulted`` are the specialists that looked, too.
    """

    scores: Scores
    crop: Part | None = None
    looks: int = 1
    view: View | None = None
    spread: float | None = None
    consulted: tuple[Model, ...] = ()


Consult = Callable[[Look, Photo, int, Stage], Look]
"""Asks specialists about the part of a photo, upright, that a look is of."""


def no_specialists(seen: Look, photo: Photo, orientation: int, stage: Stage) -> Look:
    """Return the look as it is: there is no specialist."""
    del photo, orientation, stage
    return seen


class Groups(Struct, frozen=True, eq=False):
    """Outputs that count together; ``numbers[i]`` is the group of output ``outputs[i]``."""

    outputs: NDArray[np.intp]
    numbers: NDArray[np.intp]

    def best(self, scores: Scores) -> float:
        """Return the largest sum of scores."""
        return float(np.bincount(self.numbers, scores[self.outputs]).max(initial=0.0))


def look(
    classifier: Classifier,
    photo: Photo,
    orientation: int,
    most: int,
    stage: Stage = lambda _: nullcontext(),
) -> Look:
    """Classify a photo by one look, or by a later one that is clearly surer.

    Args:
        classifier: The model.
        photo: The opened photo.
        orientation: As in EXIF.
        most: The most looks; 1 never looks again.
        stage: Times decoding and classifying.

    Raises:
        UnreadablePhoto, PhotoTooLarge: the photo cannot be decoded.
        ModelUnavailable: the model cannot be loaded.
    """
    model = classifier.model
    with stage("decode"):
        pixels = photo.pixels(model.input_size, orientation)
    with stage("classify"):
        first = classifier.classify(pixels)
    rule = model.look_rule
    if rule is None or most == 1 or classes(model).best(first) >= rule.unsure:
        return Look(first, spread=spread(first))
    least = max(rule.sure, names(model).best(first) + rule.surer)
    looks = 1
    for view in rule.views[: most - 1]:
        with stage("decode"):
            seen = photo.view(model.input_size, orientation, view)
        if seen is None:
            break
        pixels, part = seen
        with stage("classify"):
            scores = classifier.classify(pixels)
        looks += 1
        if names(model).best(scores) >= least:
            softened = soften(scores, rule.temperature)
            return Look(softened, part, looks, view, spread(scores))
    return Look(first, looks=looks, spread=spread(first))


def spread(scores: Scores) -> float:
    """Return the standard deviation of the logarithms of the scores that are not 0.

    It is small if nearly all classes are equally unlikely, as on a photo like those that the model
    learned from.
    """
    return float(np.log(scores[scores > 0], dtype=np.float64).std())


def soften(scores: Scores, temperature: float) -> Scores:
    """Return the scores with their logits divided by a temperature."""
    powers = scores.astype(np.float64) ** (1 / temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float32)


@lru_cache(maxsize=4)
def names(model: Model) -> Groups:
    """Return the outputs by scientific name: breeds count together."""
    return _groups(model, lambda taxon: taxon.scientific_name)


@lru_cache(maxsize=4)
def classes(model: Model) -> Groups:
    """Return the outputs by class; a taxon above the classes is one by itself."""
    return _groups(model, lambda taxon: taxon.higher.get("class", taxon.scientific_name))


def _groups(model: Model, key: Callable[[Taxon], Hashable]) -> Groups:
    numbers: dict[Hashable, int] = {}
    animals = [(output, taxon) for output, taxon in enumerate(model.taxa) if taxon]
    return Groups(
        np.array([output for output, _ in animals], np.intp),
        np.array([numbers.setdefault(key(taxon), len(numbers)) for _, taxon in animals], np.intp),
    )

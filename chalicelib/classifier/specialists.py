"""Let specialists help the general model: a model of birds where the photo may show a bird.

The general model looks first and decides how much of the photo is a bird at all. Where that is at
least a small share, the specialist looks at the same part and decides which bird. A specialist
alone would find a bird in any photo. ``docs/accuracy.md`` has the rules that were compared.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.classifier.looks import Look, Stage
from chalicelib.domain import (
    SPECIES_RANKS,
    Lookalike,
    Model,
    ModelInput,
    Pixels,
    Scores,
    Speciality,
    Taxon,
)
from chalicelib.errors import ModelUnavailable
from chalicelib.ports import Classifier, Photo


class Specialist(Struct, frozen=True, eq=False):
    """A specialist, and how its outputs fit into those of all models together.

    ``speciality`` is the taxon that it knows better. Output ``outputs[i]`` of it stands for the
    output ``places[i]`` of the joined model. ``replaced`` marks the joined outputs whose scores it
    divides anew: animals of its taxon that it knows, too, or that hold animals which it knows.
    ``inside`` marks all joined outputs of its taxon.
    """

    classifier: Classifier
    speciality: Speciality
    outputs: NDArray[np.intp]
    places: NDArray[np.intp]
    replaced: NDArray[np.bool_]
    inside: NDArray[np.bool_]

    def is_needed(self, scores: Scores) -> bool:
        """Return whether the general model sees a share of the specialist's taxon."""
        return float(scores[self.inside].sum()) >= self.speciality.least

    def divide(self, scores: Scores, own: Scores) -> Scores:
        """Return the joined scores with the specialist's shares in place of the general model's.

        What the specialist takes for none of its animals stays as the general model has it.
        """
        shares = own[self.outputs]
        known = float(shares.sum())
        divided = scores.copy()
        divided[self.replaced] *= 1 - known
        np.add.at(divided, self.places, shares * scores[self.replaced].sum())
        return divided


class Joined(Struct, frozen=True, eq=False):
    """The general model and its specialists as one model."""

    model: Model
    specialists: tuple[Specialist, ...]


class SpecialisedClassifier:
    """The :class:`~chalicelib.ports.Classifier` of a general model with specialists.

    Its model has the outputs of all: first the general model's, then the animals that only
    specialists know. A specialist that cannot be loaded costs what it knows, not the prediction.
    """

    def __init__(
        self, general: Classifier, specialists: Sequence[Classifier], *, at_start: bool = False
    ) -> None:
        self._general = general
        self._specialists = tuple(specialists)
        self._at_start = at_start

    @cached_property
    def _joined(self) -> Joined:
        return join(self._general.model, self._specialists)

    @property
    def model(self) -> Model:
        """The description of all models together. Raises ``ModelUnavailable``."""
        return self._joined.model

    def load(self) -> None:
        """Load the general model, and the specialists if a setting says so.

        Raises ``ModelUnavailable``.
        """
        self._general.load()
        if self._at_start:
            for specialist in self._joined.specialists:
                with suppress(ModelUnavailable):
                    specialist.classifier.load()

    def classify(self, pixels: Pixels) -> Scores:
        """Return the general model's scores; animals that only specialists know have none.

        Raises ``ModelUnavailable``.
        """
        scores = self._general.classify(pixels)
        return np.pad(scores, (0, len(self.model.taxa) - len(scores)))

    def consult(self, look: Look, photo: Photo, orientation: int, stage: Stage) -> Look:
        """Let the specialists look at the same part of the photo, where they are needed.

        Raises ``UnreadablePhoto``.
        """
        scores = look.scores
        consulted = []
        for specialist in self._joined.specialists:
            if not specialist.is_needed(scores):
                continue
            with suppress(ModelUnavailable):
                size = specialist.classifier.model.input_size
                with stage("decode"):
                    pixels = see(photo, size, orientation, look)
                with stage("classify"):
                    scores = specialist.divide(scores, specialist.classifier.classify(pixels))
                consulted.append(specialist.classifier.model)
        return Look(scores, look.crop, look.looks, look.view, tuple(consulted))


def see(photo: Photo, size: ModelInput, orientation: int, look: Look) -> Pixels:
    """Return what another model sees of the part that a look is of. It decodes nothing again."""
    if look.view is not None and (seen := photo.view(size, orientation, look.view)):
        return seen[0]
    return photo.pixels_again(size, orientation)


def join(general: Model, classifiers: Sequence[Classifier]) -> Joined:
    """Join the description of a general model with those of its specialists.

    A specialist without a readable description, or without a speciality, is left out.
    """
    taxa: list[Taxon | None] = list(general.taxa)
    fits = []
    for classifier in classifiers:
        with suppress(ModelUnavailable):
            if classifier.model.speciality is not None:
                fits.append((classifier, classifier.model.speciality, _fit(classifier.model, taxa)))
    names = {taxon.scientific_name for taxon in taxa[len(general.taxa) :] if taxon}

    def lookalikes_of(scientific_name: str) -> Sequence[Lookalike]:
        # What a specialist knows is among the candidates: it must not count twice.
        return [
            one
            for one in general.lookalikes_of(scientific_name)
            if one.taxon.scientific_name not in names
        ]

    return Joined(
        Model(
            name=general.name,
            version=general.version,
            sha256=general.sha256,
            input_size=general.input_size,
            taxa=tuple(taxa),
            thresholds=general.thresholds,
            card=general.card,
            lookalikes_of=lookalikes_of if names else general.lookalikes_of,
            look_rule=general.look_rule,
            specialists=tuple(classifier.model for classifier, _, _ in fits),
        ),
        tuple(
            Specialist(
                classifier,
                speciality,
                outputs,
                places,
                _replaced(taxa, classifier.model, speciality),
                _inside(taxa, speciality),
            )
            for classifier, speciality, (outputs, places) in fits
        ),
    )


def _fit(specialist: Model, taxa: list[Taxon | None]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Add the animals of a specialist to ``taxa``; return its outputs, and where they are there.

    A species that is there already keeps its place, and so its identifier.
    """
    known = {
        taxon.scientific_name: place
        for place, taxon in enumerate(taxa)
        if taxon and taxon.taxon_rank in SPECIES_RANKS
    }
    outputs, places = [], []
    for output, taxon in enumerate(specialist.taxa):
        if taxon is None or not _is_in(taxon, specialist.speciality):
            continue
        if taxon.scientific_name not in known:
            known[taxon.scientific_name] = len(taxa)
            taxa.append(taxon)
        outputs.append(output)
        places.append(known[taxon.scientific_name])
    return np.array(outputs, np.intp), np.array(places, np.intp)


def _is_in(taxon: Taxon | None, speciality: Speciality | None) -> bool:
    """Return whether a taxon belongs to a speciality, or is it."""
    if taxon is None or speciality is None:
        return False
    rank, name = speciality.taxon_rank, speciality.scientific_name
    if (taxon.taxon_rank, taxon.scientific_name) == (rank, name):
        return True
    return taxon.higher.get(rank) == name


def _inside(taxa: Sequence[Taxon | None], speciality: Speciality) -> NDArray[np.bool_]:
    return np.array([_is_in(taxon, speciality) for taxon in taxa], np.bool_)


def _replaced(
    taxa: Sequence[Taxon | None], specialist: Model, speciality: Speciality
) -> NDArray[np.bool_]:
    names = {
        name
        for taxon in specialist.taxa
        if taxon and _is_in(taxon, speciality)
        for name in (taxon.scientific_name, *taxon.higher.values())
    }
    return np.array(
        [
            taxon is not None and taxon.scientific_name in names and _is_in(taxon, speciality)
            for taxon in taxa
        ],
        np.bool_,
    )

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
from chalicelib.classifier.specialist import Specialist, fit_specialist, is_in
from chalicelib.domain import (
    Lookalike,
    Model,
    ModelInput,
    Pixels,
    Scores,
    Taxon,
)
from chalicelib.errors import ModelUnavailable
from chalicelib.ports import Classifier, Photo


class Joined(Struct, frozen=True, eq=False):
    """The general model and its specialists as one model.

    ``faults`` says which specialists were left out, and why.
    """

    model: Model
    specialists: tuple[Specialist, ...]
    faults: tuple[str, ...] = ()


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

    def faults(self) -> list[str]:
        """Return what is wrong with the specialists. It runs each of them once."""
        faults = list(self._joined.faults)
        for specialist in self._joined.specialists:
            try:
                specialist.classifier.try_out()
            except ModelUnavailable as error:
                faults.append(f"{specialist.classifier.model.name}: {error}")
        return faults

    def identifiers(self, specialist: Classifier) -> dict[str, str]:
        """Return the ``taxonID`` of animals that it shares with others, by its own ``taxonID``."""
        for one in self._joined.specialists:
            if one.classifier is specialist:
                return _identifiers(one, self.model)
        return {}

    def try_out(self) -> None:
        """Run the general model once, on a grey picture. Raises ``ModelUnavailable``."""
        self._general.try_out()

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
        return Look(scores, look.crop, look.looks, look.view, look.spread, tuple(consulted))


def see(photo: Photo, size: ModelInput, orientation: int, look: Look) -> Pixels:
    """Return what another model sees of the part that a look is of. It decodes nothing again."""
    if look.view is not None and (seen := photo.view(size, orientation, look.view)):
        return seen[0]
    return photo.pixels_again(size, orientation)


def join(general: Model, classifiers: Sequence[Classifier]) -> Joined:
    """Join the description of a general model with those of its specialists.

    A specialist without a readable description, or that could never help, is left out.
    """
    taxa: list[Taxon | None] = list(general.taxa)
    fits = []
    faults = []
    for classifier in classifiers:
        try:
            model = classifier.model
        except ModelUnavailable as error:
            faults.append(str(error))
            continue
        if fault := _fault(model, taxa):
            faults.append(f"{model.name}: {fault}")
        elif model.speciality is not None:
            fits.append((classifier, model.speciality, _fit(model, taxa)))
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
            of_spread=general.of_spread,
            specialists=tuple(classifier.model for classifier, _, _ in fits),
        ),
        tuple(
            fit_specialist(classifier, speciality, fit, taxa, len(general.taxa))
            for classifier, speciality, fit in fits
        ),
        tuple(faults),
    )


def _fault(specialist: Model, taxa: Sequence[Taxon | None]) -> str | None:
    """Return why a specialist cannot help, if it cannot."""
    if specialist.speciality is None:
        return "model.json has no speciality"
    name = specialist.speciality.scientific_name
    known = [taxon for taxon in specialist.taxa if taxon and is_in(taxon, specialist.speciality)]
    if not known:
        return f"no label belongs to its speciality {name}"
    if not any(is_in(taxon, specialist.speciality) for taxon in taxa):
        return f"the general model knows no animal of its speciality {name}"
    names = {taxon.taxon_id: taxon.scientific_name for taxon in taxa if taxon}
    for taxon in known:
        if names.setdefault(taxon.taxon_id, taxon.scientific_name) != taxon.scientific_name:
            return f"the taxonID {taxon.taxon_id} stands for another animal, too"
    return None


def _identifiers(specialist: Specialist, model: Model) -> dict[str, str]:
    """Return the identifiers of the joined model by those of a specialist, where they differ."""
    identifiers = {}
    for output, place in zip(specialist.outputs.tolist(), specialist.places.tolist(), strict=True):
        own, joined = specialist.classifier.model.taxa[output], model.taxa[place]
        if own and joined and own.taxon_id != joined.taxon_id:
            identifiers[own.taxon_id] = joined.taxon_id
    return identifiers


def _fit(specialist: Model, taxa: list[Taxon | None]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Add the animals of a specialist to ``taxa``; return its outputs, and where they are there.

    An animal that is there already keeps its place, and so its identifier.
    """
    known: dict[str, int] = {}
    for place, there in enumerate(taxa):
        if there is not None:
            known.setdefault(there.scientific_name, place)
    outputs, places = [], []
    for output, taxon in enumerate(specialist.taxa):
        if taxon is None or not is_in(taxon, specialist.speciality):
            continue
        if taxon.scientific_name not in known:
            known[taxon.scientific_name] = len(taxa)
            taxa.append(taxon)
        outputs.append(output)
        places.append(known[taxon.scientific_name])
    return np.array(outputs, np.intp), np.array(places, np.intp)

"""Response schemas of ``GET /v1/model``: the model card and the dataset.

A model's card (``model.json``) may have more members than these, and may lack those with a
default.
"""

from typing import Any

from msgspec import UNSET, UnsetType, convert

from chalicelib import domain
from chalicelib.http import schemas


class ModelInput(schemas.Answer):
    """The model's input: its size in pixels, and how pixel values are scaled."""

    width: int
    height: int
    crop_fraction: float
    resample: str
    mean: list[float]
    standard_deviation: list[float]
    layout: str | UnsetType = UNSET
    color_space: str | UnsetType = UNSET
    frame: str | UnsetType = UNSET


class ModelOutput(schemas.Answer):
    """The model's output: ``logits`` or ``probabilities``."""

    kind: str


class Calibration(schemas.Answer):
    """Temperature scaling, which turns scores into probabilities (Guo et al. 2017).

    The scores that an answer shows have the temperature ``ofSpread`` times the spread of the scores
    of the photo, the standard deviation of their logarithms, if that is there.
    """

    temperature: float
    of_spread: float | UnsetType = UNSET
    method: str | UnsetType = UNSET
    provenance: str | UnsetType = UNSET


class Lookalikes(schemas.Answer):
    """What an animal that the model does not know weighs against a name of the model.

    ``close`` is for one that is often taken for it, ``loose`` for one that is now and then. Factors
    on these: ``byGeography`` of the named animal, ``elsewhere`` if that does not live at the
    place, and ``noPlace``.
    """

    close: float
    loose: float
    by_geography: dict[str, float] | UnsetType = UNSET
    elsewhere: float | UnsetType = UNSET
    no_place: float | UnsetType = UNSET


class Unfamiliar(schemas.Answer):
    """What divides the odds of a name: ``exp(strength * (spread - usualSpread))``.

    ``spread`` is the standard deviation of the logarithms of all scores of the photo.
    """

    usual_spread: float
    strength: float


class Thresholds(schemas.Answer):
    """The scores at which the decision changes its kind.

    ``namedByGeography`` and ``rolledUpByRank`` replace ``named`` and ``rolledUp`` where they say
    something; ``notLivingHere`` is for an animal that does not live at the place.
    ``lookalikes`` says what animals weigh that the model does not know, ``unfamiliar`` what a photo
    weighs that is strange to the model.
    """

    animal: float
    not_an_animal: float
    named: float
    rolled_up: float
    named_by_geography: dict[str, float] | UnsetType = UNSET
    rolled_up_by_rank: dict[str, float] | UnsetType = UNSET
    not_living_here: float | UnsetType = UNSET
    lookalikes: Lookalikes | UnsetType = UNSET
    unfamiliar: Unfamiliar | UnsetType = UNSET
    provenance: str | UnsetType = UNSET


class Dataset(schemas.Answer):
    """The source of the data on places; ``taxa`` is the number of animals that it covers.

    ``coveredAnimals`` of the model's animals are among them: a place says nothing of the others.
    """

    version: str
    title: str
    license: str
    citation: str
    taxa: int
    covered_animals: int


class Specialist(schemas.SpecialistName):
    """A model that helps with the taxon that it knows better, by rank and name.

    The general model asks it where that taxon has at least the share ``least`` of the scores.
    """

    sha256: str
    taxon_rank: str
    scientific_name: str
    least: float
    classes: int
    animals: int
    calibration: Calibration
    license: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    training_data: str | UnsetType = UNSET


class Model(schemas.Answer):
    """``GET /v1/model``: the model's card (``model.json``), and the dataset in use.

    ``labels`` is the file of the model's classes; ``animals`` of these classes are animals.
    ``lookalikes`` is the file of animals that the model does not know and takes for its classes.
    ``dataset`` is null if the data on places are unavailable. ``specialists`` are the models that
    help; their animals are among ``animals``.
    """

    name: str
    version: str
    sha256: str
    file: str
    labels: str
    input: ModelInput
    output: ModelOutput
    calibration: Calibration
    decision: Thresholds
    classes: int
    animals: int
    dataset: Dataset | None
    specialists: list[Specialist]
    license: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    training_data: str | UnsetType = UNSET
    lookalikes: str | UnsetType = UNSET


def model(description: domain.Model, dataset: domain.Dataset | None) -> Model:
    """Map the model's own description and the dataset in use."""
    classes = description.taxa
    dataset_card = dataset and {
        "version": dataset.version,
        "title": dataset.title,
        "license": dataset.licence,
        "citation": dataset.citation,
        "taxa": len(dataset.taxa),
        "coveredAnimals": len({one.taxon_id for one in classes if one and dataset.covers(one)}),
    }
    specialists = [specialist(model) for model in description.specialists]
    card = {**description.card, **counts(description), "dataset": dataset_card}
    return convert({**card, "specialists": specialists}, Model)


def counts(description: domain.Model) -> dict[str, int]:
    """Return how many outputs a model has, and how many of them are animals."""
    animals = sum(taxon is not None for taxon in description.taxa)
    return {"classes": len(description.taxa), "animals": animals}


def specialist(description: domain.Model) -> dict[str, Any]:
    """Return the card of a specialist."""
    knows = description.speciality
    taxon = knows and {
        "taxonRank": knows.taxon_rank,
        "scientificName": knows.scientific_name,
        "least": knows.least,
    }
    return {**description.card, **counts(description), **(taxon or {})}

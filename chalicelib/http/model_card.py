"""What the service says of its model and its dataset, as typed models.

A model's card (``model.json``) may hold more than is told here, and lack what has a default.
"""

from msgspec import UNSET, UnsetType, convert

from chalicelib import domain
from chalicelib.http import schemas


class ModelInput(schemas.Answer):
    """What the model looks at: pixels, and how their values are scaled."""

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
    """What comes out of the model: ``logits`` or ``probabilities``."""

    kind: str


class Calibration(schemas.Answer):
    """What makes scores mean what they say (Guo et al. 2017)."""

    temperature: float
    method: str | UnsetType = UNSET
    provenance: str | UnsetType = UNSET


class Thresholds(schemas.Answer):
    """From which score on a decision is what it is."""

    animal: float
    not_an_animal: float
    named: float
    rolled_up: float
    provenance: str | UnsetType = UNSET


class Dataset(schemas.Answer):
    """Where the features of places come from; ``taxa`` counts the animals that it covers."""

    version: str
    title: str
    license: str
    citation: str
    taxa: int


class Model(schemas.Answer):
    """``GET /v1/model``: the model's card (``model.json``), and the dataset it is used with.

    ``labels`` names the file of its classes, of which ``animals`` stand for animals.
    ``dataset`` is null where the features of places are out of reach.
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
    license: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    training_data: str | UnsetType = UNSET


def model(one: domain.Model, dataset: domain.Dataset | None) -> Model:
    """The model's own description, and the dataset that it is used with."""
    described = dataset and {
        "version": dataset.version,
        "title": dataset.title,
        "license": dataset.licence,
        "citation": dataset.citation,
        "taxa": len(dataset.taxa),
    }
    animals = sum(taxon is not None for taxon in one.taxa)
    card = {**one.card, "classes": len(one.taxa), "animals": animals, "dataset": described}
    return convert(card, Model)

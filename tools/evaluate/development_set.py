"""Read a labelled development set into arrays, so that rules can be compared quickly.

The real classifier looks at each photo as the service does. The real store looks up each place
once.
``tools.evaluate.make_development_set`` writes such sets.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from chalicelib.answer.taxon_index import taxon_index
from chalicelib.bootstrap import Services
from chalicelib.classifier.looks import look
from chalicelib.domain import Coordinates, GeoStatus, PlaceLookup, Taxon
from tools.evaluate.labels import read_rows
from tools.evaluate.metrics import Flags, Floats

COLUMNS: Final = (
    "file", "classIndex", "decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters",
    "eventDate", "damage", "half",
)  # fmt: skip


@dataclass(frozen=True)
class DevelopmentSet:
    """A development set: a row for each photo, a column for each animal in the order of ``taxa``.

    ``logits`` are those of all classes, shape (photos, classes). ``presence`` is NaN if the
    dataset does not cover the animal, or has no data on the place. ``again`` marks the photos that
    the model looked at more than once.
    """

    taxa: tuple[Taxon, ...]
    columns: NDArray[np.intp]
    logits: Floats
    geos: tuple[PlaceLookup, ...]
    presence: Floats
    prevalence: Floats
    truth: NDArray[np.intp]
    damaged: Flags
    reported: Flags
    again: Flags

    @property
    def ranged(self) -> Flags:
        """Whether the dataset covers the animal in the photo."""
        unknown = np.isnan(self.presence).all(axis=0)
        return np.asarray(~np.asarray(unknown)[self.truth])

    def vision(self, temperature: float) -> Floats:
        """Return the picture's probabilities of the animals, normalised over all classes."""
        scaled = self.logits / temperature
        exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return np.asarray(probabilities[:, self.columns])

    def elsewhere(self, generator: np.random.Generator) -> Floats:
        """Return ``presence`` with each photo moved to a place without its animal (a zoo)."""
        moved = self.presence.copy()
        for row, animal in enumerate(self.truth):
            foreign = np.flatnonzero(self.presence[:, animal] == 0)
            if len(foreign):
                moved[row] = self.presence[generator.choice(foreign)]
        return moved


def read(labels: Path, services: Services) -> DevelopmentSet:
    """Classify every photo of the table and look up its place. Raises ``LabelsError``."""
    rows = read_rows(labels, COLUMNS)
    model = services.classifier.model
    animals = taxon_index(model)
    columns, taxa = animals.outputs, animals.taxa
    temperature = float(model.card["calibration"]["temperature"])
    logits, geos, looks = [], [], []
    for row in tqdm(rows, unit="photo", disable=None):
        photo = services.identify.photos.open((labels.parent / row["file"]).read_bytes())
        seen = look(services.classifier, photo, 1, services.identify.looks)
        # Up to a constant, which does not change a softmax.
        logits.append(np.log(np.maximum(seen.scores.astype(np.float64), 1e-30)) * temperature)
        looks.append(seen.looks)
        point = Coordinates(
            float(row["decimalLatitude"]),
            float(row["decimalLongitude"]),
            float(row["coordinateUncertaintyInMeters"]),
        )
        geos.append(services.places.look_up(point, int(row["eventDate"][5:7])))
    presence = np.full((len(rows), len(taxa)), np.nan)
    prevalence = np.ones(len(taxa))
    for number, geo in enumerate(geos):
        if geo.status is not GeoStatus.APPLIED or geo.features is None or geo.dataset is None:
            continue
        for column, taxon in enumerate(taxa):
            if geo.dataset.covers(taxon):
                feature = geo.features.taxa.get(taxon.taxon_id)
                presence[number, column] = feature.presence if feature else 0
                if feature:
                    prevalence[column] = feature.prevalence
    position = {number: column for column, number in enumerate(columns.tolist())}
    return DevelopmentSet(
        taxa=taxa,
        columns=columns,
        logits=np.array(logits),
        geos=tuple(geos),
        presence=presence,
        prevalence=prevalence,
        truth=np.array([position[int(row["classIndex"])] for row in rows]),
        damaged=np.array([row["damage"] != "none" for row in rows]),
        reported=np.array([row["half"] == "report" for row in rows]),
        again=np.array(looks) > 1,
    )


def fit_temperature(photos: DevelopmentSet, factors: Floats, boost: Floats, rows: Flags) -> float:
    """Return the temperature that makes the truth likeliest in ``rows``, to a hundredth.

    The loss is the negative log-likelihood, as in Guo et al. 2017. A grid search is enough for one
    number.

    Args:
        photos: The development set.
        factors: Multiply the picture's probabilities; shape (photos, animals).
        boost: Is added afterwards; same shape.
        rows: The photos to fit on.
    """
    grid = np.arange(0.40, 1.61, 0.01)
    losses = []
    for temperature in grid:
        scores = normalised(normalised(photos.vision(temperature)) * factors + boost)
        truth = scores[np.arange(len(scores)), photos.truth][rows]
        losses.append(-np.log(np.maximum(truth, 1e-12)).mean())
    return float(round(grid[int(np.argmin(losses))], 2))


def normalised(scores: Floats) -> Floats:
    """Return the scores with each row scaled to a sum of 1."""
    return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-300))

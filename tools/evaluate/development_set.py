"""A labelled development set as arrays, so that rules can be compared without running again.

The photos are looked at once, by the real classifier, and their places looked up once, in
the real store. ``tools.evaluate.make_development_set`` writes such sets.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from chalicelib.answer.taxon_index import taxon_index
from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates, GeoStatus, PlaceLookup, Taxon
from tools.evaluate.metrics import Flags, Floats


@dataclass(frozen=True)
class DevelopmentSet:
    """One row a photo; one column an animal of the model, in the order of ``taxa``.

    ``logits`` are those of all classes, shape (photos, classes); ``presence`` is NaN where
    the place has no opinion of an animal, or nothing is known of the place.
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

    @property
    def ranged(self) -> Flags:
        """Whether the place has an opinion of the animal in the photo."""
        unknown = np.isnan(self.presence).all(axis=0)
        return np.asarray(~np.asarray(unknown)[self.truth])

    def vision(self, temperature: float) -> Floats:
        """What the picture says, over all classes; those of the animals only."""
        scaled = self.logits / temperature
        exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        return np.asarray(probabilities[:, self.columns])

    def elsewhere(self, generator: np.random.Generator) -> Floats:
        """``presence`` with each photo put where its animal is not: as in a zoo."""
        moved = self.presence.copy()
        for row, animal in enumerate(self.truth):
            foreign = np.flatnonzero(self.presence[:, animal] == 0)
            if len(foreign):
                moved[row] = self.presence[generator.choice(foreign)]
        return moved


def read(labels: Path, services: Services) -> DevelopmentSet:
    """Look at every photo of the table, and look up its place."""
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    model = services.classifier.model
    animals = taxon_index(model)
    columns, taxa = animals.outputs, animals.taxa
    temperature = float(model.card["calibration"]["temperature"])
    logits, geos = [], []
    for row in tqdm(rows, unit="photo", disable=None):
        photo = services.identify.photos.open((labels.parent / row["file"]).read_bytes())
        scores = services.classifier.classify(photo.pixels(model.input_size, orientation=1))
        # Up to a constant, which a softmax does not see.
        logits.append(np.log(np.maximum(scores.astype(np.float64), 1e-30)) * temperature)
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
    )


def fit_temperature(photos: DevelopmentSet, factors: Floats, boost: Floats, rows: Flags) -> float:
    """The temperature under which the truth is likeliest in ``rows``, to a hundredth.

    ``factors`` multiply what the picture says and ``boost`` is added, both of shape (photos,
    animals). By negative log-likelihood, as Guo et al. 2017 do; a grid, since it is one number.
    """
    grid = np.arange(0.40, 1.61, 0.01)
    losses = []
    for temperature in grid:
        scores = normalised(normalised(photos.vision(temperature)) * factors + boost)
        truth = scores[np.arange(len(scores)), photos.truth][rows]
        losses.append(-np.log(np.maximum(truth, 1e-12)).mean())
    return float(round(grid[int(np.argmin(losses))], 2))


def normalised(scores: Floats) -> Floats:
    """Rows that sum to 1."""
    return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-300))

"""Read a labelled development set into arrays, so that rules can be compared quickly.

The real classifier looks at each photo as the service does. The real store looks up each place
once.
``tools.evaluate.make_development_set`` writes such sets.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from chalicelib.answer.taxon_index import taxon_index
from chalicelib.bootstrap import Services
from chalicelib.classifier.looks import look
from chalicelib.domain import WHOLE_YEAR, GeoStatus, PlaceLookup, Scores, Taxon
from chalicelib.errors import RangefinderError
from tools.evaluate.labels import (
    ClassFinder,
    LabelsError,
    Row,
    place_and_month,
    read_labelled_rows,
)
from tools.evaluate.metrics import Flags, Floats

COLUMNS: Final = (
    "file", "classIndex", "decimalLatitude", "decimalLongitude", "coordinateUncertaintyInMeters",
    "eventDate", "damage", "half",
)  # fmt: skip
"""The columns that ``tools.evaluate.make_development_set`` writes."""

UNDAMAGED: Final = "none"

LEAST_CLASSES: Final = 20
"""So many classes of a half stand for a model with more animals."""

NOTHING_FITTED: Final = "The table has no photo in the half that is fitted"


@dataclass(frozen=True)
class DevelopmentSet:
    """A development set: a row for each photo, a column for each animal in the order of ``taxa``.

    ``logits`` are those of all classes, shape (photos, classes). ``presence`` is NaN if the
    dataset does not cover the animal, or has no data on the place. ``again`` marks the photos that
    the model looked at more than once; ``spreads`` are those of their scores
    (:func:`chalicelib.classifier.looks.spread`).
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
    spreads: Floats

    @property
    def ranged(self) -> Flags:
        """Whether the dataset covers the animal in the photo."""
        unknown = np.isnan(self.presence).all(axis=0)
        return np.asarray(~np.asarray(unknown)[self.truth])

    def vision(self, temperature: float | Floats) -> Floats:
        """Return the picture's probabilities of the animals, normalised over all classes.

        There may be one temperature for each photo.
        """
        scaled = self.logits / np.reshape(temperature, (-1, 1))
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


@dataclass(frozen=True)
class _Seen:
    """One photo of the table, looked at: its row, its class, its scores and its place."""

    row: Row
    index: int
    scores: Scores
    looks: int
    spread: float
    place: PlaceLookup


def read(labels: Path, services: Services, required: Sequence[str] = COLUMNS) -> DevelopmentSet:
    """Classify every photo of the table and look up its place.

    A row that cannot be used is printed and left out. Without a column ``half``, every second
    class is in the half that is reported; of a model with too few animals for two halves, every
    second photo of each class. Without ``damage``, no photo is damaged.

    Raises ``LabelsError`` if the table lacks a required column, or no row can be used.
    """
    model = services.classifier.model
    finder = ClassFinder(model.taxa)
    seen = []
    for number, row in tqdm(read_labelled_rows(labels, required), unit="photo", disable=None):
        try:
            seen.append(_look(row, labels.parent, services, finder))
        except (RangefinderError, OSError, ValueError) as error:
            print(f"row {number} ({row['file']}): {error}", file=sys.stderr)
    if not seen:
        raise LabelsError(f"{labels}: no row can be used")
    animals = taxon_index(model)
    columns, taxa = animals.outputs, animals.taxa
    temperature = float(model.card["calibration"]["temperature"])
    presence = np.full((len(seen), len(taxa)), np.nan)
    prevalence = np.ones(len(taxa))
    for number, geo in enumerate(one.place for one in seen):
        if geo.status is not GeoStatus.APPLIED or geo.features is None or geo.dataset is None:
            continue
        for column, taxon in enumerate(taxa):
            if geo.dataset.covers(taxon):
                feature = geo.features.taxa.get(taxon.taxon_id)
                presence[number, column] = feature.presence if feature else 0
                if feature:
                    prevalence[column] = feature.prevalence
    position = {number: column for column, number in enumerate(columns.tolist())}
    halves = _halves([one.index for one in seen], by_class=len(taxa) >= 2 * LEAST_CLASSES)
    return DevelopmentSet(
        taxa=taxa,
        columns=columns,
        # Up to a constant, which does not change a softmax.
        logits=np.array([np.log(np.maximum(one.scores.astype(np.float64), 1e-30)) for one in seen])
        * temperature,
        geos=tuple(one.place for one in seen),
        presence=presence,
        prevalence=prevalence,
        truth=np.array([position[one.index] for one in seen]),
        damaged=np.array([(one.row.get("damage") or UNDAMAGED) != UNDAMAGED for one in seen]),
        reported=np.array(
            [
                (one.row.get("half") or half) == "report"
                for one, half in zip(seen, halves, strict=True)
            ]
        ),
        again=np.array([one.looks for one in seen]) > 1,
        spreads=np.array([one.spread for one in seen]),
    )


def _halves(classes: Sequence[int], *, by_class: bool) -> list[str]:
    """Return ``fit`` or ``report`` for each photo, in turn by class or within each class."""
    turns = {index: turn for turn, index in enumerate(sorted(set(classes)))}
    halves = []
    for index in classes:
        halves.append(("fit", "report")[turns[index] % 2])
        if not by_class:
            turns[index] += 1
    return halves


def _look(row: Row, directory: Path, services: Services, finder: ClassFinder) -> _Seen:
    """Classify the photo of a row and look up its place.

    Raises ``ValueError``, ``OSError``, or what a request would raise.
    """
    taxa = finder.find(row)
    numbers = [
        number for number, taxon in enumerate(services.classifier.model.taxa) if taxon in taxa
    ]
    if len(numbers) > 1 and not row.get("classIndex"):
        raise ValueError(
            f"the label stands for {len(numbers)} classes of the model: name one by classIndex"
        )
    index = int(row["classIndex"]) if row.get("classIndex") else numbers[0]
    point, month = place_and_month(row)
    photo = services.identify.photos.open((directory / row["file"]).read_bytes())
    exif = services.identify.exif.read(photo.exif, photo.xmp, photo.later_exif)
    if point is None:
        point = exif.coordinates
    if not month and exif.event_date:
        month = exif.event_date.month or WHOLE_YEAR
    seen = look(services.classifier, photo, exif.orientation, services.identify.looks)
    place = services.places.look_up(point, month)
    return _Seen(row, index, seen.scores, seen.looks, seen.spread or 0.0, place)


def fit_temperature(photos: DevelopmentSet, factors: Floats, boost: Floats, rows: Flags) -> float:
    """Return the temperature that makes the truth likeliest in ``rows``, to a hundredth.

    The loss is the negative log-likelihood, as in Guo et al. 2017. A grid search is enough for one
    number. If the best is at an edge of the grid, a wider one is searched. Raises ``LabelsError``
    if there are no rows.

    Args:
        photos: The development set.
        factors: Multiply the picture's probabilities; shape (photos, animals).
        boost: Is added afterwards; same shape.
        rows: The photos to fit on.
    """
    if not rows.any():
        raise LabelsError(NOTHING_FITTED)

    def loss(temperature: float) -> float:
        scores = normalised(normalised(photos.vision(temperature)) * factors + boost)
        truth = scores[np.arange(len(scores)), photos.truth][rows]
        return float(-np.log(np.maximum(truth, 1e-12)).mean())

    grid = np.arange(0.40, 1.61, 0.01)
    best = int(np.argmin([loss(temperature) for temperature in grid]))
    if best in (0, len(grid) - 1):
        grid = np.arange(0.05, 0.41, 0.01) if best == 0 else np.arange(1.60, 5.01, 0.02)
        best = int(np.argmin([loss(temperature) for temperature in grid]))
    return float(round(grid[best], 2))


def fit_of_spread(
    photos: DevelopmentSet, factors: Floats, temperature: float, fitted: Flags
) -> float:
    """Return the share of the spread that calibrates the shown scores, to a hundredth.

    Undamaged and damaged photos count alike, and so do the picture alone and picture and place.
    The loss is the negative log-likelihood. One half has too few undamaged photos for a share, so
    it is that of all photos; those of the halves are printed. Raises ``LabelsError`` if there are
    no rows.

    Args:
        photos: The development set.
        factors: The weights of the places, shape (photos, animals).
        temperature: The temperature of the scores whose spread it is.
        fitted: The half of the photos that is fitted.
    """
    if not fitted.any():
        raise LabelsError(NOTHING_FITTED)
    numbers = np.arange(len(photos.truth))
    shares = np.arange(0.40, 1.61, 0.01)
    losses = np.empty((len(shares), len(numbers)))
    for row, share in enumerate(shares):
        vision = normalised(photos.vision(temperature * share * photos.spreads))
        both = vision, normalised(vision * factors)
        losses[row] = -sum(
            np.log(np.maximum(scores[numbers, photos.truth], 1e-12)) for scores in both
        )

    def best(rows: Flags) -> float:
        groups = [rows & photos.damaged, rows & ~photos.damaged]
        means = [losses[:, group].mean(axis=1) for group in groups if group.any()]
        return float(round(shares[int(np.argmin(np.mean(means, axis=0)))], 2))

    halves = [best(half) for half in (fitted, ~fitted) if half.any()]
    print(f"of the spread: {' and '.join(map(str, halves))} on the halves")
    return best(np.ones_like(fitted))


def normalised(scores: Floats) -> Floats:
    """Return the scores with each row scaled to a sum of 1."""
    return np.asarray(scores / np.maximum(scores.sum(axis=1, keepdims=True), 1e-300))

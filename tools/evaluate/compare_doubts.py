"""Compare what says that a photo is strange to the model, beside the score of the name.

``python -m tools.evaluate.compare_doubts LABELS.csv [MORE.csv ...]`` prints a row for each figure
of a photo's scores, logits or features (the layer before the logits). A logistic regression joins
the figure to the odds of the likeliest name, which its lookalikes have divided. It is fitted on
half of the kinds of animals and judged on the other, at most four photos of a kind.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from chalicelib.answer.decision import likeliest
from chalicelib.answer.lookalikes import doubted
from chalicelib.answer.ranking import fuse
from chalicelib.bootstrap import Services
from chalicelib.classifier.tflite import calibrate
from chalicelib.settings import Settings
from tools.evaluate.decisions import POOLED_PHOTOS
from tools.evaluate.labels import ClassFinder, LabelsError, labelled_photos, place_and_month
from tools.evaluate.metrics import Flags, Floats

ACTIVE: Final = 0.1
"""From this value on a feature is active."""

DIRECTIONS: Final = 300
"""So many directions hold most of what sets the classes apart."""

PLANE: Final = 2
"""The dimensions of a batch of vectors."""

PENALTY: Final = 0.002
"""Keeps the weights of the regression small; for each photo."""


class Outputs(NamedTuple):
    """What the network gives for one photo.

    ``weights`` are those of the last layer, a row for each class; ``outside`` are the directions
    that hardly set the classes apart.
    """

    logits: Floats
    features: Floats
    weights: Floats
    outside: Floats


class Network:
    """The model with its features, which are no output of the file."""

    def __init__(self, path: Path) -> None:
        self._interpreter: Any = Interpreter(
            model_path=str(path), experimental_preserve_all_tensors=True
        )
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        tensors = self._interpreter.get_tensor_details()
        (self._pooled,) = (
            one for one in tensors if "/pooled/" in one["name"] and one["shape"].size == PLANE
        )
        shape = [self._output["shape"][1], self._pooled["shape"][1]]
        self._matrix = next(one for one in tensors if one["shape"].tolist() == shape)

    def __call__(self, pixels: NDArray[Any]) -> Outputs:
        """Return the outputs for the pixels of one photo."""
        self._interpreter.set_tensor(
            self._input["index"], pixels[np.newaxis].astype(self._input["dtype"])
        )
        self._interpreter.invoke()
        logits, features = (
            self._interpreter.get_tensor(one["index"])[0].astype(np.float64)
            for one in (self._output, self._pooled)
        )
        return Outputs(logits, features, *self._last_layer)

    @cached_property
    def _last_layer(self) -> tuple[Floats, Floats]:
        weights = self._interpreter.get_tensor(self._matrix["index"]).astype(np.float64)
        centred = weights - weights.mean(axis=0)
        _, directions = np.linalg.eigh(centred.T @ centred)
        return weights, directions[:, :-DIRECTIONS]


def entropy(outputs: Outputs) -> float:
    """Return the entropy of the probabilities."""
    exponentials = np.exp(outputs.logits - outputs.logits.max())
    shares = exponentials / exponentials.sum()
    return float(-(shares * np.log(shares + 1e-12)).sum())


def residual(outputs: Outputs) -> float:
    """Return the length of the features outside the main directions of the classes' weights."""
    return float(np.linalg.norm(outputs.outside.T @ outputs.features))


def cosine(outputs: Outputs) -> float:
    """Return the cosine of the features and the nearest class's weights."""
    lengths = np.linalg.norm(outputs.weights, axis=1) * np.linalg.norm(outputs.features)
    return float((outputs.weights @ outputs.features / lengths).max())


FIGURES: Final[dict[str, Callable[[Outputs], float]]] = {
    "maximum logit": lambda outputs: float(outputs.logits.max()),
    "margin of the first to the second": lambda outputs: float(
        np.diff(np.sort(outputs.logits)[-2:])[0]
    ),
    "energy": lambda outputs: float(np.logaddexp.reduce(outputs.logits)),
    "entropy": entropy,
    "spread of the logits": lambda outputs: float(outputs.logits.std()),
    "features: length": lambda outputs: float(np.linalg.norm(outputs.features)),
    "features: sum": lambda outputs: float(outputs.features.sum()),
    "features: share that is active": lambda outputs: float((outputs.features > ACTIVE).mean()),
    "features: cosine to the nearest class": cosine,
    f"features: outside {DIRECTIONS} directions of the classes": residual,
}


class Photos(NamedTuple):
    """A row for each photo: log odds of its likeliest name, whether that is right, its figures."""

    odds: Floats
    is_right: Flags
    half: Flags
    figures: Floats


def read(labels: list[Path], services: Services) -> Photos:
    """Look once at each photo that has a place; raises ``LabelsError``."""
    model, bounds = services.classifier.model, services.identify.weight_bounds
    network = Network(services.settings.model_directory / model.card["file"])
    finder = ClassFinder(model.taxa)
    seen: Counter[str] = Counter()
    rows = []
    for table in labels:
        for row, truth in labelled_photos(table, finder, ("decimalLatitude",)):
            seen[truth.kind] += 1
            if seen[truth.kind] > POOLED_PHOTOS:
                continue
            photo = services.identify.photos.open((table.parent / row["file"]).read_bytes())
            outputs = network(photo.pixels(model.input_size, 1))
            card = model.card
            scores = calibrate(
                outputs.logits, card["output"]["kind"], card["calibration"]["temperature"]
            )
            place = services.places.look_up(*place_and_month(row))
            ranking, _ = fuse(scores, model, place, bounds)
            name = likeliest(ranking.animals.names, ranking.scores)
            if name is None:
                continue
            first = ranking.best_of(name.scientific_name)
            weights = ranking.lookalikes.weigh(
                first.taxon, first.geo_weight, model.thresholds.lookalikes
            )
            score = min(doubted(name.score, weights), 1 - 1e-6)
            is_own = name.scientific_name in {taxon.scientific_name for taxon in truth.classes}
            figures = [figure(outputs) for figure in FIGURES.values()]
            rows.append((np.log(score / (1 - score)), is_own, truth.kind, figures))
    odds, right, kinds, all_figures = zip(*rows, strict=True)
    order = {kind: number % 2 for number, kind in enumerate(sorted(set(kinds)))}
    return Photos(
        np.array(odds),
        np.array(right),
        np.array([bool(order[kind]) for kind in kinds]),
        np.array(all_figures),
    )


def fit(columns: Floats, is_right: Flags) -> Floats:
    """Return the weights of a logistic regression, by Newton's method."""
    weights = np.zeros(columns.shape[1])
    penalty = np.diag([PENALTY * len(columns)] * (columns.shape[1] - 1) + [1e-9])
    for _ in range(30):
        shares = 1 / (1 + np.exp(-columns @ weights))
        slope = columns.T @ (shares - is_right) + penalty @ weights
        curvature = (columns * (shares * (1 - shares))[:, np.newaxis]).T @ columns + penalty
        weights -= np.linalg.solve(curvature, slope)
    return weights


def held_out(photos: Photos, figure: Floats | None) -> tuple[float, float]:
    """Return loss and area under the curve, each half judged by the fit on the other."""
    columns = [photos.odds, np.ones(len(photos.odds))]
    if figure is not None:
        columns.insert(1, (figure - figure.mean()) / figure.std())
    table = np.stack(columns, axis=1)
    margins = np.zeros(len(table))
    for half in (photos.half, ~photos.half):
        margins[half] = table[half] @ fit(table[~half], photos.is_right[~half])
    signs = np.where(photos.is_right, 1, -1)
    ranks = margins.argsort().argsort()[photos.is_right]
    count = len(ranks)
    area = (ranks.sum() - count * (count - 1) / 2) / (count * (len(margins) - count))
    return float(np.logaddexp(0, -signs * margins).mean()), float(area)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="tables of labelled photos")
    arguments = parser.parse_args()
    photos = read(arguments.labels, Services.build(Settings.from_environment()))
    print(f"{len(photos.odds)} photos, {photos.is_right.mean():.0%} with the right name first\n")
    print("| beside the odds of the name | loss | area under the curve |\n|---|---|---|")
    print("| nothing | {:.3f} | {:.3f} |".format(*held_out(photos, None)))
    for name, figure in zip(FIGURES, photos.figures.T, strict=True):
        print("| {} | {:.3f} | {:.3f} |".format(name, *held_out(photos, figure)))


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

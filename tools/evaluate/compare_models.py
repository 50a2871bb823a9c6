"""Compare models, crops and resize filters by accuracy, size and time.

``python -m tools.evaluate.compare_models LABELS.csv build/efficientnet-lite0 MODEL``: the table has
a column ``classIndex`` and a place in each row, as a development set has. Each directory holds a
model with its description. Times are ratios to the first line, measured in turn in one run.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from msgspec.structs import replace
from tqdm import tqdm

from chalicelib.answer.ranking import fuse
from chalicelib.bootstrap import Services
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.domain import Coordinates, ModelInput, PlaceLookup, Scores
from chalicelib.ports import Photo
from chalicelib.settings import Settings
from tools.evaluate.labels import LabelsError, read_rows


@dataclass
class Contestant:
    """A model with one way to crop and scale its input, and its results."""

    name: str
    classifier: TfliteClassifier
    size: ModelInput
    megabytes: float
    alone: list[bool]
    together: list[bool]
    seconds: list[float]

    def classify(self, photo: Photo, orientation: int = 1) -> Scores:
        """Classify the photo and note the time that it takes."""
        pixels = photo.pixels(self.size, orientation)
        start = time.perf_counter()
        scores = self.classifier.classify(pixels)
        self.seconds.append(time.perf_counter() - start)
        return scores


def contestants(
    directories: list[Path],
    frames: list[str | None],
    crops: list[float | None],
    filters: list[str | None],
    threads: int,
) -> Iterator[Contestant]:
    """Yield each model with each crop and each filter; ``None`` means the model's own."""
    for directory in directories:
        classifier = TfliteClassifier(directory, threads)
        own = classifier.model.input_size
        megabytes = (directory / classifier.model.card["file"]).stat().st_size / 1e6
        for frame, crop, resample in product(frames, crops, filters):
            size = replace(
                own,
                frame=frame or own.frame,
                crop_fraction=crop or own.crop_fraction,
                resample=resample or own.resample,
            )
            variant = f"{size.frame} frame, {size.crop_fraction:.3f}, {size.resample}"
            name = f"{classifier.model.name}, {variant}"
            yield Contestant(name, classifier, size, megabytes, [], [], [])


def main() -> None:
    """Let every contestant classify every photo, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="labels.csv of a development set")
    parser.add_argument("models", type=Path, nargs="+", help="directories with a model.json")
    parser.add_argument("--frames", choices=["square", "whole"], nargs="+", default=[None])
    parser.add_argument("--crops", type=float, nargs="+", default=[None])
    parser.add_argument("--filters", nargs="+", default=[None])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    services = Services.build(Settings.from_environment())
    compared = list(
        contestants(
            arguments.models,
            arguments.frames,
            arguments.crops,
            arguments.filters,
            arguments.threads,
        )
    )
    rows = read_rows(
        arguments.labels, ("file", "classIndex", "decimalLatitude", "decimalLongitude")
    )
    for row in tqdm(rows, unit="photo", disable=None):
        content = (arguments.labels.parent / row["file"]).read_bytes()
        point = Coordinates(float(row["decimalLatitude"]), float(row["decimalLongitude"]))
        place = services.places.look_up(point, month=0)
        for contestant in compared:
            scores = contestant.classify(services.identify.photos.open(content))
            truth = contestant.classifier.model.taxa[int(row["classIndex"])]
            for geo, right in (
                (without_features(place), contestant.alone),
                (place, contestant.together),
            ):
                candidates, _ = fuse(
                    scores, contestant.classifier.model, geo, services.identify.weight_bounds
                )
                right.append(candidates[0].taxon == truth)
    print(f"{len(rows)} photos\n")
    print("| model, frame, crop, filter | MB | time | top-1 alone | top-1 with place |")
    print("|---|---|---|---|---|")
    for contestant in compared:
        ratio = median(contestant.seconds) / median(compared[0].seconds)
        print(
            f"| {contestant.name} | {contestant.megabytes:.1f} | {ratio:.2f} "
            f"| {sum(contestant.alone) / len(rows):.1%} "
            f"| {sum(contestant.together) / len(rows):.1%} |"
        )


def without_features(geo: PlaceLookup) -> PlaceLookup:
    """Return the place without its features, so that the answer ignores it."""
    return replace(geo, features=None)


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

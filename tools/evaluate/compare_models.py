"""Compare models, crops and resize filters by accuracy, size and time.

``python -m tools.evaluate.compare_models LABELS.csv build/efficientnet-lite0 MODEL`` with
the columns of ``tools.evaluate``. Each directory is a model with its description; times are
ratios to the first line, measured in turn in this one run.
"""

import argparse
import csv
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


@dataclass
class Contestant:
    """A model with one way to cut out and scale what it looks at, and how it has done."""

    name: str
    classifier: TfliteClassifier
    size: ModelInput
    megabytes: float
    alone: list[bool]
    together: list[bool]
    seconds: list[float]

    def look(self, photo: Photo, orientation: int = 1) -> Scores:
        """Classify, and note how long that took."""
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
    """Each model with each crop and each filter; ``None`` is the model's own."""
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
            shown = f"{size.frame} frame, {size.crop_fraction:.3f}, {size.resample}"
            name = f"{classifier.model.name}, {shown}"
            yield Contestant(name, classifier, size, megabytes, [], [], [])


def main() -> None:
    """Show every photo to every contestant, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("models", type=Path, nargs="+", help="directories with a model.json")
    parser.add_argument("--frames", choices=["square", "whole"], nargs="+", default=[None])
    parser.add_argument("--crops", type=float, nargs="+", default=[None])
    parser.add_argument("--filters", nargs="+", default=[None])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    services = Services.build(Settings.from_environment())
    found = list(
        contestants(
            arguments.models,
            arguments.frames,
            arguments.crops,
            arguments.filters,
            arguments.threads,
        )
    )
    with arguments.labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in tqdm(rows, unit="photo", disable=None):
        content = (arguments.labels.parent / row["file"]).read_bytes()
        point = Coordinates(float(row["decimalLatitude"]), float(row["decimalLongitude"]))
        place = services.places.look_up(point, month=0)
        for one in found:
            scores = one.look(services.identify.photos.open(content))
            truth = one.classifier.model.taxa[int(row["classIndex"])]
            for geo, right in ((without_features(place), one.alone), (place, one.together)):
                candidates, _ = fuse(
                    scores, one.classifier.model, geo, services.identify.weight_bounds
                )
                right.append(candidates[0].taxon == truth)
    print(f"{len(rows)} photos\n")
    print("| model, frame, crop, filter | MB | time | top-1 alone | with the place |")
    print("|---|---|---|---|---|")
    for one in found:
        ratio = median(one.seconds) / median(found[0].seconds)
        print(
            f"| {one.name} | {one.megabytes:.1f} | {ratio:.2f} "
            f"| {sum(one.alone) / len(rows):.1%} | {sum(one.together) / len(rows):.1%} |"
        )


def without_features(geo: PlaceLookup) -> PlaceLookup:
    """The same place, not to be used."""
    return replace(geo, features=None)


if __name__ == "__main__":
    main()

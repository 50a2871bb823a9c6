"""What comes after writing: occurrences, calibration, accuracy and speed."""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.domain import Pixels
from chalicelib.settings import Settings
from tools import ROOT
from tools.adopt.earlier import FEATURES
from tools.build.model_directory import write_card
from tools.evaluate.basis import LEAST_PHOTOS, minimum
from tools.evaluate.labels import read_rows

RUNS: Final = 15

Run = Callable[[Sequence[str], Path], int]
"""Runs a program of this project, for the model in a directory; returns its exit code."""


def run_program(arguments: Sequence[str], directory: Path) -> int:
    """Run a module of this project with the model of a directory, and let it print."""
    environment = {**os.environ, "RANGEFINDER_MODEL_DIRECTORY": str(directory)}
    # Else what it prints comes before what was printed here, where a file takes both.
    sys.stdout.flush()
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def import_occurrences(
    directory: Path, source: str, options: Sequence[str], run: Run = run_program
) -> bool:
    """Count occurrences of the model's animals into a file beside it; return whether it worked."""
    features = directory / FEATURES
    arguments = [
        "tools.occurrences.import_occurrences", source,
        "--model", str(directory), "--sqlite", str(features), *options,
    ]  # fmt: skip
    if run(arguments, directory) or not features.is_file():
        print(
            "The occurrences are not imported. Options of the import, such as --citation, go into "
            """OPTIONS='--import-options "--citation=... --covers=..."'"""
        )
        return False
    card = json.loads((directory / "model.json").read_bytes())
    write_card(directory, {**card, "features": FEATURES})
    return True


def calibrate(directory: Path, photos: Path, run: Run = run_program) -> bool:
    """Fit temperature and thresholds to labelled photos; return whether there were enough."""
    if (count := len(read_rows(photos))) < LEAST_PHOTOS:
        print(
            f"{count} photos are too few to calibrate, which takes at least "
            f"{minimum(_animals(directory))}, and as many to check: the scores stay as they are"
        )
        return False
    return run(["tools.evaluate.calibrate", str(photos), "--write"], directory) == 0


def _animals(directory: Path) -> int:
    rows = read_rows(directory / "labels.csv", ("taxonID",))
    return len({row["taxonID"] for row in rows if row["taxonID"]})


def evaluate(directory: Path, photos: Path, run: Run = run_program) -> bool:
    """Measure top-1 and decisions, with and without the place; return whether it worked."""
    return run(["tools.evaluate", str(photos)], directory) == 0


def milliseconds(directory: Path) -> float:
    """Return how long the service's own classifier takes for a picture: the median.

    Raises ``ModelUnavailable`` if the service could not load the model either.
    """
    classifier = TfliteClassifier(directory, os.cpu_count() or 1)
    classifier.load()
    size = classifier.model.input_size
    generator = np.random.default_rng(0)
    pixels: Pixels = generator.integers(0, 256, (size.height, size.width, 3)).astype(np.uint8)
    taken = []
    for _ in range(RUNS):
        start = time.perf_counter()
        classifier.classify(pixels)
        taken.append(time.perf_counter() - start)
    return 1000 * statistics.median(taken)


def speed(directory: Path) -> str:
    """Return how long a picture takes, beside the model that ships."""
    own, default = milliseconds(directory), milliseconds(Settings().model_directory)
    return f"{own:.1f} ms for a picture on this machine; the model that ships takes {default:.1f}"

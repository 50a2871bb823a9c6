"""Test ``tools.evaluate.calibrate`` on tables of labelled photos, in a process of its own."""

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from tests.pictures import jpeg
from tests.samples import SAMPLES
from tools import ROOT

Calibrate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def model(tmp_path) -> Path:
    """A copy of the shipped model whose thresholds nobody has chosen by hand."""
    directory = Settings().model_directory
    copy: Path = tmp_path / "model"
    copy.mkdir()
    for path in directory.iterdir():
        if path.suffix in (".csv", ".json"):
            shutil.copy(path, copy)
        else:
            (copy / path.name).symlink_to(path)
    card = json.loads((copy / "model.json").read_bytes())
    for name in ("namedByGeography", "rolledUpByRank", "notLivingHere"):
        del card["decision"][name]
    (copy / "model.json").write_text(json.dumps(card))
    return copy


@pytest.fixture
def calibrate(model) -> Calibrate:
    """A function that runs the program on the copy of the model."""

    def run(labels: Path, *options: str) -> subprocess.CompletedProcess[str]:
        chosen = {"RANGEFINDER_MODEL_DIRECTORY": str(model), "RANGEFINDER_LOOKS": "1"}
        return subprocess.run(
            [sys.executable, "-m", "tools.evaluate.calibrate", str(labels), *options],
            cwd=ROOT, env={**os.environ, **chosen}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def photos(directory: Path) -> list[str]:
    names = ["jaguar.jpg", "koala.jpg", "giant-panda.jpg"]
    for name in names:
        (directory / name).write_bytes(SAMPLES[name].content)
    return names


def table(path: Path, rows: Sequence[Mapping[str, object]], encoding: str = "utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_table_of_a_few_photos_is_fitted_with_a_warning(tmp_path, calibrate):
    """It needs a file and a label; a byte order mark does not matter. Places come from EXIF."""
    rows = [{"file": name, "taxonID": SAMPLES[name].taxon_id} for name in photos(tmp_path)]
    done = calibrate(table(tmp_path / "labels.csv", rows, "utf-8-sig"))
    assert done.returncode == 0, done.stderr
    assert "fitted on: 2 photos" in done.stdout
    assert "held out, all: 1 photos" in done.stdout
    assert "warning: 2 photos of 2 classes are too few: from 200 photos of" in done.stderr
    assert " nan" not in done.stdout


def test_too_few_photos_are_not_written(tmp_path, calibrate, model):
    """The model's description stays as it is."""
    before = (model / "model.json").read_bytes()
    rows = [{"file": name, "taxonID": SAMPLES[name].taxon_id} for name in photos(tmp_path)]
    done = calibrate(table(tmp_path / "labels.csv", rows), "--write")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Nothing is written: 2 photos of 2 classes are too few")
    assert (model / "model.json").read_bytes() == before


def test_the_provenance_is_that_of_the_given_photos(tmp_path, calibrate, model):
    """Their number, their classes and the name of the table; its path may name people."""
    directory = tmp_path / "alice"
    directory.mkdir()
    (directory / "a.jpg").write_bytes(jpeg((90, 120, 60)))
    rows = [
        {"file": "a.jpg", "classIndex": number % 20, "half": "fit", "decimalLatitude": "",
         "decimalLongitude": ""}
        for number in range(200)
    ]  # fmt: skip
    rows[0] |= {"decimalLatitude": -17.36, "decimalLongitude": -56.78}
    done = calibrate(table(directory / "my birds.csv", rows), "--write")
    assert done.returncode == 0, done.stderr
    card = json.loads((model / "model.json").read_bytes())
    origin = "200 photos of 20 classes in my birds.csv (1 with a place)"
    assert f"on {origin}" in card["calibration"]["provenance"]
    assert f"on {origin}" in card["decision"]["provenance"]
    assert "alice" not in json.dumps(card)
    assert "imagenet" not in card["calibration"]["provenance"]
    assert 0.05 <= card["calibration"]["temperature"] <= 5
    # What the photos do not tell stays.
    assert "lookalikes" in card["decision"]
    assert card["secondLooks"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("photo,classIndex\na.jpg,1\n", "labels.csv has no column file"),
        ("file,place\na.jpg,here\n", "it needs a column classIndex or taxonID or scientificName"),
        ("file,classIndex\nmissing.jpg,1\n", "no row can be used"),
        ("file,classIndex\n", "no row can be used"),
        ("file,scientificName\njaguar.jpg,Yeti yeti\n", "no row can be used"),
        (
            "file,classIndex,half\njaguar.jpg,290,report\n",
            "The table has no photo in the half that is fitted",
        ),
        (
            "file,scientificName\njaguar.jpg,Canis familiaris\n",
            "no row can be used",
        ),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_used_is_one_line(tmp_path, calibrate, content, fault):
    """Not a traceback, and never NaN."""
    photos(tmp_path)
    labels = tmp_path / "labels.csv"
    labels.write_text(content)
    done = calibrate(labels, "--write")
    assert done.returncode == 2
    assert fault in done.stderr.splitlines()[-1]
    assert "and no column file" not in done.stderr
    assert "Traceback" not in done.stderr
    assert " nan" not in done.stdout


def test_rows_that_cannot_be_used_are_named(tmp_path, calibrate):
    """And left out: a label of many classes, a damaged photo, a place that is none."""
    photos(tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    rows: list[dict[str, object]] = [
        {"file": "jaguar.jpg", "scientificName": "Panthera onca"},
        {"file": "koala.jpg", "scientificName": "Canis familiaris"},
        {"file": "broken.jpg", "scientificName": "Panthera onca"},
        {"file": "koala.jpg", "scientificName": "Panthera onca", "decimalLatitude": "here"},
    ]
    columns = {"decimalLatitude": "", "decimalLongitude": ""}
    done = calibrate(table(tmp_path / "labels.csv", [{**columns, **row} for row in rows]))
    assert done.returncode == 0, done.stderr
    assert "fitted on: 1 photos" in done.stdout
    for start in ("row 3 (koala.jpg): the label stands for ", "row 4 (broken.jpg): ",
                  "row 5 (koala.jpg): "):  # fmt: skip
        assert any(line.startswith(start) for line in done.stderr.splitlines()), done.stderr

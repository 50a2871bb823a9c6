"""An adopted model learns where its animals live, and what its scores mean, in the same command."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates, GeoStatus
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tests import occurrences
from tests.taxonomy import write_taxonomy
from tools import ROOT
from tools.evaluate.basis import LEAST_PHOTOS

if sys.version_info < (3, 12):
    pytest.skip("the model is written by ai_edge_litert", allow_module_level=True)

CHURCHILL = {"decimalLatitude": 58.76, "decimalLongitude": -94.16}
YOSEMITE = {"decimalLatitude": 37.86, "decimalLongitude": -119.54}
BEARS = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Mammalia", "order": "Carnivora",
         "family": "Ursidae", "genus": "Ursus"}  # fmt: skip
POLAR = {**BEARS, "species": "Ursus maritimus"}
OLD_BLACK = {**BEARS, "genus": "Euarctos", "species": "Euarctos americanus"}
LABELS = "Ursus maritimus (Polar Bear)\nEuarctos americanus (Black Bear)\nbackground\n"


def adopt(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command as make does."""
    from tests.tiny_model import Form, build  # noqa: PLC0415

    if not (folder / "bears.tflite").exists():
        form = Form(
            last="SOFTMAX", stored="UINT8", weights=np.array([[1.0] * 3, [-1.0] * 3, [0] * 3])
        )
        (folder / "bears.tflite").write_bytes(build(32, form))
        (folder / "labels.txt").write_text(LABELS, encoding="utf-8")
        (folder / "reviewed.csv").write_text(
            'label,decision\n"Euarctos americanus (Black Bear)",Ursus americanus\n'
        )
        write_taxonomy(folder / "taxonomy")
    return subprocess.run(
        [
            sys.executable, "-m", "tools.adopt", str(folder / "bears.tflite"),
            "--labels", str(folder / "labels.txt"), "--reviewed", str(folder / "reviewed.csv"),
            "--taxonomy", str(folder / "taxonomy"), "--into", str(folder / "bears"), *options,
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
    )  # fmt: skip


def records(folder: Path) -> Path:
    """Polar bears at Churchill; black bears in Yosemite, under the label's own name."""
    return occurrences.simple_csv(
        folder / "records.csv",
        [
            *(occurrences.seen(POLAR, CHURCHILL, f"p{n}", "2024-07-01") for n in range(5)),
            *(occurrences.seen(OLD_BLACK, YOSEMITE, f"b{n}", "2024-07-01") for n in range(5)),
        ],
    )


def test_the_place_tells_the_bears_apart(tmp_path: Path):
    """Records match under the accepted name and under the label's own."""
    source = records(tmp_path)
    done = adopt(tmp_path, "--occurrences", str(source), "--import-options", "--citation nobody")
    assert done.returncode == 0, done.stderr
    assert "10 records match 2 of 2 classes" in done.stdout
    card = json.loads((tmp_path / "bears" / "model.json").read_bytes())
    assert card["features"] == "features.sqlite"
    grey = tmp_path / "grey.png"
    Image.new("RGB", (64, 64), (128, 128, 128)).save(grey)
    services = Services.build(replace(Settings(), model_directory=tmp_path / "bears"))
    for place, name in ((CHURCHILL, "Ursus maritimus"), (YOSEMITE, "Ursus americanus")):
        point = Coordinates(place["decimalLatitude"], place["decimalLongitude"])
        answer = services.identify(IdentifyRequest(grey.read_bytes(), coordinates=point))
        assert answer.geo.status is GeoStatus.APPLIED
        assert answer.candidates[0].taxon.scientific_name == name
        assert answer.candidates[0].geo_weight > 1
        assert answer.candidates[1].geo_weight < answer.candidates[0].geo_weight


def test_an_import_that_fails_is_told_and_the_model_stays(tmp_path: Path):
    """The directory serves without a place of its own."""
    done = adopt(tmp_path, "--occurrences", str(tmp_path / "none.csv"))
    assert done.returncode == 1
    assert "none.csv does not exist" in done.stderr
    assert "such as --citation, go into OPTIONS='--import-options" in done.stdout
    assert "features" not in json.loads((tmp_path / "bears" / "model.json").read_bytes())


def test_photos_are_measured_and_too_few_fit_nothing(tmp_path: Path):
    """The card still says that the scores are not calibrated."""
    lines = ["file,scientificName"]
    for number in range(6):
        brightness, name = ((220, "Ursus maritimus"), (30, "Euarctos americanus"))[number % 2]
        Image.new("RGB", (64, 64), (brightness,) * 3).save(tmp_path / f"{number}.png")
        lines.append(f"{number}.png,{name}")
    table = tmp_path / "photos.csv"
    table.write_text("\n".join(lines))
    done = adopt(tmp_path, "--photos", str(table))
    assert done.returncode == 0, done.stderr
    assert (
        f"6 photos are too few to calibrate, which takes at least {LEAST_PHOTOS} photos of "
        "2 classes (all that the model has), and as many to check"
    ) in done.stdout
    assert done.stdout.index("top-1") < done.stdout.index("ms for a picture")
    card = json.loads((tmp_path / "bears" / "model.json").read_bytes())
    assert card["calibration"]["method"] == "none"
    assert card["decision"]["provenance"].startswith("Not fitted")


def grey_photos(folder: Path, halves: Iterable[str]) -> Path:
    """A table of photos of both bears in turn; ``halves`` has the half of each, or nothing."""
    lines = ["file,scientificName,half"]
    for number, half in enumerate(halves):
        name = ("Ursus maritimus", "Ursus americanus")[number % 2]
        Image.new("RGB", (8, 8), ((140, 110)[number % 2],) * 3).save(folder / f"{number}.png")
        lines.append(f"{number}.png,{name},{half}")
    table = folder / "my-photos.csv"
    table.write_text("\n".join(lines))
    return table


def test_photos_of_few_animals_fit_nothing(tmp_path: Path):
    """They would fit these, and not the model."""
    table = grey_photos(tmp_path, ["fit", "report"] * LEAST_PHOTOS)
    done = adopt(tmp_path, "--photos", str(table))
    assert done.returncode == 0, done.stderr
    told = f"photos of 1 classes are too few: from {LEAST_PHOTOS} photos of 2 classes (all that the"
    assert told in done.stderr
    card = json.loads((tmp_path / "bears" / "model.json").read_bytes())
    assert card["calibration"]["method"] == "none"


def test_a_model_of_few_animals_is_calibrated_on_all_of_them(tmp_path: Path):
    """Every second photo of each is checked, and the provenance says how few there are."""
    table = grey_photos(tmp_path, [""] * (2 * LEAST_PHOTOS))
    done = adopt(tmp_path, "--photos", str(table))
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "bears" / "model.json").read_bytes())
    assert card["calibration"]["method"] == "temperature"
    assert (
        f"on {LEAST_PHOTOS} photos of 2 classes in my-photos.csv (none with a place, "
        "the model has 2 animals)"
    ) in card["calibration"]["provenance"]

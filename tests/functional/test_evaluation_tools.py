"""The programs that measure, as a developer runs them: on files, in a process of their own."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from chalicelib.settings import Settings
from tests.samples import SAMPLES
from tools import ROOT

FIVE = ("giant-panda.jpg", "koala.jpg", "polar-bear.jpg", "jaguar.jpg", "bison.jpg")


EVALUATE = ""


def run(tool: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a module of ``tools.evaluate``; no name is the program itself."""
    module = ".".join(("tools.evaluate", tool)).rstrip(".")
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def write_labels(target: Path, rows: list[dict[str, object]]) -> Path:
    columns = dict.fromkeys(column for row in rows for column in row)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return target


@pytest.fixture(name="development_set", scope="module")
def make_development_set(tmp_path_factory) -> Path:
    """A small one, of five samples."""
    photos = tmp_path_factory.mktemp("photos")
    for name in FIVE:
        sample = SAMPLES[name]
        (photos / f"{sample.taxon_id}_{name}").write_bytes(sample.content)
    out: Path = tmp_path_factory.mktemp("set")
    made = run("make_development_set", photos, out, "--draws", 1)
    assert made.returncode == 0, made.stderr
    return out


def test_an_evaluation_prints_and_writes_its_figures(tmp_path):
    """With and without the place, by name or by class, rows that fail listed and left out."""
    directory = ROOT / "samples"
    labels = write_labels(
        tmp_path / "labels.csv",
        [
            {"file": directory / "jaguar.jpg", "scientificName": "Felis onca",
             "decimalLatitude": -17.36, "decimalLongitude": -56.78, "eventDate": "2024-08-19"},
            {"file": directory / "polar-bear.jpg", "scientificName": "Ursus maritimus"},
            {"file": directory / "german-shepherd.jpg", "scientificName": "Canis familiaris"},
            {"file": directory / "sheep-without-gps.jpg", "scientificName": "Ovis aries"},
            {"file": directory / "missing.jpg", "scientificName": "Ovis aries"},
            {"file": directory / "jaguar.jpg", "scientificName": "Yeti yeti"},
            {"file": directory / "jaguar.jpg", "classIndex": 999},
            {"file": directory / "jaguar.jpg", "scientificName": "Panthera onca",
             "decimalLatitude": "here", "decimalLongitude": "there"},
        ],
    )  # fmt: skip
    done = run(EVALUATE, labels, "--json", tmp_path / "r.json", "--plots", tmp_path / "plots")
    assert done.returncode == 0, done.stderr
    for number, fault in ((6, "missing.jpg"), (7, "'Yeti yeti'"), (8, "999"), (9, "'here'")):
        assert any(
            line.startswith(f"row {number} ") and fault in line for line in done.stderr.splitlines()
        ), done.stderr
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["photos"] == 4
    # The polar bear's EXIF has a place; the sheep has none at all.
    assert result["accuracy"]["placed"]["photos"] == 3
    assert result["accuracy"]["placed, with a range"]["photos"] == 2
    assert result["accuracy"]["all"]["alone"]["top1"]["value"] == 1.0
    assert "together" not in result["accuracy"]["all"]
    assert result["accuracy"]["placed"]["together"]["brierScore"]["value"] < 0.5
    assert result["decisions"]["species"]["precision"]["value"] == 1.0
    assert set(result["groups"]["continent"]) == {"South America", "North America", "Europe"}
    assert "picture and place" in done.stdout
    for name in ("reliability.png", "regions.png"):
        with Image.open(tmp_path / "plots" / name) as picture:
            assert picture.width > 300


def test_an_evaluation_of_some_rows(development_set):
    """One condition on a column, or several; the tables by a column and by continent."""
    done = run(
        EVALUATE, development_set / "labels.csv", "--by", "damage",
        "--only", "damage!=none", "--only", "half=fit", "--cluster", "classIndex",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all: 18 photos" in done.stdout
    assert "occluded" in done.stdout
    assert "  none " not in done.stdout


def test_an_evaluation_without_any_row_that_can_be_read_fails(tmp_path):
    """Rather than print a table of nothing."""
    labels = write_labels(tmp_path / "labels.csv", [{"file": "none.jpg", "classIndex": 1}])
    done = run(EVALUATE, labels)
    assert done.returncode == 1
    assert "none.jpg" in done.stderr


def test_the_table_of_the_samples_can_be_evaluated_as_it_is(tmp_path):
    """Its taxonID is the truth. One photo shows no animal: a line says so, and it is left out."""
    samples = ROOT / "samples" / "samples.csv"
    result_file = tmp_path / "a directory" / "result.json"
    done = run(EVALUATE, samples, "--json", result_file)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("row "))
    assert line.startswith("row 19 (trees-without-animal.jpg): the row names no animal")
    result = json.loads(result_file.read_text())
    assert result["photos"] == 17
    assert result["accuracy"]["placed"]["together"]["top1"]["value"] == 1.0


def test_a_label_is_found_in_its_column(tmp_path):
    """By taxonID, also in a directory whose name has spaces; what is unknown is a line each."""
    directory = tmp_path / "my photos"
    directory.mkdir()
    (directory / "a jaguar.jpg").write_bytes(SAMPLES["jaguar.jpg"].content)
    labels = write_labels(
        directory / "my labels.csv",
        [
            {"file": "a jaguar.jpg", "taxonID": "n02128925", "scientificName": "ignored"},
            {"file": "a jaguar.jpg", "taxonID": "n00000000"},
            {"file": "a jaguar.jpg", "taxonID": "n02128925", "eventDate": "last May"},
            {"file": "", "taxonID": "n02128925"},
        ],
    )
    done = run(EVALUATE, labels)
    assert done.returncode == 0, done.stderr
    assert "all: 1 photos" in done.stdout
    for fault in (
        "row 3 (a jaguar.jpg): no animal of the model has the taxonID 'n00000000'",
        "row 4 (a jaguar.jpg): eventDate is not an ISO 8601 date: 'last May'",
        "row 5 (): the row names no file",
    ):
        assert fault in done.stderr.splitlines()


def test_an_animal_that_the_model_lacks_counts_by_its_wider_names(tmp_path):
    """Its lineage may stand in one column or in several; without any, the row is left out."""
    directory = ROOT / "samples"
    labels = write_labels(
        tmp_path / "labels.csv",
        [
            {"file": directory / "jaguar.jpg", "taxa": "Panthera onca|Panthera|Felidae|Mammalia"},
            # The photos stand for animals that look like these.
            {"file": directory / "jaguar.jpg", "taxa": "Panthera yeti|Panthera", "kind": "yeti"},
            {"file": directory / "koala.jpg", "scientificName": "Vombatus yeti",
             "order": "Diprotodontia", "class": "Mammalia"},
            {"file": directory / "koala.jpg", "scientificName": "Vombatus yeti"},
        ],
    )  # fmt: skip
    done = run(EVALUATE, labels, "--json", tmp_path / "r.json", "--unlisted-share", 0.25)
    assert done.returncode == 0, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("row "))
    assert line.startswith("row 5 ")
    assert "'Vombatus yeti'" in line
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["photos"] == 1
    names = result["names"]
    assert names["listed, range"]["own"]["value"] == 1.0
    assert names["unlisted"]["photos"] == 2
    assert names["unlisted"]["wrong"]["value"] == 1.0
    assert names["mixed, 25% unlisted"]["wrong"]["value"] == 0.25
    assert "mixed, 25% unlisted" in done.stdout


def test_a_table_of_unlisted_animals_alone_can_be_evaluated(tmp_path):
    """There is no accuracy without a class, but there are right and wrong names."""
    row = {"file": ROOT / "samples" / "koala.jpg", "taxa": "Vombatus yeti|Mammalia"}
    labels = write_labels(tmp_path / "labels.csv", [row])
    done = run(EVALUATE, labels, "--plots", tmp_path / "plots", "--json", tmp_path / "r.json")
    assert done.returncode == 0, done.stderr
    assert "unlisted, at most 4 a kind" in done.stdout
    assert "accuracy" not in json.loads((tmp_path / "r.json").read_text())


@pytest.mark.parametrize(
    ("content", "arguments", "fault"),
    [
        (None, (), "does not exist"),
        ("photo,taxonID\n", (), "has no column file"),
        ("file,place\njaguar.jpg,here\n", (), "classIndex or taxonID or scientificName"),
        ("file,taxonID\n", ("--by", "damage"), "has no column damage"),
        ("file,taxonID\n", ("--only", "damage"), "COLUMN=VALUE"),
        ("file,taxonID\n", (), "no row can be used"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(content, arguments, fault, tmp_path):
    """Not a traceback."""
    labels = tmp_path / "my labels.csv"
    if content is not None:
        labels.write_text(content)
    done = run(EVALUATE, labels, *arguments)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert fault in done.stderr.splitlines()[-1]


def test_an_evaluation_without_a_table_says_how_to_name_one():
    """As ``make evaluate`` without LABELS calls it."""
    for arguments in ((), ("",)):
        done = run(EVALUATE, *arguments)
        assert done.returncode == 2
        assert done.stderr.strip() == (
            "Name the table of labelled photos: make evaluate LABELS=file.csv"
        )


def test_the_help_names_the_columns():
    """The ones of the truth, and the ones of the place."""
    text = run(EVALUATE, "--help").stdout
    for column in ("file", "taxonID", "scientificName", "classIndex", "decimalLatitude"):
        assert column in text


def test_a_development_set_is_the_same_each_time(development_set, tmp_path):
    """Seeded: what one reports, another can check. Each animal is put where it lives."""
    photos = tmp_path / "photos"
    photos.mkdir()
    sample = SAMPLES["koala.jpg"]
    (photos / f"{sample.taxon_id}_koala.jpg").write_bytes(sample.content)
    again = tmp_path / "again"
    assert run("make_development_set", photos, again, "--draws", 1).returncode == 0
    names = sorted(path.name for path in again.glob("*.jpg"))
    assert len(names) == 7
    for name in names:
        assert (again / name).read_bytes() == (development_set / name).read_bytes()
    with (again / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["damage"] for row in rows} == {
        "none", "small", "blurred", "dark", "compressed", "occluded", "distant",
    }  # fmt: skip
    assert -39 < float(rows[0]["decimalLatitude"]) < -9
    assert 135 < float(rows[0]["decimalLongitude"]) < 155


def test_rules_and_models_are_compared_and_scores_calibrated_on_a_development_set(development_set):
    """The table has each rule; calibration reports and, unless told to, writes nothing."""
    compared = run("compare_fusion", development_set / "labels.csv")
    assert compared.returncode == 0, compared.stderr
    assert "| no place | " in compared.stdout
    assert "| ours, 0.1 to 10 | " in compared.stdout
    models = run(
        "compare_models", development_set / "labels.csv", Settings().model_directory,
        "--crops", 0.875, 1.0,
    )  # fmt: skip
    assert models.returncode == 0, models.stderr
    assert "| efficientnet-lite2, square frame, 0.875, bilinear | 12.2 | 1.00 |" in models.stdout
    assert "| efficientnet-lite2, square frame, 1.000, bilinear | 12.2 |" in models.stdout
    decided = run("compare_decisions", development_set / "labels.csv")
    assert decided.returncode == 0, decided.stderr
    assert "30 damaged photos" in decided.stdout
    assert "| named 0.77, roll-up 0.94 of both | " in decided.stdout
    assert "| the model's thresholds | " in decided.stdout
    card = Settings().model_directory / "model.json"
    before = card.read_bytes()
    calibrated = run("calibrate", development_set / "labels.csv")
    assert calibrated.returncode == 0, calibrated.stderr
    assert "held out, damaged" in calibrated.stdout
    assert card.read_bytes() == before

"""Files of a model that do not fit together are one error: the model is unavailable."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.errors import ModelUnavailable
from chalicelib.settings import Settings

USUAL = Settings().model_directory
CARD = json.loads((USUAL / "model.json").read_bytes())
LABELS = (USUAL / CARD["labels"]).read_text(encoding="utf-8")


def write(directory: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """Write a model's files, with a change of its card."""
    card = json.loads(json.dumps(CARD))
    change(card)
    (directory / "model.json").write_text(json.dumps(card))
    (directory / CARD["labels"]).write_text(LABELS, encoding="utf-8")
    for member in ("file", "lookalikes"):
        (directory / CARD[member]).symlink_to(USUAL / CARD[member])
    return directory


def load(directory: Path) -> None:
    TfliteClassifier(directory, threads=1).load()


def test_files_that_fit_together_are_loaded(tmp_path):
    """So what the other tests change is what is refused."""
    load(write(tmp_path))


@pytest.mark.parametrize(
    "change",
    [
        lambda card: card.pop("name"),
        lambda card: card.pop("labels"),
        lambda card: card.pop("file"),
        lambda card: card.update(input=[260, 260]),
        lambda card: card.update(file=None),
        lambda card: card.pop("input"),
        lambda card: card["input"].pop("resample"),
        lambda card: card["decision"].pop("rolledUp"),
        lambda card: card.update(labels="missing.csv"),
        lambda card: card.update(lookalikes="missing.csv"),
        lambda card: card.update(file="missing.tflite"),
        lambda card: card["input"].update(width=CARD["input"]["width"] + 1),
        lambda card: card["input"].update(height=CARD["input"]["height"] + 1),
    ],
    ids=[
        "name", "labels", "file", "list", "null", "input", "resample", "rolledUp", "no labels",
        "no lookalikes", "no file", "width", "height",
    ],
)  # fmt: skip
def test_a_card_that_does_not_fit_is_refused(tmp_path, change):
    """It lacks a member, names a missing file, or has another size than the model."""
    with pytest.raises(ModelUnavailable):
        load(write(tmp_path, change))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("input.resample", "linear"),
        ("input.frame", "round"),
        ("input.layout", "NCHW"),
        ("input.cropFraction", 0),
        ("input.cropFraction", 87.5),
        ("input.width", "260"),
        ("input.width", 0),
        ("input.height", 5_000),
        ("input.mean", [127.5]),
        ("input.standardDeviation", [0, 0, 0]),
        ("output.kind", "softmax"),
        ("calibration.temperature", 0),
        ("calibration.temperature", -1),
        ("decision.named", 80),
        ("decision.named", True),
        ("decision.notAnAnimal", 0.9),
        ("decision.rolledUpByRank", {"tribe": 0.9}),
        ("decision.lookalikes", {"close": -1, "loose": 0}),
        ("decision.lookalikes", {"close": 1e7, "loose": 0}),
        ("secondLooks.views", [{"side": 0, "across": 0, "down": 0}]),
        ("speciality", {"taxonRank": "kingdom", "scientificName": "Animalia"}),
    ],
)
def test_a_value_that_would_give_wrong_animals_is_refused(tmp_path, member, value):
    """The error names the member, so that a person finds it."""
    *parents, last = member.split(".")

    def change(card: dict[str, Any]) -> None:
        for parent in parents:
            card = card[parent]
        card[last] = value

    with pytest.raises(ModelUnavailable, match=rf"invalid.*\b{last}\b"):
        load(write(tmp_path, change))


def test_files_with_a_byte_order_mark_are_read(tmp_path):
    """As Windows' editors write them."""
    write(tmp_path)
    for name in ("model.json", CARD["labels"]):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
    (tmp_path / CARD["lookalikes"]).unlink()
    lookalikes = (USUAL / CARD["lookalikes"]).read_bytes()
    (tmp_path / CARD["lookalikes"]).write_bytes(b"\xef\xbb\xbf" + lookalikes)
    load(tmp_path)


@pytest.mark.parametrize("rows", [1, 0])
def test_a_model_without_a_choice_is_refused(tmp_path, rows):
    """One class is sure of everything."""
    write(tmp_path)
    labels = "\n".join(LABELS.splitlines()[: rows + 1])
    (tmp_path / CARD["labels"]).write_text(labels, encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="invalid: a model needs at least two classes"):
        load(tmp_path)


def test_a_model_without_an_animal_is_refused(tmp_path):
    """It could name nothing."""
    write(tmp_path)
    header, *rows = LABELS.splitlines()
    rest = "," * (header.count(",") - 2)
    labels = [header, *(f"{number},,thing{rest}" for number in range(len(rows)))]
    (tmp_path / CARD["labels"]).write_text("\n".join(labels), encoding="utf-8")
    with pytest.raises(ModelUnavailable, match="no class is an animal"):
        load(tmp_path)


def test_an_animal_without_a_vernacular_name_has_its_scientific_one(tmp_path):
    """An answer without a name would say nothing."""
    write(tmp_path)
    labels = LABELS.replace(",tench,", ",,")
    (tmp_path / CARD["labels"]).write_text(labels, encoding="utf-8")
    taxon = TfliteClassifier(tmp_path, threads=1).model.taxa[0]
    assert taxon is not None
    assert taxon.vernacular_name == taxon.scientific_name == "Tinca tinca"


def test_an_error_names_no_directory(tmp_path):
    """Anyone may read it at ``/readyz``."""
    write(tmp_path)
    for missing in (CARD["file"], CARD["lookalikes"], CARD["labels"], "model.json"):
        (tmp_path / missing).unlink()
        with pytest.raises(ModelUnavailable) as raised:
            load(tmp_path)
        assert missing in str(raised.value)
        assert str(tmp_path) not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe"])
def test_a_card_that_is_no_json_is_refused(tmp_path, content):
    """It is missing, empty, cut off or no text."""
    write(tmp_path)
    (tmp_path / "model.json").unlink()
    if content is not None:
        (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelUnavailable, match=r"model.json cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    "labels",
    [
        "",
        "\n".join(LABELS.splitlines()[:-1]),
        "\n".join([*LABELS.splitlines()[:5], *LABELS.splitlines()[6:]]),
        "\n".join([LABELS.splitlines()[0], *LABELS.splitlines()[:0:-1]]),
        LABELS.replace("range", "planet"),
        LABELS.replace("classIndex", "class"),
        LABELS.replace("taxonID", "id"),
        LABELS.replace("vernacularName", "name"),
        LABELS.replace("geography", "kind"),
        LABELS + "1000,too,few\n",
    ],
    ids=[
        "empty",
        "one less",
        "a gap",
        "another order",
        "geography",
        "header",
        "taxonID",
        "vernacularName",
        "kind",
        "columns",
    ],
)
def test_labels_that_do_not_fit_are_refused(tmp_path, labels):
    """Names would stand beside the scores of other animals."""
    write(tmp_path)
    (tmp_path / CARD["labels"]).write_text(labels, encoding="utf-8")
    with pytest.raises(ModelUnavailable):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"TFL3", b"no model" * 100])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    """The interpreter's own error does not reach the caller."""
    write(tmp_path)
    (tmp_path / CARD["file"]).unlink()
    (tmp_path / CARD["file"]).write_bytes(content)
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        load(tmp_path)


def test_a_model_that_could_not_be_loaded_is_tried_again(tmp_path):
    """A deployment that is repaired needs no new environment."""
    write(tmp_path)
    classifier = TfliteClassifier(tmp_path, threads=1)
    (tmp_path / "model.json").rename(tmp_path / "away")
    with pytest.raises(ModelUnavailable):
        classifier.load()
    (tmp_path / "away").rename(tmp_path / "model.json")
    classifier.load()

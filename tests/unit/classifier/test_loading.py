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
        LABELS + "1000,too,few\n",
    ],
    ids=["empty", "one less", "a gap", "another order", "geography", "header", "columns"],
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

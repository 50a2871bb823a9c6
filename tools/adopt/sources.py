"""Find the model's file, its labels, and what is known of where it comes from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from tools.adopt.findings import AdoptionError
from tools.adopt.labels import Labels, from_names, read_file, read_text
from tools.adopt.metadata import Metadata
from tools.fetch_model.places import FETCHED, ORIGIN

BESIDE: Final = ("labels.txt", "labels.csv", "metadata.yaml", "metadata.json", "class_labels.txt")


class Files(NamedTuple):
    """The model's file, the labels' if it has its own, and what the catalogue says."""

    model: Path
    labels: Path | None
    origin: Mapping[str, Any]


def find_files(model: Path | None, labels: Path | None, name: str | None) -> Files:
    """Return the files that are meant; without a model, those fetched under the name.

    Raises ``AdoptionError``.
    """
    if model is None:
        directory = FETCHED / (name or "")
        if not name or not (directory / ORIGIN).is_file():
            raise AdoptionError(
                "Name the model: make adopt MODEL=birds.tflite LABELS=labels.txt, or first "
                "make fetch-model NAME=inat-birds and then make adopt NAME=inat-birds"
            )
        origin = json.loads((directory / ORIGIN).read_bytes())
        return Files(directory / origin["model"], labels or directory / origin["labels"], origin)
    if not model.is_file():
        raise AdoptionError(f"{model} does not exist, or is not a file")
    path = model.parent / ORIGIN
    origin = json.loads(path.read_bytes()) if path.is_file() else {}
    if origin.get("model") != model.name:
        return Files(model, labels, {})
    return Files(model, labels or model.parent / origin["labels"], origin)


def find_labels(files: Files, metadata: Metadata, classes: int) -> tuple[Labels, str]:
    """Return the labels, and who says so. Raises ``AdoptionError`` if there are none."""
    if files.labels:
        return read_file(files.labels), str(files.labels.name)
    if metadata.ultralytics:
        return from_names(metadata.ultralytics["names"], files.model.name), "the file's metadata"
    # Without a locale comes first, then English.
    order = sorted(metadata.label_files, key=lambda file: (file.locale != "", file.locale != "en"))
    names = [file.name for file in order if file.name in metadata.files]
    names += [name for name in metadata.files if "label" in name.lower() and name not in names]
    if names:
        return read_text(metadata.files[names[0]], names[0]), f"{names[0]} inside the file"
    beside = [files.model.with_suffix(".txt"), *(files.model.parent / name for name in BESIDE)]
    for path in beside:
        if path.is_file() and len((labels := read_file(path)).labels) == classes:
            return labels, f"guess: {path.name} lies beside the model and has {classes} labels"
    raise AdoptionError(
        f"{files.model.name} has {classes} outputs and no labels inside: name a file that has one "
        "for each, LABELS=labels.txt"
    )


def localised_labels(metadata: Metadata, classes: int) -> dict[str, list[str]]:
    """Return the labels of other languages that the file carries, by language."""
    found = {}
    for file in metadata.label_files:
        language = file.locale.partition("-")[0]
        if language and language != "en" and file.name in metadata.files:
            texts = [one.name for one in read_text(metadata.files[file.name], file.name).labels]
            if len(texts) == classes:
                found[language] = texts
    return found


def refuse_other_count(labels: Labels, classes: int, source: str) -> None:
    """Raise ``AdoptionError`` if there are more or fewer labels than outputs."""
    count = len(labels.labels)
    if count == classes:
        return
    hint = ": one is missing, perhaps 'background', first or last" if count == classes - 1 else ""
    raise AdoptionError(
        f"The model has {classes:,} outputs, and {source} has {count:,} labels{hint}"
    )

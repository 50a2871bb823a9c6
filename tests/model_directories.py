"""Write model directories around the tiny model, which sees only how bright a photo is."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.tiny_model import build

SIDE = 16
LABELS = (
    "classIndex,taxonID,vernacularName,scientificName,taxonRank,geography,class,order,family,genus"
)
NOTHING = ",anything else,,,,,,,"


def write_model(directory: Path, name: str, labels: Sequence[str], **members: Any) -> Path:
    """Write a model. ``labels`` are of a bright photo, of a dark one, and of one in between.

    A label is what stands in its row after the ``classIndex``.
    """
    directory.mkdir(exist_ok=True)
    (directory / "model.tflite").write_bytes(build(SIDE))
    rows = [f"{number},{label}" for number, label in enumerate(labels)]
    (directory / "labels.csv").write_text("\n".join([LABELS, *rows]) + "\n", encoding="utf-8")
    scaling = [127.5, 127.5, 127.5]
    card = {
        "name": name,
        "version": "1.0.0",
        "sha256": "",
        "file": "model.tflite",
        "labels": "labels.csv",
        "input": {
            "width": SIDE, "height": SIDE, "cropFraction": 1, "resample": "bilinear",
            "mean": scaling, "standardDeviation": scaling,
        },
        "output": {"kind": "logits"},
        "calibration": {"method": "none", "temperature": 1},
        "decision": {"animal": 0.5, "notAnAnimal": 0.1, "named": 0.8, "rolledUp": 0.95},
        **members,
    }  # fmt: skip
    (directory / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return directory

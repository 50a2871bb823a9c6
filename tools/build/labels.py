"""Write the model's labels and names from the facts in ``data/``: a row for each output.

The classes of ImageNet-1k are 1,000 WordNet synsets in the order of their identifiers
(ILSVRC2012). 398 are animals (``data/classes.csv``); the others (``data/other_classes.csv``)
get no ``taxonID``. The tables of names are those that occurrences are matched by; the directory of
the model has its own, as that of any model.
"""

import csv
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.build.facts import DATA, read_table

TARGET: Final = ROOT / "chalicelib" / "data" / "model" / "labels.csv"
COLUMNS: Final = (
    "classIndex", "taxonID", "vernacularName", "scientificName", "taxonRank", "geography",
    "class", "order", "family", "genus", "inaturalistID",
)  # fmt: skip
NAMES: Final = ("synonyms.csv", "members.csv")
"""Tables of ``data/`` that the directory of the model has, too."""

CLASSES: Final = 1000


def build(target: Path) -> None:
    """Write the labels. Raises ``ValueError`` if there are not 1,000 classes."""
    animals = {row["taxonID"]: row for row in read_table("classes.csv")}
    numbers = {row["scientificName"]: row["inaturalistID"] for row in read_table("relatives.csv")}
    others = {row["wordnetID"]: row for row in read_table("other_classes.csv")}
    synsets = sorted(animals.keys() | others.keys())
    if len(synsets) != CLASSES:
        raise ValueError(f"data/ holds {len(synsets)} classes, ImageNet-1k has {CLASSES}")
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        for index, synset in enumerate(synsets):
            row = animals.get(synset) or others[synset]
            own = {
                "classIndex": index,
                "inaturalistID": numbers.get(row.get("scientificName", ""), ""),
            }
            writer.writerow({column: row.get(column, "") for column in COLUMNS} | own)


def copy_names(directory: Path) -> None:
    """Copy the tables of names into the directory of the model."""
    for name in NAMES:
        (directory / name).write_bytes((DATA / name).read_bytes())


if __name__ == "__main__":
    build(TARGET)
    copy_names(TARGET.parent)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")

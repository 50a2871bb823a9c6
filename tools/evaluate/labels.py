"""Read tables of labelled photos, and map their labels to the classes of the model."""

import csv
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from chalicelib.domain import Coordinates, Taxon
from tools.build.facts import read_table

Row = Mapping[str, str]

FIRST_ROW: Final = 2
"""The number of the first row of a table, as editors count: the header is row 1."""

TRUTH_COLUMNS: Final = ("classIndex", "taxonID", "scientificName")
"""Columns that name the animal. The first that is not empty in a row counts."""


LINEAGE_COLUMNS: Final = ("scientificName", "genus", "family", "order", "class", "phylum")
"""Darwin Core columns with names that are right for the animal, finest first."""

TAXA: Final = "taxa"
"""A column with all names that are right, finest first, with ``|`` between them."""


class LabelsError(ValueError):
    """A table of labels that cannot be used as a whole."""


def read_rows(labels: Path, required: Iterable[str] = ("file",)) -> list[dict[str, str]]:
    """Return the rows of a table. Raises ``LabelsError`` if the file or a column is missing."""
    if not labels.is_file():
        raise LabelsError(f"{labels} does not exist, or is not a file")
    try:
        with labels.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows = list(reader)
            columns = reader.fieldnames or ()
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise LabelsError(f"{labels} is not a readable CSV table in UTF-8: {error}") from error
    if missing := [column for column in dict.fromkeys(required) if column not in columns]:
        raise LabelsError(f"{labels} has no column {' and no column '.join(missing)}")
    return rows


def read_labelled_rows(labels: Path, columns: Iterable[str] = ()) -> list[tuple[int, Row]]:
    """Return the rows of a table with their numbers.

    Raises ``LabelsError`` if the table has no ``file``, none of ``TRUTH_COLUMNS`` and no
    ``taxa``, or lacks one of ``columns``.
    """
    rows = read_rows(labels, ("file", *columns))
    naming = (*TRUTH_COLUMNS, TAXA)
    if rows and not rows[0].keys() & set(naming):
        raise LabelsError(
            f"{labels} does not name the animals: it needs a column {' or '.join(naming)}"
        )
    return list(enumerate(rows, start=FIRST_ROW))


class Condition:
    """A condition on a row: ``column=value`` or ``column!=value``."""

    def __init__(self, text: str) -> None:
        column, equals, self._value = text.partition("=")
        if not equals:
            raise LabelsError(f"{text!r} must be COLUMN=VALUE or COLUMN!=VALUE")
        self._is_negated = column.endswith("!")
        self.column = column.removesuffix("!")

    def is_met(self, row: Row) -> bool:
        """Return whether the row meets the condition."""
        return (row[self.column] == self._value) != self._is_negated


class Truth(NamedTuple):
    """What a photo shows: its classes, none if the model lacks it, and every right name."""

    classes: list[Taxon]
    names: frozenset[str]
    kind: str


class ClassFinder:
    """Finds the classes of the model that a row's label stands for."""

    def __init__(self, taxa: Sequence[Taxon | None]) -> None:
        self._taxa = taxa
        self._synonyms = {
            row["synonym"]: row["scientificName"] for row in read_table("synonyms.csv")
        }

    def find(self, row: Row) -> list[Taxon]:
        """Return the classes of the label; a scientific name may cover several.

        Raises ``ValueError`` if the row has no label, or the model has no such animal.
        """
        column = next((name for name in TRUTH_COLUMNS if row.get(name)), None)
        if column is None:
            raise ValueError(f"the row names no animal ({', '.join(TRUTH_COLUMNS)})")
        label = row[column].strip()
        if column == "classIndex":
            is_class = label.isdecimal() and int(label) < len(self._taxa)
            taxa = [self._taxa[int(label)] if is_class else None]
        elif column == "taxonID":
            taxa = [taxon for taxon in self._taxa if taxon and taxon.taxon_id == label]
        else:
            name = self._synonyms.get(label, label)
            taxa = [taxon for taxon in self._taxa if taxon and taxon.scientific_name == name]
        animals = [taxon for taxon in taxa if taxon]
        if not animals:
            raise ValueError(f"no animal of the model has the {column} {label!r}")
        return animals

    def truth(self, row: Row) -> Truth:
        """Return what the row's photo shows; an animal without a class needs a lineage.

        Raises ``ValueError`` if the row has no label, or an unknown one and no wider name.
        """
        lineage = [row[column] for column in LINEAGE_COLUMNS if row.get(column)]
        names = [name for name in row.get(TAXA, "").split("|") if name] + lineage
        try:
            named = any(row.get(column) for column in TRUTH_COLUMNS)
            classes = self.find(row if named else {**row, "scientificName": "".join(names[:1])})
        except ValueError:
            is_lineage = row.get(TAXA) or any(row.get(column) for column in LINEAGE_COLUMNS[1:])
            if not is_lineage or row.get("classIndex"):
                raise
            classes = []
        for taxon in classes:
            names += [taxon.scientific_name, *taxon.higher.values()]
        kind = row.get("kind") or names[0]
        return Truth(classes, frozenset(names), kind)


def labelled_photos(
    labels: Path, finder: ClassFinder, columns: Sequence[str] = (), only: Sequence[Condition] = ()
) -> Iterator[tuple[Row, Truth]]:
    """Yield the rows that meet the conditions, with what they show; print those without a label.

    Raises ``LabelsError`` if the table lacks one of the columns, or cannot be read.
    """
    needed = (*(condition.column for condition in only), *columns)
    for number, row in read_labelled_rows(labels, needed):
        if not all(condition.is_met(row) for condition in only):
            continue
        try:
            truth = finder.truth(row)
        except ValueError as error:
            print(f"row {number} ({row['file']}): {error}", file=sys.stderr)
            continue
        yield row, truth


def place_and_month(row: Row) -> tuple[Coordinates | None, int]:
    """Return where and in which month a photo was taken: ``None`` and 0 if the row does not say."""
    month = int(row.get("eventDate", "")[5:7] or 0)
    if not row.get("decimalLatitude"):
        return None, month
    point = float(row["decimalLatitude"]), float(row["decimalLongitude"])
    uncertainty = row.get("coordinateUncertaintyInMeters")
    return Coordinates(*point, float(uncertainty)) if uncertainty else Coordinates(*point), month

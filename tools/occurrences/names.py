"""Which names of the backbone taxonomy stand for which class of the model.

Occurrences name a taxon by rank: subspecies, species, genus, family, order, class. A class
is matched by its own name in the column of its rank, or, where there is no such column
(tribes, subfamilies) or its taxon is wider than what is meant, by the names that
``data/members.csv`` lists for it. ``data/synonyms.csv`` adds older names.
"""

from collections.abc import Mapping
from typing import Final

from tools.build.facts import FactError, read_table

RANKS: Final = ("infraspecific", "species", "genus", "family", "order", "class")
"""Finest first; ``infraspecific`` is whatever is below the species."""

NO_CLASS: Final = 0
"""The number of a name that is known but speaks for no class: also that of all looks."""

ClassNames = Mapping[tuple[str, str], int]
"""Rank and name, and the number of the class."""


def numbers() -> dict[str, int]:
    """The number of each class that a place has a say about, by taxonID."""
    ranged = (row["taxonID"] for row in read_table("classes.csv") if row["geography"] == "range")
    return {taxon_id: number for number, taxon_id in enumerate(sorted(ranged), start=1)}


def class_names() -> ClassNames:
    """All names. Raises ``FactError`` where one is ambiguous or a class has none.

    A subspecies that has a class, or is a domestic breed's, speaks for that and not for its
    species: dingos and dogs are no sign of wolves, whatever the backbone calls them.
    """
    numbered = numbers()
    classes = read_table("classes.csv")
    members = read_table("members.csv")
    listed = {row["taxonID"] for row in members}
    unknown = listed - numbered.keys()
    if unknown:
        raise FactError(f"members.csv: no class with a range is {sorted(unknown)}")
    found: dict[tuple[str, str], int] = {}

    def add(rank: str, name: str, number: int) -> None:
        if rank not in RANKS:
            raise FactError(f"{name}: occurrences have no column for a {rank}; list its members")
        if found.setdefault((rank, name), number) != number:
            raise FactError(f"{rank} {name} stands for two classes")

    for row in members:
        add(row["taxonRank"], row["member"], numbered[row["taxonID"]])
    for row in classes:
        if row["taxonID"] in numbered and row["taxonID"] not in listed:
            add(row["taxonRank"], row["scientificName"], numbered[row["taxonID"]])
    by_name = {row["scientificName"]: row for row in classes}
    for row in read_table("synonyms.csv"):
        number = numbered.get(by_name[row["scientificName"]]["taxonID"], NO_CLASS)
        rank = "infraspecific" if row["synonym"].count(" ") > 1 else "species"
        if number or rank == "infraspecific":
            add(rank, row["synonym"], number)
    return found

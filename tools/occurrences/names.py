"""Map names of the backbone taxonomy to the classes of the model.

Occurrences name a taxon by rank: subspecies, species, genus, family, order, class. A class
matches its own name in the column of its rank. If there is no such column (tribes, subfamilies),
or the taxon is wider than the class, the class matches the names that ``data/members.csv`` lists.
``data/synonyms.csv`` adds older names. ``data/unlisted.csv`` has animals that the model does not
know: a record is one of these if no finer name of it belongs to a class or to another of them.
"""

from collections.abc import Mapping
from typing import Final

from tools.build.facts import FactError, read_table
from tools.build.lookalikes import names_by_rank, unlisted_taxa

RANKS: Final = ("infraspecific", "species", "genus", "family", "order", "class")
"""Finest first; ``infraspecific`` is any rank below the species."""

FIRST_UNLISTED: Final = 400
"""From here on, numbers are those of animals that the model does not know."""

NO_CLASS: Final = 0
"""The number of a known name that belongs to no class; also the number of the sampling effort."""

ClassNames = Mapping[tuple[str, str], int]
"""Maps rank and name to the number of the class."""


def numbers() -> dict[str, int]:
    """Return the number of each class that has a range, by taxonID."""
    ranged = (row["taxonID"] for row in read_table("classes.csv") if row["geography"] == "range")
    return {taxon_id: number for number, taxon_id in enumerate(sorted(ranged), start=1)}


def unlisted_numbers() -> dict[str, int]:
    """Return the number of each animal that the model does not know, by taxonID."""
    taxa = sorted(row["taxonID"] for row in unlisted_taxa().values())
    return {taxon_id: number for number, taxon_id in enumerate(taxa, start=FIRST_UNLISTED)}


def all_names() -> ClassNames:
    """Return the names of classes and of animals that the model does not know.

    A name of both is that of the class. Raises ``FactError`` as :func:`class_names` does.
    """
    numbered = unlisted_numbers()
    unlisted = {
        (rank, name): numbered[taxon_id]
        for (rank, name), taxon_id in names_by_rank(unlisted_taxa().values()).items()
        if rank in RANKS
    }
    return {**unlisted, **class_names()}


def class_names() -> ClassNames:
    """Return all names. Raises ``FactError`` if a name is ambiguous or a class has no name.

    A subspecies with a class of its own, or of a domestic breed, does not count for its species:
    dingos and dogs are no evidence of wolves, although the backbone puts them into that species.
    """
    numbered = numbers()
    classes = read_table("classes.csv")
    members = read_table("members.csv")
    with_members = {row["taxonID"] for row in members}
    unknown = with_members - numbered.keys()
    if unknown:
        raise FactError(f"members.csv: no class with a range is {sorted(unknown)}")
    names: dict[tuple[str, str], int] = {}

    def add(rank: str, name: str, number: int) -> None:
        if rank not in RANKS:
            raise FactError(f"{name}: occurrences have no column for a {rank}; list its members")
        if names.setdefault((rank, name), number) != number:
            raise FactError(f"{rank} {name} stands for two classes")

    for row in members:
        add(row["taxonRank"], row["member"], numbered[row["taxonID"]])
    for row in classes:
        if row["taxonID"] in numbered and row["taxonID"] not in with_members:
            add(row["taxonRank"], row["scientificName"], numbered[row["taxonID"]])
    by_name = {row["scientificName"]: row for row in classes}
    for row in read_table("synonyms.csv"):
        number = numbered.get(by_name[row["scientificName"]]["taxonID"], NO_CLASS)
        rank = "infraspecific" if row["synonym"].count(" ") > 1 else "species"
        if number or rank == "infraspecific":
            add(rank, row["synonym"], number)
    return names

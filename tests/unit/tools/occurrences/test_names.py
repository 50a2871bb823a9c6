"""Test the map from scientific names to classes."""

from collections import Counter

import pytest

from tools.build.facts import read_table
from tools.occurrences.names import NO_CLASS, RANKS, read_names

CLASSES = {row["taxonID"]: row for row in read_table("classes.csv")}
MEMBERS = read_table("members.csv")
READ = read_names()
NAMES = {key: number for key, number in READ.models[0].items() if number >= 0}
NUMBERS = {
    CLASSES[taxon_id]["vernacularName"]: number
    for taxon_id, number in READ.numbers.items()
    if taxon_id in CLASSES
}


def test_every_class_with_a_range_has_a_name():
    """A class without a name would count as never observed."""
    assert set(NAMES.values()) - {NO_CLASS} == READ.classes


def test_every_name_is_in_a_column_that_occurrences_have():
    """Tribes, subfamilies and the like need the names of their members."""
    assert {rank for rank, _ in NAMES} <= set(RANKS)


def test_members_belong_to_classes_with_a_range():
    """Each row has the class's own name, and no member is there twice."""
    for row in MEMBERS:
        assert CLASSES[row["taxonID"]]["scientificName"] == row["scientificName"]
        assert CLASSES[row["taxonID"]]["geography"] == "range"
    counted = Counter((row["taxonRank"], row["member"]) for row in MEMBERS)
    assert counted.most_common(1)[0][1] == 1
    assert sorted(MEMBERS, key=lambda row: tuple(row.values())) == MEMBERS


@pytest.mark.parametrize(
    ("rank", "name", "vernacular_name"),
    [
        ("species", "Panthera onca", "jaguar"),
        ("genus", "Pica", "magpie"),
        ("family", "Hystricidae", "porcupine"),
        ("order", "Cingulata", "armadillo"),
        ("genus", "Hydrophis", "sea snake"),
        ("infraspecific", "Canis lupus dingo", "dingo"),
        # An older name.
        ("species", "Alopex lagopus", "Arctic fox"),
    ],
)
def test_names_lead_to_their_classes(rank, name, vernacular_name):
    """A name leads to its class by rank, by members, or by synonyms."""
    assert NAMES[rank, name] == NUMBERS[vernacular_name]


@pytest.mark.parametrize("family", ["Corvidae", "Accipitridae", "Mustelidae", "Phasianidae"])
def test_families_wider_than_the_class_have_no_class(family):
    """A crow is not a jay, an eagle is not a kite, and a marten is not a badger."""
    assert ("family", family) not in NAMES


def test_domestic_subspecies_have_no_class():
    """The backbone puts dogs into the species of the wolf; they must not count as wolves."""
    assert NAMES["infraspecific", "Canis lupus familiaris"] == NO_CLASS
    assert ("species", "Capra hircus") not in NAMES
    assert ("genus", "Capra") not in NAMES

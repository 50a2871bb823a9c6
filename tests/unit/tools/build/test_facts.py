"""Test how faults of the tables under ``data/`` are told: all at once, and shortly."""

import pytest

from tools.build.facts import MOST_FAULTS, FactError, raise_faults, read_table
from tools.build.features import class_faults
from tools.build.lookalikes import unlisted_taxa


def animal(number: int, **more: str) -> dict[str, str]:
    return {
        "taxonID": f"inat:{number}", "scientificName": f"Genus{number} a", "vernacularName": "b",
        "geography": "range", "taxonRank": "species", "habitat": "land", **more,
    }  # fmt: skip


def test_all_classes_that_lack_something_are_one_line_each():
    """Nine hundred classes without ranges are counted, and a few are named."""
    rows = [animal(number) for number in range(900)]
    rows += [animal(900, vernacularName=""), animal(901, geography="domestic")]
    faults = class_faults(rows, {"inat:900", "inat:901"})
    assert len(faults) == 3
    names, missing, surplus = faults
    assert names == "classes.csv: no vernacularName in 1: inat:900"
    assert (
        "no row in ranges.csv, 900: inat:0, inat:1, inat:10, inat:100, inat:101 and 895" in missing
    )
    assert "--model" in missing
    assert surplus == "ranges.csv: not a class with a range, 1: inat:901"


def test_all_faults_of_a_table_are_told_at_once():
    """A person corrects them in one go."""
    rows = [animal(1), animal(1), animal(2, taxonID=""), animal(3, habitat="air")]
    with pytest.raises(FactError) as raised:
        unlisted_taxa(rows)
    told = str(raised.value).splitlines()
    assert len(told) == 3
    for fault, line in zip(("Genus1 a is there twice", "Genus2 a has no taxonID", "'air'"), told,
                           strict=True):  # fmt: skip
        assert fault in line


def test_hundreds_of_faults_are_shortened():
    """The first ones, and how many more there are."""
    with pytest.raises(FactError) as raised:
        raise_faults([str(number) for number in range(MOST_FAULTS + 7)])
    assert str(raised.value).splitlines()[-1] == "and 7 more faults"
    raise_faults([])


def test_a_table_that_a_spreadsheet_saved_is_read(tmp_path):
    """It begins with a byte order mark."""
    path = tmp_path / "table.csv"
    path.write_text("taxonID,member\na,b\n", encoding="utf-8-sig")
    assert read_table(str(path)) == [{"taxonID": "a", "member": "b"}]

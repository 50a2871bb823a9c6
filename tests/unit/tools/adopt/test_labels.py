"""Test that labels are read in the forms in which they come."""

from pathlib import Path

import pytest

from tools.adopt.findings import AdoptionError
from tools.adopt.labels import label_of, read_file, read_text

NAMES = ["Ursus maritimus", "Ursus americanus", "background"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "Ursus maritimus\nUrsus americanus\nbackground\n"),
        ("labels.txt", "\r\nUrsus_maritimus\r\nUrsus_americanus\r\nbackground\r\n"),
        ("labels.txt", "0 Ursus maritimus\n1 Ursus americanus\n2 background"),
        ("labels.txt", "2: background\n0: Ursus maritimus\n1: Ursus americanus"),
        ("labels.txt", "1\tUrsus maritimus\n2\tUrsus americanus\n3\tbackground"),
        ("labels.txt", "0,Ursus maritimus\n1,Ursus americanus\n2,background"),
        ("labels.csv", "id,name\n0,Ursus maritimus\n1,Ursus americanus\n2,background"),
        ("labels.csv", "name;id\nbackground;2\nUrsus maritimus;0\nUrsus americanus;1"),
        ("labels.csv", "classIndex,scientificName,vernacularName\n0,Ursus maritimus,polar bear\n"
         "1,Ursus americanus,black bear\n2,,background"),
        ("labels.json", '["Ursus maritimus", "Ursus americanus", "background"]'),
        ("labels.json", '{"0": "Ursus maritimus", "1": "Ursus americanus", "2": "background"}'),
        ("metadata.yaml", "task: classify\nnames:\n  0: Ursus maritimus\n  1: Ursus americanus\n"
         "  2: background\n"),
        ("labels.txt", "00000_Animalia_Chordata_Mammalia_Carnivora_Ursidae_Ursus_maritimus\n"
         "00001_Animalia_Chordata_Mammalia_Carnivora_Ursidae_Ursus_americanus\nbackground"),
    ],
)  # fmt: skip
def test_every_form_gives_the_same_labels(tmp_path: Path, name, text):
    """In the order of their numbers; with a byte order mark, too."""
    assert [one.name for one in read_text(text, name).labels] == NAMES
    path = tmp_path / name
    path.write_text(text, encoding="utf-8-sig")
    assert [one.name for one in read_file(path).labels] == NAMES
    path.write_text(text, encoding="utf-16")
    assert [one.name for one in read_file(path).labels] == NAMES


@pytest.mark.parametrize(
    ("text", "name", "other"),
    [
        ("Ursus maritimus (Polar Bear)", "Ursus maritimus", "Polar Bear"),
        ("Siproeta stelenes biplagiata ()", "Siproeta stelenes biplagiata", ""),
        ("Zosterops lateralis (Silvereye (ssp. lateralis))", "Zosterops lateralis",
         "Silvereye (ssp. lateralis)"),
        (r"Anas superciliosa \xd7 platyrhynchos", "Anas superciliosa \N{MULTIPLICATION SIGN} "
         "platyrhynchos", ""),
        ('"Ursus maritimus"', "Ursus maritimus", ""),
        ("ice bear, Polar bear, Ursus maritimus", "Ursus maritimus", "ice bear"),
        ("sofa, couch", "sofa", ""),
    ],
)  # fmt: skip
def test_a_label_is_taken_apart(text, name, other):
    """The scientific name, and the common one in brackets."""
    label = label_of(text)
    assert (label.text, label.name, label.other) == (text, name, other)


@pytest.mark.parametrize("text", ["background", "None", "NOTHING", "__background__"])
def test_some_labels_stand_for_no_animal(text):
    """Whatever their case."""
    assert not label_of(text).is_animal


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("labels.txt", "\n\n", "has no labels"),
        ("labels.txt", "0 a\n2 b", "must count from 0 without gaps"),
        ("labels.txt", "0 a\n0 b", "must count from 0 without gaps"),
        ("labels.csv", "id,name\nx,Ursus", "is not a number"),
        ("labels.json", "{", "cannot be read"),
        ("labels.json", "3", "has no labels"),
        ("metadata.yaml", "task: segment\nnames: {0: a}", "needs 'classify'"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(name, text, told):
    """In one line that names the file."""
    with pytest.raises(AdoptionError, match=told) as refused:
        read_text(text, name)
    assert str(refused.value).startswith(name)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    """The line says which encoding is accepted."""
    path = tmp_path / "labels.txt"
    with pytest.raises(AdoptionError, match="cannot be read"):
        read_file(path)
    path.write_bytes(b"\xc4\xe9\xff")
    with pytest.raises(AdoptionError, match="save it as UTF-8"):
        read_file(path)


def test_a_number_without_a_name_is_refused():
    """Else the numbers of all lines would be taken for parts of the names."""
    with pytest.raises(AdoptionError, match=r"labels\.txt: the label 1 has no name.*'background'"):
        read_text("0 Ursus maritimus\n1 \n2 background\n", "labels.txt")
    assert [one.name for one in read_text("0\n1\n", "labels.txt").labels] == ["0", "1"]

"""Test the import for models of others: model directories, many classes, several models."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from tests import occurrences
from tests.occurrences import JAGUAR, KRUGER, PANTANAL, Record, label, model_directory, seen
from tools.build.model_directory import MODEL_DIRECTORY
from tools.occurrences.import_occurrences import main

BIRDS = {"kingdom": "Animalia", "class": "Aves", "order": "Piciformes", "family": "Picidae"}
WOODPECKER = {**BIRDS, "genus": "Dryobates", "species": "Dryobates pubescens"}
FLICKER = {**BIRDS, "genus": "Colaptes", "species": "Colaptes auratus"}
PICIDAE = {"class": "Aves", "order": "Piciformes", "family": "Picidae"}


def counted(directory: Path, records: Iterable[Record], *models: Path) -> dict[str, float]:
    """Import for the models; return the observers of each taxon over the year, at resolution 4."""
    source = occurrences.simple_csv(directory / "records.csv", list(records))
    target = directory / "out.sqlite"
    options = [option for model in models for option in ("--model", str(model))]
    done = main([str(source), "--sqlite", str(target), "--citation", "nobody", *options])
    assert done == 0
    with closing(sqlite3.connect(target)) as connection:
        rows = connection.execute(
            "SELECT taxon_id, max(observations) FROM geo_feature JOIN dataset_taxon USING (taxon)"
            " WHERE month = 0 GROUP BY taxon_id"
        )
        return dict(rows.fetchall())


def test_twelve_thousand_classes_keep_their_animals(tmp_path):
    """A record counts for its own classes, at every rank, and for no other."""
    labels = [
        label(f"inat:{number}", f"Genus{number} species{number}", "species")
        for number in range(11_998)
    ]
    labels += [label("wide:family", "Widefamily", "family"), label("wide:class", "Aves", "class")]
    model = model_directory(tmp_path / "many", labels)

    def record(number: int, family: str, observer: str) -> Record:
        name = f"Genus{number} species{number}"
        taxon = {**BIRDS, "family": family, "genus": name.split(maxsplit=1)[0], "species": name}
        return seen(taxon, PANTANAL, observer, "2024-07-01")

    records = [
        record(0, "Widefamily", "ana"), record(0, "Widefamily", "bob"),
        record(399, "Other", "ana"), record(400, "Other", "bob"), record(1_449, "Other", "cid"),
        record(11_997, "Widefamily", "dan"),
    ]  # fmt: skip
    assert counted(tmp_path, records, model) == {
        "inat:0": 2, "inat:399": 1, "inat:400": 1, "inat:1449": 1, "inat:11997": 1,
        "wide:family": 3, "wide:class": 4,
    }  # fmt: skip


def test_a_model_needs_nothing_outside_its_directory(tmp_path, capsys):
    """Labels, synonyms and members are those of the directory; a BOM does not matter."""
    model = model_directory(
        tmp_path / "birds",
        [
            label("inat:1", "Picoides pubescens"), label("inat:2", "Colaptes", "genus"),
            label("inat:3", "Picini", "tribe"),
        ],
        {"Dryobates pubescens": "Picoides pubescens"},
        [{"taxonID": "inat:3", "scientificName": "Picini", "taxonRank": "genus",
          "member": "Dryocopus"}],
    )  # fmt: skip
    labels = model / "labels.csv"
    labels.write_bytes(b"\xef\xbb\xbf" + labels.read_bytes())
    pileated = {**BIRDS, "genus": "Dryocopus", "species": "Dryocopus pileatus"}
    records = [
        seen(WOODPECKER, PANTANAL, "ana", "2024-07-01"),
        seen(FLICKER, PANTANAL, "ana", "2024-07-01"),
        seen(pileated, PANTANAL, "bob", "2024-07-01"),
        seen(JAGUAR, PANTANAL, "cid", "2024-07-01"),
    ]
    assert counted(tmp_path, records, model) == {"inat:1": 1, "inat:2": 1, "inat:3": 1}
    printed = capsys.readouterr().out
    assert "3 records match 3 of 3 classes; 1 match no name" in printed
    assert "most frequent names without a match: Panthera onca (1)" in printed
    assert "1 cells of resolution 4 have observers" in printed


def test_several_models_do_not_disturb_each_other(tmp_path):
    """A jaguar counts for both models; what one knows of a genus does not hide it from the other.

    The shipped model takes the genus Colaptes, which it does not know, for others. The other model
    knows a species of it.
    """
    model = model_directory(
        tmp_path / "own", [label("inat:18205", "Colaptes auratus"), label("o:1", "Panthera onca")]
    )
    records = [
        seen(FLICKER, PANTANAL, "ana", "2024-07-01"), seen(JAGUAR, PANTANAL, "ana", "2024-07-01"),
    ]  # fmt: skip
    (tmp_path / "alone").mkdir()
    alone = counted(tmp_path / "alone", records)
    both = counted(tmp_path, records, MODEL_DIRECTORY, model)
    assert both == {**alone, "inat:18205": 1, "o:1": 1}
    assert len(alone) > 1


def test_a_newer_name_is_reported_with_the_line_to_add(tmp_path, capsys):
    """The label is older than the records: the person sees both names, and the count."""
    labels = [label("inat:1", "Picoides pubescens", **PICIDAE), label("inat:2", "Colaptes auratus")]
    model = model_directory(tmp_path / "birds", labels)
    records = [
        *(seen(WOODPECKER, PANTANAL, f"observer {number}", "2024-07-01") for number in range(12)),
        seen(FLICKER, PANTANAL, "ana", "2024-07-01"),
    ]
    assert counted(tmp_path, records, model) == {"inat:2": 1}
    printed = capsys.readouterr().out
    assert "1 classes without a record: Picoides pubescens" in printed
    assert "Picoides pubescens may be Dryobates pubescens (12 records)" in printed
    assert "add the line Dryobates pubescens,Picoides pubescens to" in printed


def test_a_newer_name_is_reported_although_another_model_knows_it(tmp_path, capsys):
    """The shipped model takes the genus Dryobates, which it does not know, for other animals."""
    model = model_directory(tmp_path / "birds", [label("a", "Picoides pubescens", **PICIDAE)])
    counted(tmp_path, [seen(WOODPECKER, PANTANAL, "ana", "2024-07-01")], MODEL_DIRECTORY, model)
    assert "Picoides pubescens may be Dryobates pubescens (1 records)" in capsys.readouterr().out


def test_a_name_that_the_model_knows_is_another_animal(tmp_path, capsys):
    """Two woodpeckers with the same epithet, of which one was not seen."""
    labels = [
        label("a", "Picoides pubescens", **PICIDAE), label("b", "Dryobates pubescens", **PICIDAE),
    ]  # fmt: skip
    model = model_directory(tmp_path / "birds", labels)
    counted(tmp_path, [seen(WOODPECKER, PANTANAL, "ana", "2024-07-01")], model)
    printed = capsys.readouterr().out
    assert "1 classes without a record: Picoides pubescens" in printed
    assert "may be" not in printed


def test_all_contradictions_of_the_tables_are_told_at_once(tmp_path, capsys):
    """In two models, and nothing is imported."""
    one = model_directory(
        tmp_path / "one",
        [label("a", "Pica", "genus"), label("b", "Pica", "genus"), label("c", "Corvini", "tribe")],
        {"Pica hudsonia": "Pica nuttalli"},
        [{"taxonID": "z", "taxonRank": "genus", "member": "Corvus"},
         {"taxonID": "c", "taxonRank": "tribe", "member": "Corvini"}],
    )  # fmt: skip
    two = model_directory(tmp_path / "two", [label("", "Pica pica")])
    target = tmp_path / "out.sqlite"
    source = occurrences.simple_csv(tmp_path / "records.csv")
    options = ["--sqlite", str(target), "--citation", "nobody"]
    models = [option for model in (one, two, tmp_path) for option in ("--model", str(model))]
    assert main([str(source), *options, *models]) == 2
    told = capsys.readouterr().err
    for fault in (
        "the genus Pica stands for two classes",
        "Pica hudsonia stands for Pica nuttalli, which is no class",
        "z is no class with a range",
        "Corvini: occurrences have no column for a tribe, only for infraspecific, species",
        "the classes 0 have a range and no taxonID",
        f"{tmp_path} is no model directory: model.json must be JSON",
    ):
        assert fault in told
    assert "Traceback" not in told
    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("taxonID,scientificName\n", "labels.csv lacks the columns taxonRank, geography"),
        (None, "labels.csv is not a readable CSV table in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path, capsys, text, fault):
    """The line names the file and all missing columns."""
    model = model_directory(tmp_path / "birds", [])
    (model / "labels.csv").unlink() if text is None else (model / "labels.csv").write_text(text)
    source = occurrences.simple_csv(tmp_path / "records.csv")
    done = main([str(source), "--sqlite", str(tmp_path / "o"), "--model", str(model), "--citation",
                 "x"])  # fmt: skip
    told = capsys.readouterr().err
    assert (done, len(told.splitlines()), fault in told) == (2, 1, True)


def test_a_class_that_no_record_can_match_is_reported(tmp_path, capsys):
    """Its rank has no column, and nobody has listed its members."""
    labels = [label("a", "Corvini", "tribe"), label("b", "Panthera onca")]
    model = model_directory(tmp_path / "birds", labels)
    assert counted(tmp_path, [seen(JAGUAR, KRUGER, "ana", "2024-07-01")], model) == {"b": 1}
    assert "1 classes that no record can match: tribe Corvini" in capsys.readouterr().out


def test_a_query_that_is_too_long_for_athena_is_refused(tmp_path, capsys):
    """Before it is sent. The query holds all names."""
    labels = [label(f"inat:{number}", f"Genus{number} species{number}") for number in range(12_000)]
    model = model_directory(tmp_path / "many", labels)
    done = main(
        ["--engine", "athena", "--table", "gbif.occurrence", "--output", "s3://bucket/",
         "--citation", "x", "--sqlite", str(tmp_path / "o"), "--model", str(model)]
    )  # fmt: skip
    told = capsys.readouterr().err
    assert (done, "Athena accepts 262,144" in told) == (2, True)

"""Test the import of occurrences: the real command on files of GBIF and iNaturalist."""

import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.domain import Coordinates, FeatureSource, PlaceFeatures, Status
from chalicelib.features.cells import cell_chain, coarsest_cells
from chalicelib.features.sqlite import EmbeddedFeatures
from tests import occurrences
from tests.occurrences import ALL, BAD, JAGUAR, KEPT, KRUGER, PANTANAL, seen
from tools.build.facts import read_table
from tools.occurrences import counting, embedded
from tools.occurrences.import_occurrences import main
from tools.occurrences.names import RANKS, read_names
from tools.occurrences.sources import open_source
from tools.occurrences.statement import Filters, statement
from tools.occurrences.tables import Request

TAXA = {
    row["vernacularName"]: row["taxonID"]
    for table in ("classes.csv", "unlisted.csv")
    for row in read_table(table)
}
PLACES = {
    name: Coordinates(float(str(place["decimalLatitude"])), float(str(place["decimalLongitude"])))
    for name, place in (
        ("Pantanal", PANTANAL), ("Kruger park", KRUGER), ("Outback", occurrences.OUTBACK),
    )
}  # fmt: skip
CITED = ("--citation", "nobody")
NUMBERS = read_names().numbers


def imported(source: Path, target: Path, *options: object) -> Path:
    assert (
        main([str(source), "--sqlite", str(target), "--memory", "200MB", *map(str, options)]) == 0
    )
    return target


def ask(store: Path, place: Coordinates, month: int = 0) -> PlaceFeatures:
    with closing(EmbeddedFeatures(store)) as features:
        return features.features([cell_chain(place)], month)[0]


def observation_count(
    store: Path, place: Coordinates, resolution: int, month: int, taxon: str | None
) -> float:
    """Return the observers of a taxon in a cell; without ``taxon``, all observers there."""
    number = 0 if taxon is None else NUMBERS[TAXA[taxon]]
    cell = int(cell_chain(place)[4 - resolution], 16)
    with closing(sqlite3.connect(store)) as connection:
        row = connection.execute(
            "SELECT observations FROM geo_feature WHERE cell = ? AND month = ? AND taxon = ?",
            (cell, month, number),
        ).fetchone()
    return float(row[0]) if row else 0.0


def rejections(printed: str) -> dict[str, int]:
    rows = [line.rsplit(maxsplit=1) for line in printed.splitlines() if line[-1:].isdigit()]
    return {name: int(count.replace(",", "")) for name, count in rows}


@pytest.fixture(scope="module", params=["simple-csv", "zip", "archive", "snapshot", "inaturalist"])
def store(request, tmp_path_factory) -> Path:
    """A store with the same records, imported from each of the formats."""
    directory = tmp_path_factory.mktemp(request.param)
    target = directory / "occurrences.sqlite"
    match request.param:
        case "simple-csv":
            return imported(occurrences.simple_csv(directory / "records.csv"), target, *CITED)
        case "zip":
            return imported(occurrences.simple_csv(directory / "records.zip"), target, *CITED)
        case "archive":
            return imported(occurrences.darwin_core_archive(directory / "records.zip"), target)
        case "snapshot":
            return imported(occurrences.snapshot(directory / "2024-01-01"), target)
    source = occurrences.inaturalist(directory, KEPT)
    return imported(source, target, *CITED, "--licence", "CC-BY-4.0")


def test_an_observer_counts_once(store):
    """Ana saw the jaguar twice. The capybara is not a class, but its observer counts as effort."""
    place = PLACES["Pantanal"]
    assert observation_count(store, place, 4, 0, "capybara") == 1
    assert observation_count(store, place, 4, 0, "jaguar") == 2
    assert observation_count(store, place, 4, 0, None) == 3


def test_months_are_counted_separately(store):
    """Ana and the capybara's observer came in July, Bob in August."""
    place = PLACES["Pantanal"]
    assert [observation_count(store, place, 4, month, "jaguar") for month in (6, 7, 8)] == [0, 1, 1]
    assert [observation_count(store, place, 4, month, None) for month in (6, 7, 8)] == [0, 2, 1]


def test_an_imprecise_record_counts_in_wider_cells_only(store):
    """Dan's record may be 20 km off, too much for a fine cell."""
    place = PLACES["Pantanal"]
    assert [
        observation_count(store, place, resolution, 0, "jaguar") for resolution in (4, 3, 2)
    ] == [2, 3, 3]
    assert [
        observation_count(store, place, resolution, 7, "jaguar") for resolution in (4, 3, 2)
    ] == [1, 2, 2]


def test_each_day_counts_as_an_observer_if_the_observer_is_unknown(store):
    """Three records on two days count as two observers."""
    assert observation_count(store, PLACES["Kruger park"], 4, 0, "leopard") == 2


def test_a_dingo_does_not_count_as_a_wolf(store):
    """The backbone puts dingos and dogs into the species of the wolf. The import does not."""
    place = PLACES["Outback"]
    counts = {
        name: observation_count(store, place, 4, 0, name)
        for name in ("dingo", "grey wolf", "magpie")
    }
    assert counts == {"dingo": 1, "grey wolf": 0, "magpie": 1}
    assert observation_count(store, place, 4, 0, None) == 2


def test_the_store_serves_what_was_counted(store):
    """Presence is the share of observers, smoothed towards the wider cells with k = 10."""
    place = ask(store, PLACES["Pantanal"])
    wide = 3 / 4
    middle = (3 + 10 * wide) / (4 + 10)
    jaguar = place.taxa[TAXA["jaguar"]]
    assert jaguar.presence == pytest.approx((2 + 10 * middle) / (3 + 10))
    assert jaguar.status is Status.RECORDED
    assert (place.source, place.effort) == (FeatureSource.EMBEDDED, 3)
    assert place.cell == cell_chain(PLACES["Pantanal"])[0]
    assert TAXA["leopard"] not in place.taxa


@pytest.mark.parametrize("month", [0, 7])
def test_a_range_has_the_presence_that_the_wide_cells_serve(store, month):
    """The range and the features of a place come from the same rows."""
    wide = {name: cell_chain(place)[-1] for name, place in PLACES.items()}
    with closing(EmbeddedFeatures(store)) as features:
        presences = features.presences(TAXA["jaguar"], coarsest_cells(), month).cells
        assert presences == {
            cell: feature.presence
            for cell in set(wide.values())
            if (feature := features.features([[cell]], month)[0].taxa.get(TAXA["jaguar"]))
        }
    assert wide["Pantanal"] in presences


def test_prevalence_is_the_mean_of_what_is_served(store):
    """The mean is over the sampled cells, so an average place has weight 1."""
    cells = {name: ask(store, place) for name, place in PLACES.items()}
    for name in ("jaguar", "leopard", "dingo", "magpie"):
        served = [
            place.taxa[TAXA[name]].presence if TAXA[name] in place.taxa else 0.0
            for place in cells.values()
        ]
        (prevalence,) = {
            place.taxa[TAXA[name]].prevalence
            for place in cells.values()
            if TAXA[name] in place.taxa
        }
        assert prevalence == pytest.approx(sum(served) / len(served))


def test_the_dataset_covers_the_observed_classes(store):
    """A class without observations is not covered, so no place lowers its score."""
    with closing(EmbeddedFeatures(store)) as features:
        dataset = features.dataset()
    names = ("jaguar", "leopard", "dingo", "magpie", "capybara")
    assert dataset.taxa == {TAXA[name] for name in names}
    assert dataset.version.startswith("occurrences-")
    assert dataset.licence == "CC-BY-4.0"
    assert dataset.expected_presence == 0.001


def test_sources_say_how_to_cite_them(tmp_path):
    """An archive has a DOI, and a snapshot has a text beside it."""
    archive = imported(occurrences.darwin_core_archive(tmp_path / "a.zip"), tmp_path / "a.sqlite")
    snapshot = imported(occurrences.snapshot(tmp_path / "s"), tmp_path / "s.sqlite")
    with (
        closing(EmbeddedFeatures(archive)) as archived,
        closing(EmbeddedFeatures(snapshot)) as other,
    ):
        assert "https://doi.org/10.15468/dl.abcdef" in archived.dataset().citation
        assert other.dataset().citation == "GBIF.org, a snapshot"


@pytest.mark.parametrize("kind", ["csv", "archive", "snapshot"])
def test_rejected_records_are_reported_by_reason(tmp_path, capsys, kind):
    """Each filter has its own count, and no record ends the import."""
    source = {
        "csv": lambda: occurrences.simple_csv(tmp_path / "records.csv"),
        "archive": lambda: occurrences.darwin_core_archive(tmp_path / "records.zip"),
        "snapshot": lambda: occurrences.snapshot(tmp_path / "2024-01-01"),
    }[kind]()
    imported(source, tmp_path / "out.sqlite", *CITED)
    expected = {reason: len(records) for reason, records in BAD.items()}
    assert rejections(capsys.readouterr().out) == {"accepted": len(KEPT), **expected}


def test_bad_lines_are_counted_not_fatal(tmp_path, capsys):
    """Lines have too few or too many columns, no number, or bytes that are not text."""
    good = occurrences.lines([KEPT[0]])[0]
    broken = [
        "only\tthree\tcolumns",
        f"{good}\tand\tmore",
        good.replace("-17.36", "-17,36"),
        good.replace("\t10.0\t", "\tabout 10\t"),
    ]
    source = occurrences.simple_csv(tmp_path / "records.csv", KEPT, broken)
    with source.open("ab") as file:
        file.write(good.encode().replace(b"Panthera", b"\xff\xfe") + b"\n")
    imported(source, tmp_path / "out.sqlite", *CITED)
    assert rejections(capsys.readouterr().out) == {
        "accepted": len(KEPT), "malformed": 2, "line: missing columns": 1,
        "line: too many columns": 1, "line: invalid encoding": 1,
    }  # fmt: skip


def test_unconfirmed_observations_of_inaturalist_are_rejected(tmp_path, capsys):
    """One observation still needs an identification."""
    source = occurrences.inaturalist(tmp_path, KEPT)
    imported(source, tmp_path / "out.sqlite", *CITED, "--licence", "CC0-1.0")
    assert rejections(capsys.readouterr().out) == {"accepted": len(KEPT), "unconfirmed": 1}


def test_an_archive_marks_captives_and_centroids_in_its_own_columns(tmp_path, capsys):
    """These columns are not in a simple CSV."""
    records = [
        *KEPT,
        seen(JAGUAR, KRUGER, "x", "2024-01-01", degreeOfEstablishment="captive"),
        seen(JAGUAR, KRUGER, "x", "2024-01-01", distanceFromCentroidInMeters=1500.0),
    ]
    source = occurrences.darwin_core_archive(tmp_path / "records.zip", records)
    imported(source, tmp_path / "out.sqlite")
    counts = rejections(capsys.readouterr().out)
    assert counts == {"accepted": len(KEPT), "captive": 1, "countryCentroid": 1}


def test_options_widen_the_filters(tmp_path, capsys):
    """An option accepts records that the defaults reject."""
    source = occurrences.simple_csv(tmp_path / "records.csv")
    target = imported(
        source, tmp_path / "out.sqlite", *CITED, "--maximum-uncertainty", 100_000,
        "--licences", "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "--reject-basis", "FossilSpecimen",
    )  # fmt: skip
    counts = rejections(capsys.readouterr().out)
    assert "tooUncertain" not in counts
    assert (counts["basisOfRecord"], counts["licence"]) == (1, 1)
    with closing(EmbeddedFeatures(target)) as features:
        assert features.dataset().licence == "CC-BY-NC-4.0"
    # The vague jaguar of the Kruger park is in the widest cell only.
    place = PLACES["Kruger park"]
    assert observation_count(target, place, 2, 0, "jaguar") == observation_count(
        target, place, 3, 0, "jaguar"
    )
    assert observation_count(target, place, 2, 0, "jaguar") == 1


@pytest.mark.parametrize("kind", ["csv", "zip", "archive", "snapshot", "inaturalist", "taxa"])
def test_a_header_that_lacks_a_column_is_a_clear_error(tmp_path, capsys, kind):
    """The error names the columns, and the import writes nothing."""
    source = tmp_path / "records"
    match kind:
        case "csv":
            source.write_text("gbifID\tspecies\tdecimalLatitude\n1\tPanthera onca\t1.0\n")
        case "zip":
            with zipfile.ZipFile(source, "w") as archive:
                archive.writestr("records.csv", "gbifID\tspecies\tmonth\n")
        case "archive":
            with zipfile.ZipFile(source, "w") as archive:
                archive.writestr(
                    "meta.xml",
                    '<archive xmlns="http://rs.tdwg.org/dwc/text/"><core><files><location>o.txt'
                    '</location></files><id index="0"/></core></archive>',
                )
        case "snapshot":
            with duckdb.connect() as connection:
                connection.execute(f"COPY (SELECT 1 AS gbifid) TO '{source}' (FORMAT parquet)")
        case "inaturalist":
            source.write_text("observation_uuid\tlatitude\n")
            (tmp_path / "taxa").write_text("taxon_id\n")
        case "taxa":
            source = occurrences.inaturalist(tmp_path, KEPT)
            (tmp_path / "taxa").write_text("taxon_id\tname\n")
    options = ["--taxa", str(tmp_path / "taxa"), "--licence", "CC0-1.0"]
    before = sorted(tmp_path.iterdir())
    code = main([str(source), "--sqlite", str(tmp_path / "out.sqlite"), *CITED,
                 *(options if kind in ("inaturalist", "taxa") else [])])  # fmt: skip
    assert code == 2
    missing = {"inaturalist": "observer_id", "taxa": "ancestry"}.get(kind, "decimalLongitude")
    assert missing in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_options_must_supply_what_the_source_lacks(tmp_path, capsys):
    """The citation, iNaturalist's licence and taxa, and the source itself are required."""
    target = ["--sqlite", str(tmp_path / "out.sqlite")]
    csv = occurrences.simple_csv(tmp_path / "records.csv")
    assert main([str(csv), *target]) == 2
    assert "--citation" in capsys.readouterr().err
    observations = occurrences.inaturalist(tmp_path, KEPT)
    assert main([str(observations), *target, *CITED]) == 2
    assert "--licence" in capsys.readouterr().err
    (tmp_path / "taxa.csv.gz").unlink()
    assert main([str(observations), *target, *CITED]) == 2
    assert "--taxa" in capsys.readouterr().err
    assert main([str(tmp_path / "missing"), *target, *CITED]) == 2
    assert "does not exist" in capsys.readouterr().err


def test_a_source_without_an_accepted_record_is_not_loaded(tmp_path, capsys):
    """An empty dataset would make every place unknown."""
    source = occurrences.simple_csv(tmp_path / "records.csv", BAD["absent"])
    target = tmp_path / "out.sqlite"
    assert main([str(source), "--sqlite", str(target), *CITED]) == 2
    assert "No record was accepted" in capsys.readouterr().err
    assert not target.exists()


def test_the_same_records_are_the_same_version(tmp_path, capsys):
    """The order does not matter, and a second import writes nothing."""
    target = tmp_path / "out.sqlite"
    imported(occurrences.simple_csv(tmp_path / "one.csv", ALL), target, *CITED)
    written = target.stat()
    imported(occurrences.simple_csv(tmp_path / "two.csv", ALL[::-1]), target, *CITED)
    assert "already there" in capsys.readouterr().out
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (
        written.st_ino, written.st_mtime_ns,
    )  # fmt: skip
    imported(occurrences.simple_csv(tmp_path / "three.csv", KEPT[2:]), target, *CITED)
    assert target.stat().st_ino != written.st_ino


def test_an_import_that_fails_leaves_the_file_as_it_was(tmp_path):
    """Readers see the old dataset or the new one, never a part."""
    target = imported(occurrences.simple_csv(tmp_path / "one.csv"), tmp_path / "out.sqlite", *CITED)
    before = target.read_bytes()
    description = {
        "version": "occurrences-2", "title": "t", "licence": "CC0-1.0", "citation": "c",
        "expected_presence": 0.001, "prior_strength": 10.0,
    }  # fmt: skip

    def rows():
        yield 1, 0, 0, 1.0, "recorded", 8190
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError):
        embedded.write(target, description, [], rows())
    assert target.read_bytes() == before
    assert list(tmp_path.glob("*.unfinished")) == []


def test_records_are_never_held_in_memory_for_a_join(tmp_path):
    """Each join holds the side of the names in memory, and streams the text file."""
    source = open_source(Request(occurrences.simple_csv(tmp_path / "records.csv"), tmp_path))
    text = statement(source.relation, read_names(), Filters())
    with counting.connect(tmp_path, "200MB", 1) as connection:
        row = connection.execute(f"EXPLAIN (FORMAT json) {text}").fetchone()
    assert row
    (plan,) = json.loads(row[1])
    joins = [node for node in nodes(plan) if "JOIN" in node["name"]]
    assert len(joins) > len(RANKS)
    for join in joins:
        _, build_side = join["children"]
        assert not any("READ_CSV" in node["name"] for node in nodes(build_side))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan["children"]:
        yield from nodes(child)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "Name the file or directory: make import-occurrences SOURCE=..."),
        (("",), "Name the file or directory: make import-occurrences SOURCE=..."),
        (("a missing file.csv",), "a missing file.csv does not exist"),
    ],
)
def test_a_source_that_is_missing_is_one_line(arguments, fault, tmp_path, capsys):
    """``make import-occurrences`` calls the program in this way. A path may have spaces."""
    assert main([*arguments, "--sqlite", str(tmp_path / "out.sqlite")]) == 2
    assert capsys.readouterr().err == f"{fault}\n"

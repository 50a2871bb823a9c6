"""Test the import of files as people have them: saved again, cut off, zipped on a Mac."""

import csv
import gzip
import io
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests import occurrences
from tests.occurrences import COLUMNS, DINGO, JAGUAR, KEPT, MAGPIE, PANTANAL, Record, seen
from tools.occurrences.import_occurrences import main

CITED = ("--citation", "nobody")


Rows = list[tuple[object, ...]]


def features_of(source: Path, target: Path, *options: str) -> Rows:
    """Import a source, and return the features."""
    assert main([str(source), "--sqlite", str(target), *CITED, *options]) == 0
    with closing(sqlite3.connect(target)) as connection:
        return connection.execute(
            "SELECT cell, month, taxon_id, observations FROM geo_feature "
            "LEFT JOIN dataset_taxon USING (taxon)"
        ).fetchall()


@pytest.fixture
def rows(tmp_path) -> Callable[..., Rows]:
    """A function that imports a source, and returns the features."""
    return lambda source, *options: features_of(
        source, tmp_path / f"{source.name}.sqlite", *options
    )


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Rows:
    """The features of the same records in GBIF's own form."""
    directory = tmp_path_factory.mktemp("usual")
    source = occurrences.simple_csv(directory / "usual.csv", KEPT)
    return features_of(source, directory / "usual.sqlite")


def text_of(records: list[Record] = KEPT) -> str:
    return "\n".join(["\t".join(COLUMNS), *occurrences.lines(records)]) + "\n"


def saved_again(delimiter: str) -> str:
    """The table as a spreadsheet saves it: with quotes, and a column without a name."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter)
    for line in text_of().splitlines():
        writer.writerow([*line.split("\t"), ""])
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(text_of().encode("utf-8-sig"), id="BOM"),
        pytest.param(text_of().encode("utf-16"), id="UTF-16 with a mark"),
        pytest.param(text_of().encode("utf-16-le"), id="UTF-16, little end first"),
        pytest.param(text_of().encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param(text_of().replace("\n", "\r\n").encode(), id="CR LF"),
        pytest.param(text_of().replace("\n", "\r").encode(), id="CR"),
        pytest.param(text_of().replace("by the", "by\rthe").encode(), id="a lone CR in a field"),
        pytest.param(saved_again(",").encode(), id="commas"),
        pytest.param(saved_again(";").encode("utf-8-sig"), id="semicolons"),
        pytest.param(saved_again(",").encode("utf-16"), id="commas in UTF-16"),
        pytest.param(gzip.compress(text_of().encode()), id="gzip"),
        pytest.param(gzip.compress(text_of().replace("by", "\r").encode()), id="gzip, lone CR"),
    ],
)
def test_a_table_that_was_saved_again_is_read(tmp_path, rows, usual, content):
    """Every record counts as in the original."""
    source = tmp_path / "table"
    source.write_bytes(content)
    assert rows(source) == usual


def test_a_lone_carriage_return_at_the_end_of_a_block_is_seen(tmp_path, rows):
    """The text is checked in blocks of 4 MiB."""
    records = [seen(JAGUAR, PANTANAL, "ana", "2024-07-01", locality="x\ry" * 1000)] * 3000
    source = tmp_path / "table.csv"
    source.write_text(text_of(records), encoding="utf-8", newline="")
    assert len(rows(source)) == 12


def mac_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"folder/{name}", content)
            archive.writestr(f"__MACOSX/folder/._{name}", b"\0\5\x16\7")
        archive.writestr("folder/.DS_Store", b"\0")
    return path


def test_a_zip_of_a_mac_is_read(tmp_path, rows, usual):
    """It has a folder, and a hidden file beside each table."""
    source = mac_zip(tmp_path / "records.zip", {"0001.csv": text_of().encode()})
    assert rows(source) == usual


def test_an_archive_that_a_mac_has_zipped_again_is_read(tmp_path, rows, usual):
    """Its citation is found, too."""
    original = occurrences.darwin_core_archive(tmp_path / "original.zip", KEPT)
    with zipfile.ZipFile(original) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    source = mac_zip(tmp_path / "archive.zip", files)
    assert rows(source) == usual
    assert main([str(source), "--sqlite", str(tmp_path / "o.sqlite")]) == 0


def test_a_simple_parquet_download_is_read(tmp_path, rows, usual):
    """GBIF's zip has a directory of parquet files without a suffix."""
    table = occurrences.snapshot(tmp_path / "s", KEPT)
    source = tmp_path / "0001.zip"
    with zipfile.ZipFile(source, "w") as archive:
        for file in sorted(table.iterdir()):
            archive.write(file, f"occurrence.parquet/{file.name}")
    assert rows(source) == usual


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_the_open_data_of_inaturalist_are_read_from_their_archive(
    tmp_path, rows, usual, suffix, mode
):
    """All tables are in one folder of a tar archive."""
    occurrences.inaturalist(tmp_path / "open", KEPT)
    source = tmp_path / "inaturalist-open-data-20240627.tar"
    with tarfile.open(source, mode) as archive:
        for kind in ("photos", "observations", "taxa"):
            file = tmp_path / "open" / f"{kind}.csv.gz"
            content = file.read_bytes() if file.exists() else gzip.compress(b"photo_id\n")
            content = content if suffix.endswith("gz") else gzip.decompress(content)
            entry = tarfile.TarInfo(f"inaturalist-open-data-20240627/{kind}{suffix}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert rows(source, "--licence", "CC0-1.0") == usual


def test_the_directory_of_the_open_data_is_read(tmp_path, rows, usual):
    """As the tar archive unpacks."""
    directory = tmp_path / "open"
    occurrences.inaturalist(directory, KEPT)
    assert rows(directory, "--licence", "CC0-1.0") == usual


EXPORT = (
    "id", "observed_on", "user_login", "quality_grade", "license", "description",
    "captive_cultivated", "latitude", "longitude", "positional_accuracy",
    "public_positional_accuracy", "coordinates_obscured", "scientific_name", "iconic_taxon_name",
)  # fmt: skip
EXPORT_RANKS = ("kingdom", "class", "order", "family", "genus", "species", "subspecies")
ICONIC = {"Mammalia": "Mammalia", "Aves": "Aves"}


def exported(record: Record, **more: object) -> dict[str, object]:
    """Return a record as the export of iNaturalist's site has it."""
    name = str(record["species"])
    if epithet := record.get("infraspecificEpithet"):
        name = f"{name} {epithet}"
    licences = {"CC_BY_4_0": "CC-BY", "CC0_1_0": "CC0"}
    return {
        **{f"taxon_{rank}_name": record.get(rank) for rank in EXPORT_RANKS},
        "taxon_subspecies_name": name if name.count(" ") > 1 else None,
        "id": 1, "observed_on": record["eventDate"], "user_login": record["recordedBy"],
        "quality_grade": "research", "license": licences[str(record["license"])],
        "description": 'by the "river,\nat dawn', "captive_cultivated": "false",
        "latitude": record["decimalLatitude"], "longitude": record["decimalLongitude"],
        "positional_accuracy": record["coordinateUncertaintyInMeters"],
        "coordinates_obscured": "false", "scientific_name": name,
        "iconic_taxon_name": ICONIC.get(str(record["class"]), "Animalia"), **more,
    }  # fmt: skip


RANKED = (*EXPORT, *(f"taxon_{rank}_name" for rank in EXPORT_RANKS))


def test_the_export_of_the_site_is_read(tmp_path, rows, usual):
    """Fields have quotes and line feeds; the zip is the site's."""
    table = occurrences.table(tmp_path / "export.csv", RANKED, [exported(one) for one in KEPT])
    assert rows(table) == usual
    source = tmp_path / "observations-1.csv.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.write(table, "observations-1.csv")
    assert rows(source) == usual


def test_an_export_without_names_by_rank_matches_species(tmp_path, rows, capsys):
    """Species and genus are in the scientific name; a note says what is missing."""
    records = [seen(one, PANTANAL, "ana", "2024-07-01") for one in (JAGUAR, DINGO, MAGPIE)]
    table = occurrences.table(tmp_path / "e.csv", EXPORT, [exported(one) for one in records])
    usual = rows(occurrences.simple_csv(tmp_path / "usual.csv", records))
    capsys.readouterr()
    assert rows(table) == usual
    assert "The export has no names of the family, order, class" in capsys.readouterr().out


def test_an_export_has_its_own_reasons_to_leave_a_record_out(tmp_path, rows, capsys):
    """Casual, captive and licensed records; plants; the obscured point is uncertain by 30 km."""
    one = seen(JAGUAR, PANTANAL, "ana", "2024-07-01")
    records = [
        exported(one, coordinates_obscured="true"),
        exported(one, quality_grade="needs_id"),
        exported(one, captive_cultivated="true"),
        exported(one, license="CC-BY-NC"), exported(one, license=""),
        exported({**one, "kingdom": None}, iconic_taxon_name="Plantae"),
        exported({**one, "kingdom": None}, iconic_taxon_name=""),
        exported(one, latitude="about 17"),
    ]  # fmt: skip
    found = rows(occurrences.table(tmp_path / "export.csv", RANKED, records))
    counts = dict(
        line.rsplit(maxsplit=1) for line in capsys.readouterr().out.splitlines()[:7] if line
    )
    assert {key: int(count) for key, count in counts.items() if count.isdigit()} == {
        "accepted": 1, "unconfirmed": 1, "captive": 1, "licence": 2, "notAnAnimal": 2,
        "malformed": 1,
    }  # fmt: skip
    # Resolutions 3 and 2 only, each with the effort and the jaguar, over the year and in July.
    assert len(found) == 8


def refused(source: Path, target: Path, capsys, *options: str) -> str:
    assert main([str(source), "--sqlite", str(target), *CITED, *options]) == 2
    told = str(capsys.readouterr().err)
    assert len(told.splitlines()) == 1
    assert not target.exists()
    return told


TEXT = text_of(KEPT * 50).encode()
PACKED = gzip.compress(TEXT)


def zip_of(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return file.getvalue()


def tar_of(**files: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file.getvalue()


def parquet(directory: Path) -> bytes:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS a) TO '{directory / 'a'}' (FORMAT parquet)")
    return (directory / "a").read_bytes()


ZIP = zip_of(records_csv=TEXT)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param(ZIP[:-50], "is a zip that breaks off", id="zip"),
        pytest.param(
            ZIP[:60] + bytes(30) + ZIP[90:], "is a damaged archive, or one that", id="damaged zip"
        ),
        pytest.param(PACKED[: len(PACKED) // 2], "Compressed file ended before", id="gzip"),
        pytest.param(
            PACKED[:-8] + bytes(4) + PACKED[-4:], "is a damaged archive, or one", id="damaged gzip"
        ),
        pytest.param(tar_of(observations_csv=TEXT)[:-100], "one that breaks off", id="tar"),
        pytest.param(
            tar_of(a_txt=TEXT), "has no observations.csv and no taxa.csv", id="another tar"
        ),
        pytest.param(b"", "is empty: download it again", id="empty"),
        pytest.param(
            "gbifID\tspecies\tgröße\n".encode("latin-1"), "neither UTF-8 nor UTF-16", id="Latin-1"
        ),
        pytest.param(zip_of(inner_zip=ZIP), "holds 0 tables, not one: it has inner.zip", id="zips"),
        pytest.param(zip_of(a_csv=TEXT, b_csv=TEXT), "holds 2 tables, not one", id="two tables"),
        pytest.param(text_of().encode("utf-16")[:-1], "neither UTF-8 nor UTF-16", id="UTF-16"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, capsys, content, fault):
    """The line names the cause and what to do. Nothing is written."""
    source = tmp_path / "records"
    source.write_bytes(content)
    told = refused(source, tmp_path / "out.sqlite", capsys, "--licence", "CC0-1.0")
    assert fault in told
    assert str(source) in told


def test_a_parquet_file_that_breaks_off_is_one_line(tmp_path, capsys):
    """Its end has the columns."""
    source = tmp_path / "records"
    source.write_bytes(parquet(tmp_path)[:-20])
    told = refused(source, tmp_path / "out.sqlite", capsys)
    assert "is damaged or breaks off: Invalid Input Error: No magic bytes" in told


def test_an_export_that_lacks_columns_is_one_line(tmp_path, capsys):
    """The person chooses the columns on the export page."""
    source = tmp_path / "export.csv"
    source.write_text("id,observed_on,quality_grade,latitude\n")
    told = refused(source, tmp_path / "out.sqlite", capsys)
    assert "columns longitude, scientific_name, iconic_taxon_name, user_login, license" in told

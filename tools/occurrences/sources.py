"""Recognise the format of a source, and read its columns and its metadata.

This module finds every fault of a source as a whole, before the import writes anything. The
formats are GBIF's simple CSV and Darwin Core Archive, as downloads give them
(https://techdocs.gbif.org/en/data-use/download-formats), its parquet snapshots, and
iNaturalist's open data (https://github.com/inaturalist/inaturalist-open-data).
"""

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import duckdb
from defusedxml import ElementTree

from tools.occurrences.archive import ARCHIVE, archive_columns, read_metadata
from tools.occurrences.inaturalist import (
    export_of_the_site,
    is_export,
    is_tar,
    open_data,
    open_data_tables,
)
from tools.occurrences.relations import GBIF_COLUMNS, gbif_relation
from tools.occurrences.statement import literal
from tools.occurrences.tables import (
    PARQUET_MAGIC,
    ZIP_MAGIC,
    Request,
    Source,
    SourceError,
    check,
    magic_bytes,
    table_of,
)
from tools.occurrences.texts import (
    Layout,
    layout_of,
    member,
    members,
    read_layout,
    readable,
    table_in,
    unpack,
)

FORMATS: Final = (
    "simple-csv", "darwin-core-archive", "snapshot", "inaturalist", "inaturalist-export",
)  # fmt: skip


def open_source(request: Request) -> Source:
    """Recognise and check the source. Raises ``SourceError``."""
    path = request.path
    if not path.exists():
        raise SourceError(f"{path} does not exist")
    name = request.format
    try:
        if path.is_file() and not path.stat().st_size:
            raise SourceError(f"{path} is empty: download it again")
        if magic_bytes(path) == ZIP_MAGIC and not zipfile.is_zipfile(path):
            raise SourceError(
                f"{path} is a zip that breaks off: its end, with the table of contents, is "
                "missing. Download it again"
            )
        name = name or recognise(path)
        return OPENERS[name](request)
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, tarfile.TarError) as error:
        raise SourceError(
            f"{path} is a damaged archive, or one that breaks off: {error}. Download it again"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{path} is a text that is neither UTF-8 nor UTF-16: save it as UTF-8 ({error})"
        ) from error
    except duckdb.Error as error:
        cause = str(error).partition("\n")[0]
        raise SourceError(f"{path} is damaged or breaks off: {cause}. Download it again") from error
    except (ElementTree.ParseError, KeyError, OSError, RuntimeError, ValueError) as error:
        expected = name or "readable source"
        raise SourceError(f"{path} is not a {expected}: {error}") from error


def recognise(path: Path) -> str:
    """Return the format, by the content."""
    if path.is_dir():
        return "inaturalist" if open_data_tables(path) else "snapshot"
    if magic_bytes(path) == PARQUET_MAGIC:
        return "snapshot"
    if zipfile.is_zipfile(path):
        return recognise_zip(path)
    return "inaturalist" if is_tar(path) else format_of(layout_of(path))


def recognise_zip(path: Path) -> str:
    """Return the format of a zip, by what it holds."""
    with zipfile.ZipFile(path) as archive:
        if member(archive, "meta.xml"):
            return "darwin-core-archive"
        if parquet_members(archive):
            return "snapshot"
        with archive.open(table_in(archive, path)) as file:
            return format_of(read_layout(file))


def format_of(layout: Layout) -> str:
    """Return the format of a table, by its columns."""
    if "observation_uuid" in layout.columns:
        return "inaturalist"
    return "inaturalist-export" if is_export(layout.columns) else "simple-csv"


def simple_csv(request: Request) -> Source:
    """Open a simple CSV of GBIF, in a zip or not.

    It is separated by tabs, without quotes; if a spreadsheet has saved it, by commas, with them.
    """
    path, layout = open_table(request, lambda columns: check_gbif(request, columns))
    types = dict.fromkeys(layout.columns, "VARCHAR")
    table = table_of(path, layout.columns, delimiter=layout.delimiter, quote=layout.quote)
    return Source(gbif_relation(table, types, request.licence), "Occurrences from GBIF")


def open_table(
    request: Request, check_columns: Callable[[Iterable[str]], None]
) -> tuple[Path, Layout]:
    """Return a table that DuckDB can read, and its layout; check its columns before unpacking."""
    if zipfile.is_zipfile(request.path):
        with zipfile.ZipFile(request.path) as archive:
            name = table_in(archive, request.path)
            with archive.open(name) as file:
                layout = read_layout(file)
            check_columns(layout.columns)
            return unpack(archive, name, request.work, layout), layout
    layout = layout_of(request.path)
    check_columns(layout.columns)
    return readable(request.path, request.work, layout), layout


def inaturalist_export(request: Request) -> Source:
    """Open a table of the export page of iNaturalist's site, in a zip or not."""

    def check_columns(columns: Iterable[str]) -> None:
        export_of_the_site(request, "", columns)

    path, layout = open_table(request, check_columns)
    table = table_of(path, layout.columns, delimiter=layout.delimiter, quote=layout.quote)
    return export_of_the_site(request, table, layout.columns)


def check_gbif(request: Request, columns: Iterable[str]) -> None:
    """Require all columns, and a licence for each record or for all. Raises ``SourceError``."""
    required = GBIF_COLUMNS if request.licence else (*GBIF_COLUMNS, "license")
    check(request.path, required, columns)


def darwin_core_archive(request: Request) -> Source:
    """Open an archive: meta.xml describes the columns, metadata.xml has the citation."""
    with zipfile.ZipFile(request.path) as archive:
        meta = member(archive, "meta.xml")
        if meta is None:
            raise SourceError(f"{request.path} has no meta.xml: it is no Darwin Core Archive")
        core = ElementTree.fromstring(archive.read(meta)).find(f"{ARCHIVE}core")
        location = None if core is None else core.findtext(f"{ARCHIVE}files/{ARCHIVE}location")
        if core is None or not location:
            raise SourceError(f"{request.path}: meta.xml names no core file")
        columns = archive_columns(core)
        check_gbif(request, columns)
        title, citation = read_metadata(archive, str(PurePosixPath(meta).with_name("metadata.xml")))
        path = unpack(archive, str(PurePosixPath(meta).with_name(location)), request.work)
    table = table_of(
        path,
        columns,
        delimiter=core.get("fieldsTerminatedBy", ",").replace("\\t", "\t"),
        quote=core.get("fieldsEnclosedBy", '"'),
        skipped=int(core.get("ignoreHeaderLines", "0")),
    )
    types = dict.fromkeys(columns, "VARCHAR")
    relation = gbif_relation(table, types, request.licence)
    return Source(relation, title or "Occurrences from GBIF", citation)


def snapshot(request: Request) -> Source:
    """Open a directory of parquet files, such as a monthly snapshot of GBIF, or one such file.

    A download of GBIF in the format SIMPLE_PARQUET is a zip of such a directory.
    """
    path = request.path
    if zipfile.is_zipfile(path):
        path = unpack_parquet(path, request.work / "occurrence.parquet")
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.is_file() and magic_bytes(file) == PARQUET_MAGIC]
    if not files:
        raise SourceError(f"{request.path} holds no parquet files")
    paths = ", ".join(literal(str(file)) for file in files)
    table = f"read_parquet([{paths}])"
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    types = {name: column_type for name, column_type, *_ in rows}
    check_gbif(request, types)
    structs = [
        name
        for name, column_type in types.items()
        if column_type.startswith("STRUCT") and column_type.endswith("[]")
    ]
    if structs:
        # Older snapshots have arrays of structs with one field, as Hive writes them.
        unpacked = ", ".join(
            f'list_transform("{name}", lambda item: item[1]) AS "{name}"' for name in structs
        )
        table = f"(SELECT * REPLACE ({unpacked}) FROM {table}) AS unpacked"
    return Source(
        gbif_relation(table, types, request.licence),
        "Occurrences from a GBIF snapshot",
        next((file.read_text("utf-8").strip() for file in citations(path)), None),
    )


def citations(path: Path) -> list[Path]:
    """Return the files citation.txt in the directory and beside it."""
    files = (path / "citation.txt", path.parent / "citation.txt")
    return [file for file in files if file.is_file()]


def parquet_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the parquet files of a zip; their names need not say so."""

    def is_parquet(name: str) -> bool:
        with archive.open(name) as file:
            return file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC

    return [name for name in members(archive) if is_parquet(name)]


def unpack_parquet(path: Path, target: Path) -> Path:
    """Unpack the parquet files of a zip."""
    target.mkdir()
    with zipfile.ZipFile(path) as archive:
        for number, name in enumerate(parquet_members(archive)):
            with archive.open(name) as packed, (target / f"{number:06}").open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
    return target


OPENERS: Final[Mapping[str, Callable[[Request], Source]]] = dict(
    zip(
        FORMATS,
        (simple_csv, darwin_core_archive, snapshot, open_data, inaturalist_export),
        strict=True,
    )
)

"""Recognise the format of a source, and read its columns and its metadata.

This module finds every fault of a source as a whole, before the import writes anything. The
formats are GBIF's simple CSV and Darwin Core Archive, as downloads give them
(https://techdocs.gbif.org/en/data-use/download-formats), its parquet snapshots, and
iNaturalist's open data (https://github.com/inaturalist/inaturalist-open-data).
"""

import gzip
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from defusedxml import ElementTree

from tools.occurrences.archive import ARCHIVE, archive_columns, read_metadata
from tools.occurrences.relations import (
    GBIF_COLUMNS,
    INATURALIST_COLUMNS,
    INATURALIST_TAXA,
    gbif_relation,
    inaturalist_names,
    inaturalist_relation,
)
from tools.occurrences.statement import literal
from tools.occurrences.tables import (
    PARQUET_MAGIC,
    SourceError,
    check,
    columns_of,
    header,
    magic_bytes,
    table_of,
    unpack,
)

FORMATS: Final = ("simple-csv", "darwin-core-archive", "snapshot", "inaturalist")


@dataclass(frozen=True)
class Source:
    """A source that is ready to read. ``prepare`` must run on the connection first.

    ``title`` and ``citation`` come from the source's own metadata, if it has any.
    """

    relation: str
    title: str
    citation: str | None = None
    prepare: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Request:
    """The operator's options: the path of the source, and what its metadata lacks.

    ``work`` is a directory for unpacked files.
    """

    path: Path
    work: Path
    format: str | None = None
    taxa: Path | None = None
    licence: str | None = None


def open_source(request: Request) -> Source:
    """Recognise and check the source. Raises ``SourceError``."""
    if not request.path.exists():
        raise SourceError(f"{request.path} does not exist")
    name = request.format
    try:
        name = name or recognise(request.path)
        return OPENERS[name](request)
    except (
        zipfile.BadZipFile,
        ElementTree.ParseError,
        gzip.BadGzipFile,
        UnicodeDecodeError,
        KeyError,
        OSError,
    ) as error:
        expected = name or "readable source"
        raise SourceError(f"{request.path} is not a {expected}: {error}") from error


def recognise(path: Path) -> str:
    """Return the format, by the content."""
    if path.is_dir() or magic_bytes(path) == PARQUET_MAGIC:
        return "snapshot"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "darwin-core-archive" if "meta.xml" in archive.namelist() else "simple-csv"
    return "inaturalist" if "observation_uuid" in header(path) else "simple-csv"


def simple_csv(request: Request) -> Source:
    """Open a simple CSV of GBIF: separated by tabs, without quotes, in a zip or not."""
    path = request.path
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.endswith((".csv", ".txt"))]
            if len(names) != 1:
                raise SourceError(f"{path} holds {len(names)} tables, not one")
            with archive.open(names[0]) as file:
                columns = columns_of(file.readline())
            check_gbif(request, columns)
            path = unpack(archive, names[0], request.work)
    else:
        columns = header(path)
        check_gbif(request, columns)
    types = dict.fromkeys(columns, "VARCHAR")
    relation = gbif_relation(table_of(path, columns), types, request.licence)
    return Source(relation, "Occurrences from GBIF")


def check_gbif(request: Request, columns: Iterable[str]) -> None:
    """Require all columns, and a licence for each record or for all. Raises ``SourceError``."""
    required = GBIF_COLUMNS if request.licence else (*GBIF_COLUMNS, "license")
    check(request.path, required, columns)


def darwin_core_archive(request: Request) -> Source:
    """Open an archive: meta.xml describes the columns, metadata.xml has the citation."""
    with zipfile.ZipFile(request.path) as archive:
        core = ElementTree.fromstring(archive.read("meta.xml")).find(f"{ARCHIVE}core")
        location = None if core is None else core.findtext(f"{ARCHIVE}files/{ARCHIVE}location")
        if core is None or not location:
            raise SourceError(f"{request.path}: meta.xml names no core file")
        columns = archive_columns(core)
        check_gbif(request, columns)
        title, citation = read_metadata(archive)
        path = unpack(archive, location, request.work)
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
    """Open a directory of parquet files, such as a monthly snapshot of GBIF, or one such file."""
    path = request.path
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    files = [file for file in files if file.is_file() and magic_bytes(file) == PARQUET_MAGIC]
    if not files:
        raise SourceError(f"{path} holds no parquet files")
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


def inaturalist(request: Request) -> Source:
    """Open ``observations.csv.gz`` of iNaturalist, with ``taxa.csv.gz`` beside it."""
    taxa = request.taxa or request.path.with_name(request.path.name.replace("observations", "taxa"))
    if not taxa.exists() or taxa == request.path:
        raise SourceError(f"{taxa} does not exist: name iNaturalist's taxa.csv.gz with --taxa")
    if request.licence is None:
        raise SourceError(
            "iNaturalist's table has no licences: name that of your copy with --licence"
        )
    columns, taxa_columns = header(request.path), header(taxa)
    check(request.path, INATURALIST_COLUMNS, columns)
    check(taxa, INATURALIST_TAXA, taxa_columns)

    def prepare(connection: Any) -> None:
        types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in taxa_columns)
        connection.execute(
            f"CREATE TABLE taxon AS SELECT * FROM read_csv({literal(str(taxa))}, "
            f"columns = {{{types}}}, delim = '\t', quote = '', escape = '', header = true, "
            "auto_detect = false, ignore_errors = true)"
        )
        connection.execute(f"CREATE TABLE taxon_names AS {inaturalist_names('taxon')}")

    return Source(
        inaturalist_relation(table_of(request.path, columns), "taxon_names", request.licence),
        "Observations of research grade from iNaturalist",
        prepare=prepare,
    )


OPENERS: Final[Mapping[str, Callable[[Request], Source]]] = dict(
    zip(FORMATS, (simple_csv, darwin_core_archive, snapshot, inaturalist), strict=True)
)

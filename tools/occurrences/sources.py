"""Which format a source has, where its columns are, and what it says of itself.

Everything that can be wrong with a source as a whole is found here, before anything is
written anywhere. Formats: GBIF's simple CSV and Darwin Core Archive, as downloads give them
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

from tools.occurrences.archive import ARCHIVE, archive_columns, described
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
    PARQUET_MARK,
    SourceError,
    check,
    columns_of,
    header,
    mark,
    table_of,
    unpack,
)

FORMATS: Final = ("simple-csv", "darwin-core-archive", "snapshot", "inaturalist")


@dataclass(frozen=True)
class Source:
    """A source that has all it needs. ``prepare`` is run on the connection first.

    ``citation`` and ``title`` are what it says of itself, if it does.
    """

    relation: str
    title: str
    citation: str | None = None
    prepare: Callable[[Any], None] | None = None


@dataclass(frozen=True)
class Request:
    """What the operator says: where the source is, and what it does not say of itself.

    ``work`` is a directory for what must be unpacked.
    """

    path: Path
    work: Path
    format: str | None = None
    taxa: Path | None = None
    licence: str | None = None


def open_source(request: Request) -> Source:
    """Look at the source. Raises ``SourceError``."""
    if not request.path.exists():
        raise SourceError(f"{request.path} does not exist")
    kind = request.format or recognise(request.path)
    try:
        return OPENERS[kind](request)
    except (
        zipfile.BadZipFile,
        ElementTree.ParseError,
        gzip.BadGzipFile,
        UnicodeDecodeError,
        KeyError,
    ) as error:
        raise SourceError(f"{request.path} is no {kind}: {error}") from error


def recognise(path: Path) -> str:
    """The format, by content."""
    if path.is_dir() or mark(path) == PARQUET_MARK:
        return "snapshot"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return "darwin-core-archive" if "meta.xml" in archive.namelist() else "simple-csv"
    return "inaturalist" if "observation_uuid" in header(path) else "simple-csv"


def simple_csv(request: Request) -> Source:
    """A simple CSV of GBIF: tab-separated, never quoted, in a zip or not."""
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
    """All columns, and a licence for each record or for all."""
    wanted = GBIF_COLUMNS if request.licence else (*GBIF_COLUMNS, "license")
    check(request.path, wanted, columns)


def darwin_core_archive(request: Request) -> Source:
    """An archive: meta.xml says where the columns are, metadata.xml how to cite it."""
    with zipfile.ZipFile(request.path) as archive:
        core = ElementTree.fromstring(archive.read("meta.xml")).find(f"{ARCHIVE}core")
        location = None if core is None else core.findtext(f"{ARCHIVE}files/{ARCHIVE}location")
        if core is None or not location:
            raise SourceError(f"{request.path}: meta.xml names no core file")
        columns = archive_columns(core)
        check_gbif(request, columns)
        title, citation = described(archive)
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
    """A directory of parquet files, as GBIF's monthly snapshots are, or one such file."""
    path = request.path
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    files = [one for one in files if mark(one) == PARQUET_MARK]
    if not files:
        raise SourceError(f"{path} holds no parquet files")
    listed = ", ".join(literal(str(one)) for one in files)
    table = f"read_parquet([{listed}])"
    with duckdb.connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {table}").fetchall()
    types = {name: kind for name, kind, *_ in rows}
    check_gbif(request, types)
    structs = [
        name for name, kind in types.items() if kind.startswith("STRUCT") and kind.endswith("[]")
    ]
    if structs:
        # Older snapshots: arrays of structs with one field, as Hive writes them.
        opened = ", ".join(
            f'list_transform("{name}", lambda one: one[1]) AS "{name}"' for name in structs
        )
        table = f"(SELECT * REPLACE ({opened}) FROM {table}) AS opened"
    return Source(
        gbif_relation(table, types, request.licence),
        "Occurrences from a GBIF snapshot",
        next((one.read_text("utf-8").strip() for one in citations(path)), None),
    )


def citations(path: Path) -> list[Path]:
    """citation.txt lies beside or in the directory."""
    return [one for one in (path / "citation.txt", path.parent / "citation.txt") if one.is_file()]


def inaturalist(request: Request) -> Source:
    """``observations.csv.gz`` with ``taxa.csv.gz`` beside it."""
    taxa = request.taxa or request.path.with_name(request.path.name.replace("observations", "taxa"))
    if not taxa.exists() or taxa == request.path:
        raise SourceError(f"{taxa} is not there: name iNaturalist's taxa.csv.gz with --taxa")
    if request.licence is None:
        raise SourceError(
            "iNaturalist's table has no licences: name that of your copy with --licence"
        )
    observed, named = header(request.path), header(taxa)
    check(request.path, INATURALIST_COLUMNS, observed)
    check(taxa, INATURALIST_TAXA, named)

    def prepare(connection: Any) -> None:
        listed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in named)
        connection.execute(
            f"CREATE TABLE taxon AS SELECT * FROM read_csv({literal(str(taxa))}, "
            f"columns = {{{listed}}}, delim = '\t', quote = '', escape = '', header = true, "
            "auto_detect = false, ignore_errors = true)"
        )
        connection.execute(f"CREATE TABLE taxon_names AS {inaturalist_names('taxon')}")

    return Source(
        inaturalist_relation(table_of(request.path, observed), "taxon_names", request.licence),
        "Observations of research grade from iNaturalist",
        prepare=prepare,
    )


OPENERS: Final[Mapping[str, Callable[[Request], Source]]] = dict(
    zip(FORMATS, (simple_csv, darwin_core_archive, snapshot, inaturalist), strict=True)
)

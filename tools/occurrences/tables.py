"""Text tables as GBIF and iNaturalist write them: their columns, and how DuckDB reads them."""

import gzip
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.occurrences.relations import missing
from tools.occurrences.statement import literal

PARQUET_MARK: Final = b"PAR1"
GZIP_MARK: Final = b"\x1f\x8b"

REJECTED_ROWS: Final = "malformed_row"
"""DuckDB's table of lines with too many or too few columns, or that are no UTF-8."""


class SourceError(Exception):
    """The source cannot be read, or not without being told more."""


def mark(path: Path) -> bytes:
    """The first four bytes."""
    with path.open("rb") as file:
        return file.read(len(PARQUET_MARK))


def header(path: Path) -> list[str]:
    """The columns of a table, compressed or not."""
    is_packed = mark(path)[: len(GZIP_MARK)] == GZIP_MARK
    with gzip.open(path) if is_packed else path.open("rb") as file:
        return columns_of(file.readline())


def columns_of(line: bytes) -> list[str]:
    """The names in the first line of a table."""
    return line.decode("utf-8-sig").rstrip("\r\n").split("\t")


def check(path: Path, wanted: Iterable[str], present: Iterable[str]) -> None:
    """Raises ``SourceError`` with the names of all columns that are not there."""
    if lacking := missing(wanted, present):
        raise SourceError(f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}")


def unpack(archive: zipfile.ZipFile, name: str, work: Path) -> Path:
    """One file of an archive: DuckDB reads in parallel only what lies on the disk."""
    target = work / Path(name).name
    with archive.open(name) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return target


def table_of(path: Path, columns: Iterable[str], *, delimiter: str = "\t", quote: str = "",
             skipped: int = 1) -> str:  # fmt: skip
    """A text file as DuckDB reads it: all columns as text, bad lines put aside."""
    listed = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({literal(str(path))}, columns = {{{listed}}}, delim = {literal(delimiter)}, "
        f"quote = {literal(quote)}, escape = {literal(quote)}, header = false, skip = {skipped}, "
        "auto_detect = false, ignore_errors = true, store_rejects = true, "
        f"rejects_table = '{REJECTED_ROWS}', rejects_scan = '{REJECTED_ROWS}_file')"
    )

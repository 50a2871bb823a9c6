"""Read the text tables of GBIF and iNaturalist: their columns, and how DuckDB reads them."""

import gzip
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools.occurrences.relations import missing
from tools.occurrences.statement import literal

PARQUET_MAGIC: Final = b"PAR1"
GZIP_MAGIC: Final = b"\x1f\x8b"

REJECTED_ROWS: Final = "malformed_row"
"""DuckDB's table of lines with too many or too few columns, or with bytes that are not UTF-8."""


class SourceError(Exception):
    """A source that cannot be read, or that needs another option."""


def explain(error: Exception) -> str:
    """Return a fault that DuckDB meets while it reads, in one line that says what to do."""
    text = str(error)
    cause = text.strip().partition("\n")[0]
    lowered = text.lower()
    if "gzip stream" in lowered:
        return f"{cause}: the file breaks off or is damaged; download it again"
    if "state machine" in lowered:
        return (
            "A line of the table has a carriage return inside a field: unpack the file, and "
            "import it unpacked"
        )
    if "out of memory" in lowered:
        return f"{cause}: raise --memory, or name a disk with more room by --work"
    return cause


def magic_bytes(path: Path) -> bytes:
    """Return the first four bytes."""
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC))


def header(path: Path) -> list[str]:
    """Return the columns of a table, compressed by gzip or not."""
    is_packed = magic_bytes(path)[: len(GZIP_MAGIC)] == GZIP_MAGIC
    with gzip.open(path) if is_packed else path.open("rb") as file:
        return columns_of(file.readline())


def columns_of(line: bytes) -> list[str]:
    """Return the names in the first line of a table."""
    return line.decode("utf-8-sig").rstrip("\r\n").split("\t")


def check(path: Path, required: Iterable[str], present: Iterable[str]) -> None:
    """Raise ``SourceError`` with the names of all missing columns, if there are any."""
    if lacking := missing(required, present):
        raise SourceError(f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}")


def unpack(archive: zipfile.ZipFile, name: str, work: Path) -> Path:
    """Unpack a file of an archive: DuckDB reads only uncompressed files in parallel."""
    target = work / Path(name).name
    with archive.open(name) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return target


def table_of(path: Path, columns: Iterable[str], *, delimiter: str = "\t", quote: str = "",
             skipped: int = 1) -> str:  # fmt: skip
    """Return SQL that reads a text file: all columns as text, bad lines in a table of their own."""
    types = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({literal(str(path))}, columns = {{{types}}}, delim = {literal(delimiter)}, "
        f"quote = {literal(quote)}, escape = {literal(quote)}, header = false, skip = {skipped}, "
        "auto_detect = false, ignore_errors = true, store_rejects = true, "
        f"rejects_table = '{REJECTED_ROWS}', rejects_scan = '{REJECTED_ROWS}_file')"
    )

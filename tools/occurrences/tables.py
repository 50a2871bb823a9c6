"""Read the text tables of GBIF and iNaturalist: their columns, and how DuckDB reads them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.occurrences.relations import missing
from tools.occurrences.statement import literal

PARQUET_MAGIC: Final = b"PAR1"
GZIP_MAGIC: Final = b"\x1f\x8b"
ZIP_MAGIC: Final = b"PK\x03\x04"

REJECTED_ROWS: Final = "malformed_row"
"""DuckDB's table of lines with too many or too few columns, or with bytes that are not UTF-8."""


class SourceError(Exception):
    """A source that cannot be read, or that needs another option."""


@dataclass(frozen=True)
class Source:
    """A source that is ready to read. ``prepare`` must run on the connection first.

    ``title`` and ``citation`` come from the source's own metadata, if it has any. ``note`` says
    what the import makes of it, if that is less than usual.
    """

    relation: str
    title: str
    citation: str | None = None
    prepare: Callable[[Any], None] | None = None
    note: str | None = None


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
    """Return the first four bytes of a file; a directory has none."""
    if path.is_dir():
        return b""
    with path.open("rb") as file:
        return file.read(len(PARQUET_MAGIC))


def check(path: Path, required: Iterable[str], present: Iterable[str]) -> None:
    """Raise ``SourceError`` with the names of all missing columns, if there are any."""
    if lacking := missing(required, present):
        raise SourceError(f"{path} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}")


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

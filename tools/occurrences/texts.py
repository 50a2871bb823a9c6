"""Read text files as people have them: zipped, saved again by a spreadsheet, or by another system.

DuckDB reads UTF-8 whose lines end with a line feed, in parallel from uncompressed files. Everything
else is rewritten into the directory for temporary files: UTF-16, lone carriage returns, gzip.
"""

import codecs
import csv
import gzip
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple, cast

from tools.occurrences.tables import GZIP_MAGIC, SourceError, magic_bytes

CHUNK: Final = 1 << 22
LONGEST_HEADER: Final = 1 << 20
"""Bytes within which the first line of a table ends."""

DELIMITERS: Final = ("\t", ",", ";")
LONE_CARRIAGE_RETURN: Final = re.compile(rb"\r(?!\n)")


class Layout(NamedTuple):
    """The columns of a table, and how its text is written.

    ``has_only_carriage_returns``: they end its lines, as on old Macs.
    """

    columns: list[str]
    delimiter: str
    encoding: str = "utf-8"
    has_only_carriage_returns: bool = False

    @property
    def quote(self) -> str:
        """Tables separated by tabs have no quotes: there a quotation mark is a character."""
        return "" if self.delimiter == "\t" else '"'


@contextmanager
def open_packed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, compressed by gzip or not."""
    with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
        yield cast("IO[bytes]", file)


def is_gzip(path: Path) -> bool:
    """Return whether a file is compressed by gzip."""
    return magic_bytes(path)[: len(GZIP_MAGIC)] == GZIP_MAGIC


def layout_of(path: Path) -> Layout:
    """Return the layout of a table, compressed by gzip or not."""
    with open_packed(path) as file:
        return read_layout(file)


def read_layout(file: IO[bytes]) -> Layout:
    """Return the layout of a table by its first line."""
    start = file.read(LONGEST_HEADER)
    encoding = encoding_of(start)
    if encoding != "utf-8":
        start = codecs.getincrementaldecoder(encoding)().decode(start).encode()
    line = start.partition(b"\n")[0].rstrip(b"\r")
    has_only_carriage_returns = b"\r" in line and b"\n" not in start
    text = line.partition(b"\r")[0].decode("utf-8-sig")
    delimiter = max(DELIMITERS, key=text.count)
    names = text.split("\t") if delimiter == "\t" else next(csv.reader([text], delimiter=delimiter))
    columns: list[str] = []
    for number, name in enumerate(names):
        # Spreadsheets append columns without a name, and people repeat names.
        is_new = name and name.lower() not in map(str.lower, columns)
        columns.append(name if is_new else f"column {number}")
    return Layout(columns, delimiter, encoding, has_only_carriage_returns)


def encoding_of(start: bytes) -> str:
    """Return the encoding of a text: UTF-16 has a mark, or every other byte of its names is 0."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else "utf-8"


def readable(path: Path, work: Path, layout: Layout) -> Path:
    """Return a file that DuckDB can read: this one, or a copy in ``work``."""
    if not is_gzip(path) and layout.encoding == "utf-8":
        with path.open("rb") as file:
            if not has_lone_carriage_return(file):
                return path
    with open_packed(path) as file:
        return write_clean(file, work / f"{path.name}.txt", layout)


def has_lone_carriage_return(file: IO[bytes]) -> bool:
    """Return whether a carriage return stands without a line feed."""
    last = b""
    while chunk := file.read(CHUNK):
        if last == b"\r" and chunk[:1] != b"\n":
            return True
        last = chunk[-1:]
        count = chunk.count(b"\r")
        if count and count != chunk.count(b"\r\n") + (last == b"\r"):
            return True
    return last == b"\r"


def write_clean(file: IO[bytes], target: Path, layout: Layout) -> Path:
    """Write a text in UTF-8 without lone carriage returns."""
    with target.open("wb") as cleaned:
        for chunk in clean(file, layout):
            cleaned.write(chunk)
    return target


def clean(file: IO[bytes], layout: Layout) -> Iterator[bytes]:
    """Yield a text in UTF-8; a lone carriage return becomes a space, or a line feed on old Macs."""
    instead = b"\n" if layout.has_only_carriage_returns else b" "
    decoder = codecs.getincrementaldecoder(layout.encoding)()
    held = b""
    while chunk := file.read(CHUNK):
        text = held + (decoder.decode(chunk).encode() if layout.encoding != "utf-8" else chunk)
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)]
        yield LONE_CARRIAGE_RETURN.sub(instead, text) if b"\r" in text else text
    if layout.encoding != "utf-8":
        decoder.decode(b"", final=True)
    if held:
        yield instead


def members(archive: zipfile.ZipFile) -> list[str]:
    """Return the files of a zip, without those that a Mac adds."""
    return [
        name
        for name in archive.namelist()
        if not name.startswith("__MACOSX/") and not PurePosixPath(name).name.startswith(".")
        and not name.endswith("/")
    ]  # fmt: skip


def member(archive: zipfile.ZipFile, name: str) -> str | None:
    """Return the full name of a file of a zip, which may be in a folder; ``None`` if there is none.

    The outermost one counts.
    """
    found = [full for full in members(archive) if PurePosixPath(full).name == name]
    return min(found, key=lambda full: full.count("/"), default=None)


def table_in(archive: zipfile.ZipFile, path: Path) -> str:
    """Return the name of the only table in a zip. Raises ``SourceError``."""
    names = members(archive)
    tables = [name for name in names if name.lower().endswith((".csv", ".txt", ".tsv"))]
    if len(tables) != 1:
        listed = ", ".join(names[:5]) or "nothing"
        raise SourceError(
            f"{path} holds {len(tables)} tables, not one: it has {listed}. Unpack it, and name the "
            "table of occurrences"
        )
    return tables[0]


def unpack(archive: zipfile.ZipFile, name: str, work: Path, layout: Layout | None = None) -> Path:
    """Unpack a text of an archive: DuckDB reads only uncompressed files in parallel."""
    if layout is None:
        with archive.open(name) as packed:
            layout = read_layout(packed)
    with archive.open(name) as packed:
        return write_clean(packed, work / PurePosixPath(name).name, layout)

"""Zips and bytecode that come out the same from the same input."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

LAMBDA_DIRECTORY: Final = "/var/task"
"""Where Lambda unpacks the zip, so where tracebacks shall say that a file is."""

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file: the earliest that a zip can tell."""

READABLE: Final = 0o100644
"""A plain file that Lambda's user, who does not own it, may read."""

COMPILE: Final = """
import py_compile, sys
for line in sys.stdin:
    source, compiled, shown = line.rstrip("\\n").split("\\t")
    py_compile.compile(source, compiled, shown, doraise=True,
                       invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
"""
"""Unchecked: the zip's dates lie, and /var/task is read-only, so nothing can be out of date."""


def compile_sources(directory: Path) -> None:
    """Bytecode for every module, by this interpreter.

    Ours lies beside its sources, in ``__pycache__``, so that a traceback shows lines of it.
    That of the dependencies takes the place of its sources: a traceback still names file,
    line and function, and the zip is 2 MB smaller. One process with a fixed hash seed compiles
    all, in order, as what is interned before may change the bytes.
    """
    sources = sorted(directory.rglob("*.py"))
    lines = [
        f"{source}\t{_compiled(source, directory)}"
        f"\t{LAMBDA_DIRECTORY}/{source.relative_to(directory)}\n"
        for source in sources
    ]
    subprocess.run(
        [sys.executable, "-P", "-s", "-c", COMPILE],
        input="".join(lines), text=True, check=True, env={"PYTHONHASHSEED": "0"},
    )  # fmt: skip
    for source in sources:
        if not is_ours(source.relative_to(directory)):
            source.unlink()


def is_ours(file: Path) -> bool:
    """Whether a file of the package is the service's own."""
    return file.parts[0] in ("app.py", "__pycache__", "chalicelib")


def _compiled(source: Path, directory: Path) -> Path:
    if is_ours(source.relative_to(directory)):
        tag = sys.implementation.cache_tag
        return source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
    return source.with_suffix(".pyc")


def write(directory: Path, archive: Path) -> None:
    """The directory as a zip: sorted, of one date, readable, compressed as far as it goes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        for file in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(directory).as_posix(), EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = READABLE << 16
            opened.writestr(entry, file.read_bytes(), compresslevel=9)


def unpack(archive: Path, directory: Path) -> Path:
    """The archive's files in a new directory, which is returned."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(directory)
    return directory

"""Write zips and bytecode that come out the same from the same input."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

LAMBDA_DIRECTORY: Final = "/var/task"
"""Lambda unpacks the zip here, so tracebacks must name files here."""

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The date of every file: the earliest that a zip can hold."""

READABLE: Final = 0o100644
"""A plain file that Lambda's user, who does not own it, may read."""

FIRST_PARTY: Final = frozenset({"app.py", "__pycache__", "chalicelib"})


def compile_sources(directory: Path) -> None:
    """Compile every module with this interpreter.

    Our bytecode lies beside its sources, in ``__pycache__``, so that a traceback shows our
    lines. Bytecode of the dependencies replaces their sources: a traceback still names file,
    line and function, and the zip is 2 MB smaller.
    """
    entries = sorted(directory.iterdir())
    ours = [path for path in entries if path.name in FIRST_PARTY]
    dependencies = [path for path in entries if path.name not in FIRST_PARTY]
    _compile(directory, ours)
    _compile(directory, dependencies, "-b")
    for source in directory.rglob("*.py"):
        if not is_first_party(source.relative_to(directory)):
            source.unlink()


def _compile(directory: Path, paths: list[Path], *options: str) -> None:
    """Compile files and directories. A fixed hash seed keeps the bytes the same."""
    if not paths:
        return
    # Unchecked: the zip's dates are not true, and nothing in /var/task changes.
    command = [
        sys.executable, "-P", "-s", "-m", "compileall", "-q", "-f", *options,
        "--invalidation-mode", "unchecked-hash", "-s", str(directory), "-p", LAMBDA_DIRECTORY,
    ]  # fmt: skip
    subprocess.run([*command, *map(str, paths)], check=True, env={"PYTHONHASHSEED": "0"})


def is_first_party(file: Path) -> bool:
    """Return whether a file of the package is the service's own."""
    return file.parts[0] in FIRST_PARTY


def write(directory: Path, archive: Path) -> None:
    """Zip the directory: sorted, with one date, readable, compressed as far as possible."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as opened:
        for file in sorted(path for path in directory.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(file.relative_to(directory).as_posix(), EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = READABLE << 16
            opened.writestr(entry, file.read_bytes(), compresslevel=9)


def unpack(archive: Path, directory: Path) -> Path:
    """Extract the archive into a new directory, and return the directory."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(directory)
    return directory

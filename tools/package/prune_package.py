"""Remove from the package the files that Lambda never needs.

A cold start fetches the package, so every megabyte costs. Each rule is tested: the tests run
the pruned package on every sample photo, in all four formats, and import each of our modules
and what those import later (tests/packaging/).
"""

import csv
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, NamedTuple


class PruneRule(NamedTuple):
    """Files that are removed, as patterns in which ``*`` also matches slashes."""

    reason: str
    patterns: tuple[str, ...]


PRUNE_RULES: Final = (
    PruneRule(
        "only compilers, type checkers and installers read them",
        (
            "bin/*", "*.data/*", "include/*", "lib64/*", "*/include/*", "*.pyi", "*/py.typed",
            "*.pyx", "*.pxd", "*.h", "*.a", "*.cmake", "*/CMakeLists.txt", "*.dist-info/RECORD",
            "*.dist-info/sboms/*", "*.dist-info/top_level.txt", "*.dist-info/entry_points.txt",
        ),
    ),
    PruneRule("tests", ("*/tests/*", "*/conftest.py", "numpy/_core/*_tests.*")),
    PruneRule(
        "the Lambda runtime has them",
        ("boto3/*", "botocore/*", "s3transfer/*", "dateutil/*", "urllib3/*"),
    ),
    PruneRule(
        "ai-edge-litert: other accelerators, compilers, converters; the interpreter on the CPU "
        "links libpywrap_litert_common.so alone",
        (
            "ai_edge_litert/libLiteRt*", "ai_edge_litert/vendors/*", "ai_edge_litert/tools/*",
            "ai_edge_litert/aot/*", "ai_edge_litert/tflite/*", "ai_edge_litert/*_pb2.py",
            "ai_edge_litert/schema_py_generated.py", "ai_edge_litert/_pywrap_[!l]*",
            "ai_edge_litert/_pywrap_litert_[!i]*", "ai_edge_litert/*pybind11.so",
            "ai_edge_litert/pywrap_genai_ops.so",
        ),
    ),
    PruneRule(
        "ai-edge-litert's requirements, which only the parts above import",
        ("ml_dtypes/*", "google/*", "tqdm/*", "flatbuffers/*", "backports/*",
         "backports_strenum-*"),
    ),
    PruneRule(
        "numpy: wrapping Fortran, testing, generating code; random numbers and Fourier "
        "transforms are imported when first used, which nothing here does",
        (
            "numpy/f2py/*", "numpy/testing/*", "numpy/doc/*", "numpy/_pyinstaller/*",
            "numpy/random/*", "numpy/fft/*", "numpy/polynomial/*", "numpy/core/*",
            "numpy/_core/_simd.*", "numpy/_configtool.py",
        ),
    ),
    PruneRule(
        "Pillow: AVIF, fonts, colour management and a window system; the reader takes JPEG, "
        "PNG and WebP by name and HEIC from pi-heif",
        (
            "PIL/_avif.*", "PIL/AvifImagePlugin.py", "PIL/_imagingft.*", "PIL/_imagingcms.*",
            "PIL/_imagingtk.*", "PIL/_imagingmorph.*", "PIL/_imagingmath.*",
            "PIL/ImageQt.py", "PIL/ImageTk.py", "PIL/ImageWin.py", "PIL/_tkinter_finder.py",
            "pillow.libs/libavif-*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*",
            "pillow.libs/liblcms2-*", "pillow.libs/libbrotli*", "pillow.libs/libpng16-*",
        ),
    ),
    PruneRule(
        "powertools: all but Logger and Metrics",
        (
            "aws_lambda_powertools/utilities/[!_j]*", "aws_lambda_powertools/event_handler/*",
            "aws_lambda_powertools/metrics/provider/datadog/*",
        ),
    ),
    PruneRule(
        "msgspec does not need it; the other modules that do are never loaded (lazy_imports.py)",
        ("typing_extensions.py",),
    ),
    PruneRule(
        "redis: search, graphs, time series and other modules of the server",
        ("redis/commands/bf/*",),
    ),
)  # fmt: skip


LICENCES: Final = "*.dist-info/licenses/*"
"""Each wheel's licence files (PEP 639). Their paths repeat those of the code: ``*/include/*``."""

VERSION_LOOKUP: Final = (
    "from importlib import metadata\n\n__version__ = metadata.version(__package__ or __name__)\n"
)
"""h3's way to its own version at import. It costs 25 ms of a cold start."""


def prune(directory: Path) -> None:
    """Delete the files that no request needs from an unpacked package.

    The metadata keeps its headers only. A module that looks up its version there gets the
    version as a constant. A dependency without any code left is removed completely.
    """
    contents = {record.parent: installed(record) for record in directory.glob("*/RECORD")}
    for file in list(pruned_files(directory)):
        file.unlink()
    for information, names in contents.items():
        if not any((directory / name).is_file() for name in names):
            shutil.rmtree(information)
    for file in directory.glob("*.dist-info/METADATA"):
        headers, _, _ = file.read_text(encoding="utf-8").partition("\n\n")
        file.write_text(headers + "\n", encoding="utf-8")
        name, _, version = file.parent.stem.partition("-")
        module = directory / name / "_version.py"
        if module.is_file() and module.read_text(encoding="utf-8") == VERSION_LOOKUP:
            module.write_text(f'__version__ = "{version}"\n', encoding="utf-8")
    for folder in sorted(directory.rglob("*"), reverse=True):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def installed(record: Path) -> list[str]:
    """Return a dependency's files without its metadata, as its RECORD lists them (PEP 376)."""
    with record.open(encoding="utf-8", newline="") as file:
        names = [line[0] for line in csv.reader(file) if line]
    return [name for name in names if not name.startswith(f"{record.parent.name}/")]


def pruned_files(directory: Path) -> Iterator[Path]:
    """Yield the files that a rule names. A licence stays, whatever the path that it applies to."""
    patterns = [pattern for rule in PRUNE_RULES for pattern in rule.patterns]
    for file in directory.rglob("*"):
        name = file.relative_to(directory).as_posix()
        if fnmatchcase(name, LICENCES):
            continue
        if file.is_file() and any(fnmatchcase(name, pattern) for pattern in patterns):
            yield file

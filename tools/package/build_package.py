"""Build the package for Lambda: ``make package``.

Chalice's own packager makes the zip. We remove everything that no request needs
(``prune_package.py``), compile each module, write the zip so that the same input gives the
same bytes (``reproducible_zip.py``), and check the result (``verify_package.py``). It replaces
Chalice's zip, so that ``chalice deploy`` finds and uploads it (``deploy.py``).
"""

import argparse
import hashlib
import sys
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.package import (
    chalice_project,
    native_libraries,
    prune_package,
    reproducible_zip,
    sbom,
    verify_package,
)
from tools.package.chalice_project import DEPLOYMENT, TARGET, PackagingError

OLDEST_PYTHON: Final = (3, 12)
SBOM_SUFFIX: Final = ".cdx.json"
"""The suffix of a software bill of materials in CycloneDX's JSON."""

PYTHON_TOO_OLD: Final = (
    "Package from Python 3.12 or later. The wheel of tflite-runtime for Python 3.11 needs "
    "GLIBC_2.29, and Lambda's python3.11 has 2.26: the package would build, deploy, and fail "
    "at its first import."
)


def build(
    project: Path = DEPLOYMENT,
    architecture: str = "x86_64",
    python: tuple[int, int] = sys.version_info[:2],
    source: Path = ROOT,
) -> Path:
    """Build the pruned, compiled and verified package of the project as it is now.

    Args:
        project: The directory of the copy that is built from; its content is replaced.
        architecture: ``x86_64`` or ``arm64``.
        python: The interpreter's version.
        source: The project to package.

    Raises:
        PackagingError: There is no package. The text has a line for each reason.
    """
    if python < OLDEST_PYTHON:
        raise PackagingError(PYTHON_TOO_OLD)
    chalice_project.copy_project(
        project, {"automatic_layer": False, "lambda_architecture": architecture}, source
    )
    package = chalice_project.pack(project)
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = reproducible_zip.unpack(package, Path(temporary) / "package")
        requirements = project / "requirements.txt"
        raise_on_faults(
            verify_package.missing_requirements(unpacked, requirements, python, architecture)
        )
        wheel_bills = native_libraries.read_wheel_bills(unpacked)
        prune_package.prune(unpacked)
        raise_on_faults(verify_package.incompatible_libraries(unpacked, architecture))
        reproducible_zip.compile_sources(unpacked)
        raise_on_faults(verify_package.content_faults(unpacked))
        reproducible_zip.write(unpacked, package)
        raise_on_faults(verify_package.size_faults(*sizes(package)))
        package.with_suffix(SBOM_SUFFIX).write_text(
            sbom.bill_of_materials(unpacked, package, wheel_bills), encoding="utf-8"
        )
    return package


def raise_on_faults(faults: Iterable[str]) -> None:
    """Raise ``PackagingError`` if there is any fault."""
    if lines := list(faults):
        raise PackagingError("\n".join(lines))


def sizes(package: Path) -> tuple[int, int]:
    """Return the bytes zipped and unzipped."""
    with zipfile.ZipFile(package) as opened:
        return package.stat().st_size, sum(entry.file_size for entry in opened.infolist())


def size_table(package: Path) -> str:
    """Return a table of megabytes by top-level name, the largest first."""
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    with zipfile.ZipFile(package) as opened:
        for entry in opened.infolist():
            total = totals[part_name(entry.filename)]
            total[0] += entry.compress_size
            total[1] += entry.file_size
    lines = [f"{'zipped':>9}{'unzipped':>10}  MB (1,000,000 bytes)"]
    for name, (zipped, unzipped) in sorted(totals.items(), key=lambda item: -item[1][0]):
        lines.append(f"{zipped / 1e6:9.2f}{unzipped / 1e6:10.2f}  {name}")
    zipped, unzipped = sizes(package)
    return "\n".join([*lines, f"{zipped / 1e6:9.2f}{unzipped / 1e6:10.2f}  all"])


def part_name(name: str) -> str:
    """Return the part of the package that a file counts for."""
    first = name.partition("/")[0]
    if first.endswith(".dist-info"):
        return "licences and metadata"
    if "/model/" in name:
        return "chalicelib: model"
    parts = {"pillow.libs": "PIL", "app.py": "chalicelib", "__pycache__": "chalicelib"}
    if first.startswith(("_pi_heif", "pi_heif")):
        return "pi_heif"
    if first == "numpy.libs":
        return "numpy: OpenBLAS"
    return parts.get(first, first.removesuffix(".pyc"))


def main() -> int:
    """Build, and print the package's content."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--architecture", choices=verify_package.MACHINES, default="x86_64")
    arguments = parser.parse_args()
    try:
        package = build(architecture=arguments.architecture)
    except PackagingError as error:
        print(f"No package for {TARGET} on {arguments.architecture}:\n{error}", file=sys.stderr)
        return 1
    print(size_table(package))
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    print(f"\n{package}\n{package.with_suffix(SBOM_SUFFIX)}")
    print(f"{TARGET}, {arguments.architecture}, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

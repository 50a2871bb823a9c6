"""Build the package for Lambda: ``make package``.

Chalice's own packager makes the zip; then what no request needs goes (``slimming.py``),
every module is compiled, the zip is written so that the same input gives the same bytes
(``archive.py``), and nothing is left to trust (``verifying.py``). The result takes the place
of Chalice's zip, where ``chalice deploy`` finds and uploads it (``deploy.py``).
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

from tools.package import chalice_project, prune_package, reproducible_zip, sbom, verify_package
from tools.package.chalice_project import DEPLOYMENT, TARGET, NoPackage

OLDEST: Final = (3, 12)
BILL: Final = ".cdx.json"
"""How a bill of materials in CycloneDX's JSON is to be named."""

TOO_OLD: Final = (
    "Package from Python 3.12 or later. The wheel of tflite-runtime for Python 3.11 needs "
    "GLIBC_2.29, and Lambda's python3.11 has 2.26: the package would build, deploy, and fail "
    "at its first import."
)


def build(
    project: Path = DEPLOYMENT,
    architecture: str = "x86_64",
    python: tuple[int, int] = sys.version_info[:2],
) -> Path:
    """The slimmed, compiled and verified package of the project as it is now.

    Raises ``NoPackage`` with everything that speaks against it.
    """
    if python < OLDEST:
        raise NoPackage(TOO_OLD)
    chalice_project.copy_project(
        project, {"automatic_layer": False, "lambda_architecture": architecture}
    )
    package = chalice_project.pack(project)
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = reproducible_zip.unpack(package, Path(temporary) / "package")
        requirements = project / "requirements.txt"
        refuse(verify_package.missing_requirements(unpacked, requirements, python, architecture))
        prune_package.slim(unpacked)
        refuse(verify_package.too_new(unpacked, architecture))
        reproducible_zip.compile_sources(unpacked)
        refuse(verify_package.unexpected(unpacked))
        reproducible_zip.write(unpacked, package)
        refuse(verify_package.too_large(*sizes(package)))
        package.with_suffix(BILL).write_text(
            sbom.bill_of_materials(unpacked, package), encoding="utf-8"
        )
    return package


def refuse(faults: Iterable[str]) -> None:
    """Raise ``NoPackage`` where there is any fault."""
    if found := list(faults):
        raise NoPackage("\n".join(found))


def sizes(package: Path) -> tuple[int, int]:
    """Bytes zipped and unzipped."""
    with zipfile.ZipFile(package) as opened:
        return package.stat().st_size, sum(entry.file_size for entry in opened.infolist())


def table(package: Path) -> str:
    """Megabytes by top-level name, the largest first."""
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    with zipfile.ZipFile(package) as opened:
        for entry in opened.infolist():
            total = totals[part_of(entry.filename)]
            total[0] += entry.compress_size
            total[1] += entry.file_size
    lines = [f"{'zipped':>9}{'unzipped':>10}  MB (1,000,000 bytes)"]
    for name, (zipped, unzipped) in sorted(totals.items(), key=lambda one: -one[1][0]):
        lines.append(f"{zipped / 1e6:9.2f}{unzipped / 1e6:10.2f}  {name}")
    zipped, unzipped = sizes(package)
    return "\n".join([*lines, f"{zipped / 1e6:9.2f}{unzipped / 1e6:10.2f}  all"])


def part_of(name: str) -> str:
    """What a file of the package is counted under."""
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
    """Build, and print what the package holds."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--architecture", choices=verify_package.MACHINES, default="x86_64")
    arguments = parser.parse_args()
    try:
        package = build(architecture=arguments.architecture)
    except NoPackage as error:
        print(f"No package for {TARGET} on {arguments.architecture}:\n{error}", file=sys.stderr)
        return 1
    print(table(package))
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    print(f"\n{package}\n{package.with_suffix(BILL)}")
    print(f"{TARGET}, {arguments.architecture}, sha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What must be true of a package before it may be deployed.

Chalice drops a requirement without a compatible wheel and ends with exit code 0, and pip
believes the tag of a wheel whose libraries need more than it says. So the files are asked.
"""

import re
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection
from packaging.requirements import Requirement
from packaging.tags import Tag, cpython_tags, parse_tag
from packaging.utils import canonicalize_name

from tools.package.reproducible_zip import is_ours

MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's names of the architectures, and those of wheels."""

ELF_MACHINES: Final = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}

AMAZON_LINUX_2023: Final = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
"""The newest symbol versions of the C and C++ libraries of python3.12 and later.

glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html. libstdc++ of gcc 11:
https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html; a function that needed GLIBCXX_3.4.30
has failed on Lambda: https://github.com/amazonlinux/container-images/issues/132
"""

MOST_ZIPPED: Final = 50 * 1024**2
"""Lambda's limit of a direct upload: its API takes a request of 69,905,067 bytes, in base64."""

MOST_UNZIPPED: Final = 262_144_000
"""Lambda's limit of function and layers together: 250 MiB."""

NEEDED: Final = (
    "app.py",
    "chalice/app.pyc",
    "chalicelib/data/features.sqlite",
    "chalicelib/http/openapi.json",
    "chalicelib/data/vernacular.csv",
    "chalicelib/data/LICENSE-mit",
    "chalicelib/data/LICENSE-unicode",
    "chalicelib/data/LICENSE-wordnet",
    "chalicelib/data/model/model.json",
    "chalicelib/data/model/labels.csv",
    "chalicelib/data/model/efficientnet-lite2-float16.tflite",
    "chalicelib/website/index.html",
)

TOP_LEVEL: Final = (
    "app.py", "__pycache__", "chalice", "chalicelib",
    "PIL", "pillow.libs", "_pi_heif.*.so", "pi_heif", "pi_heif.libs", "exifread",
    "numpy", "numpy.libs", "ai_edge_litert", "h3", "msgspec", "multipart.pyc",
    "pybase64", "pymysql", "redis",
    "aws_lambda_powertools", "jmespath",
)  # fmt: skip
"""What may lie at the top of the package, beside ``*.dist-info``."""

OURS: Final = re.compile(
    r"[\w.-]+\.(py|pyc|sqlite|tflite|csv|json|md|html|css|js|svg)|LICENSE(-[\w-]+)?"
)
SECRETS: Final = re.compile(rb"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY")
BUILD_PATHS: Final = re.compile(rb"/(?:home|root|tmp|Users|work)/[\w.-]+/")


def missing_requirements(
    directory: Path, requirements: Path, python: tuple[int, int], architecture: str
) -> Iterator[str]:
    """Pinned requirements without a build in ``directory`` that the target can load."""
    found = {}
    for information in directory.glob("*.dist-info"):
        metadata = HeaderParser().parsestr((information / "METADATA").read_text("utf-8"))
        wheel = HeaderParser().parsestr((information / "WHEEL").read_text("utf-8"))
        tags = {tag for text in wheel.get_all("Tag", []) for tag in parse_tag(text)}
        found[canonicalize_name(metadata["Name"])] = metadata["Version"], tags
    usable = compatible_tags(python, architecture)
    for requirement in wanted(requirements, python, architecture):
        version, tags = found.get(canonicalize_name(requirement.name), ("", set()))
        if not version:
            yield f"{requirement}: Chalice has left it out"
        elif not requirement.specifier.contains(version):
            yield f"{requirement}: {version} is in the package"
        elif tags.isdisjoint(usable):
            yield f"{requirement}: built for {', '.join(sorted(map(str, tags)))}"


def wanted(requirements: Path, python: tuple[int, int], architecture: str) -> Iterator[Requirement]:
    """The lines of a requirements file that count on the target."""
    version = f"{python[0]}.{python[1]}"
    target = {
        "python_version": version,
        "python_full_version": f"{version}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
    }
    for line in requirements.read_text(encoding="utf-8").splitlines():
        text = line.partition("#")[0].strip().removesuffix("\\")
        if text and not text.startswith("--hash="):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate(target):
                yield requirement


def compatible_tags(python: tuple[int, int], architecture: str) -> frozenset[Tag]:
    """The tags of wheels that the target can load."""
    newest = AMAZON_LINUX_2023["GLIBC"][1]
    machine = MACHINES[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)]
    platforms += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    binary = cpython_tags(python, platforms=[*platforms, f"linux_{machine}"])
    pure = (Tag(name, "none", "any") for name in ("py3", "py2.py3", f"py3{python[1]}"))
    return frozenset((*binary, *pure, Tag("py2", "none", "any")))


def too_new(directory: Path, architecture: str) -> Iterator[str]:
    """Libraries that the target's dynamic linker would refuse."""
    for library in sorted(directory.rglob("*.so*")):
        with library.open("rb") as file:
            elf = ELFFile(file)
            if elf["e_machine"] != ELF_MACHINES[architecture]:
                yield f"{library.name}: is for {elf['e_machine']}"
            for section in elf.iter_sections():
                if isinstance(section, GNUVerNeedSection):
                    for _, versions in section.iter_versions():
                        yield from (
                            f"{library.name}: needs {version.name}"
                            for version in versions
                            if is_too_new(version.name)
                        )


def is_too_new(version: str) -> bool:
    """Whether a symbol version, as ``GLIBC_2.35``, is newer than the target's."""
    library, _, number = version.partition("_")
    if library not in AMAZON_LINUX_2023 or not number[:1].isdigit():
        return False
    return tuple(map(int, number.split("."))) > AMAZON_LINUX_2023[library]


def unexpected(directory: Path) -> Iterator[str]:
    """Files that have no business in the package, and those that it lacks."""
    for path in sorted(directory.iterdir()):
        if path.suffix != ".dist-info" and not any(path.match(name) for name in TOP_LEVEL):
            yield f"{path.name}: not on the list of what may be there"
    for needed in NEEDED:
        if not (directory / needed).is_file():
            yield f"{needed}: missing"
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_symlink() or path.name.startswith(".env"):
            yield f"{name}: must not be there"
        if path.is_file() and is_ours(name):
            yield from (f"{name}: {fault}" for fault in faults_of_ours(path))


def faults_of_ours(path: Path) -> Iterator[str]:
    """What is wrong with a file of the service's own."""
    if not OURS.fullmatch(path.name):
        yield "an unknown kind of file"
    content = path.read_bytes()
    if SECRETS.search(content):
        yield "looks as if it held a secret"
    if path.suffix == ".pyc" and BUILD_PATHS.search(content):
        yield "names a directory of the machine that built it"


def too_large(zipped: int, unzipped: int) -> Iterator[str]:
    """Where Lambda would refuse the size."""
    if zipped > MOST_ZIPPED:
        yield f"{zipped:,} bytes zipped: Lambda takes {MOST_ZIPPED:,}"
    if unzipped > MOST_UNZIPPED:
        yield f"{unzipped:,} bytes unzipped: Lambda takes {MOST_UNZIPPED:,}"

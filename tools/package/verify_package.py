"""Check a package before it may be deployed.

If a requirement has no compatible wheel, Chalice drops it and ends with exit code 0. And pip
believes a wheel's tag, even if its libraries need newer ones than the tag says. So these
checks read the files themselves.
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

from tools.package.reproducible_zip import is_first_party

MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
"""Lambda's name of each architecture, and the name in wheels."""

ELF_MACHINES: Final = {"x86_64": "EM_X86_64", "arm64": "EM_AARCH64"}

AMAZON_LINUX_2023: Final = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13)}
"""The newest symbol versions of the C and C++ libraries of python3.12 and later.

glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html. libstdc++ of gcc 11:
https://gcc.gnu.org/onlinedocs/libstdc++/manual/abi.html; a function that needed GLIBCXX_3.4.30
has failed on Lambda: https://github.com/amazonlinux/container-images/issues/132
"""

MAX_ZIPPED_BYTES: Final = 50 * 1024**2
"""Lambda's limit of a direct upload: its API takes 69,905,067 bytes of base64 in a request."""

MAX_UNZIPPED_BYTES: Final = 262_144_000
"""Lambda's limit of function and layers together: 250 MiB."""

REQUIRED_FILES: Final = (
    "app.py",
    "chalice/app.pyc",
    "chalicelib/data/model/features.sqlite",
    "chalicelib/http/openapi.json",
    "chalicelib/data/model/vernacular.csv",
    "chalicelib/data/LICENSE-gpl",
    "chalicelib/data/LICENSE-lgpl",
    "chalicelib/data/LICENSE-mit",
    "chalicelib/data/LICENSE-unicode",
    "chalicelib/data/LICENSE-wordnet",
    "chalicelib/data/model/model.json",
    "chalicelib/data/model/labels.csv",
    "chalicelib/data/model/efficientnet-lite2-float16.tflite",
    "chalicelib/website/index.html",
)

REQUIRED_LICENCES: Final = (
    "pi_heif-*.dist-info/licenses/LICENSE.txt",
    "pi_heif-*.dist-info/licenses/LICENSES_bundled.txt",
)
"""Licence files of wheels that must ship: the LGPL wants its notice beside its libraries."""

ALLOWED_TOP_LEVEL: Final = (
    "app.py", "__pycache__", "chalice", "chalicelib",
    "PIL", "pillow.libs", "_pi_heif.*.so", "pi_heif", "pi_heif.libs", "exifread",
    "numpy", "numpy.libs", "ai_edge_litert", "h3", "msgspec", "multipart.pyc",
    "pybase64", "pymysql", "redis",
    "aws_lambda_powertools", "jmespath",
)  # fmt: skip
"""Files and directories allowed at the top of the package, beside ``*.dist-info``."""

FIRST_PARTY_FILE: Final = re.compile(
    r"[\w.-]+\.(py|pyc|sqlite|tflite|csv|json|md|html|css|js|svg|pem)|LICENSE(-[\w-]+)?"
)
PEM_LABEL: Final = re.compile(rb"-----BEGIN ([A-Z0-9 ]*)-----")
SECRETS: Final = re.compile(rb"AKIA[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY")
BUILD_PATHS: Final = re.compile(rb"/(?:home|root|tmp|Users|work)/[\w.-]+/")


def missing_requirements(
    directory: Path, requirements: Path, python: tuple[int, int], architecture: str
) -> Iterator[str]:
    """Yield each pinned requirement without a build that the target can load.

    Args:
        directory: The unpacked package.
        requirements: The requirements file, with pinned versions.
        python: The target's Python version.
        architecture: ``x86_64`` or ``arm64``.
    """
    builds = {}
    for information in directory.glob("*.dist-info"):
        metadata = HeaderParser().parsestr((information / "METADATA").read_text("utf-8"))
        wheel = HeaderParser().parsestr((information / "WHEEL").read_text("utf-8"))
        tags = {tag for text in wheel.get_all("Tag", []) for tag in parse_tag(text)}
        builds[canonicalize_name(metadata["Name"])] = metadata["Version"], tags
    usable = compatible_tags(python, architecture)
    for requirement in target_requirements(requirements, python, architecture):
        version, tags = builds.get(canonicalize_name(requirement.name), ("", set()))
        if not version:
            yield f"{requirement}: missing; Chalice has left it out"
        elif not requirement.specifier.contains(version):
            yield f"{requirement}: {version} is in the package"
        elif tags.isdisjoint(usable):
            yield f"{requirement}: built for {', '.join(sorted(map(str, tags)))}"


def target_requirements(
    requirements: Path, python: tuple[int, int], architecture: str
) -> Iterator[Requirement]:
    """Yield the lines of a requirements file that apply to the target."""
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
    """Return the tags of wheels that the target can load."""
    newest = AMAZON_LINUX_2023["GLIBC"][1]
    machine = MACHINES[architecture]
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 4, -1)]
    platforms += [f"manylinux{year}_{machine}" for year in ("2014", "2010", "1")]
    binary = cpython_tags(python, platforms=[*platforms, f"linux_{machine}"])
    pure = (Tag(name, "none", "any") for name in ("py3", "py2.py3", f"py3{python[1]}"))
    return frozenset((*binary, *pure, Tag("py2", "none", "any")))


def incompatible_libraries(directory: Path, architecture: str) -> Iterator[str]:
    """Yield the libraries that the target's dynamic linker would refuse."""
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
                            if is_newer_than_target(version.name)
                        )


def is_newer_than_target(version: str) -> bool:
    """Return whether a symbol version, such as ``GLIBC_2.35``, is newer than the target's."""
    library, _, number = version.partition("_")
    if library not in AMAZON_LINUX_2023 or not number[:1].isdigit():
        return False
    return tuple(map(int, number.split("."))) > AMAZON_LINUX_2023[library]


def content_faults(directory: Path) -> Iterator[str]:
    """Yield the files that must not be in the package, and those that it lacks."""
    for path in sorted(directory.iterdir()):
        if path.suffix != ".dist-info" and not any(path.match(name) for name in ALLOWED_TOP_LEVEL):
            yield f"{path.name}: not in ALLOWED_TOP_LEVEL"
    for needed in REQUIRED_FILES:
        if not (directory / needed).is_file():
            yield f"{needed}: missing"
    yield from (f"{name}: missing" for name in REQUIRED_LICENCES if not any(directory.glob(name)))
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory)
        if path.is_symlink() or path.name.startswith(".env"):
            yield f"{name}: must not be there"
        if path.is_file() and is_first_party(name):
            yield from (f"{name}: {fault}" for fault in first_party_faults(path))


def first_party_faults(path: Path) -> Iterator[str]:
    """Yield everything that is wrong with one of the service's own files."""
    if not FIRST_PARTY_FILE.fullmatch(path.name):
        yield "not a type of file that we ship"
    content = path.read_bytes()
    if path.suffix == ".pem" and set(PEM_LABEL.findall(content)) != {b"CERTIFICATE"}:
        yield "must hold certificates, and nothing else"
    if SECRETS.search(content):
        yield "seems to hold a secret"
    if path.suffix == ".pyc" and BUILD_PATHS.search(content):
        yield "names a directory of the build machine"


def size_faults(zipped: int, unzipped: int) -> Iterator[str]:
    """Yield each limit of Lambda that the package exceeds."""
    if zipped > MAX_ZIPPED_BYTES:
        yield f"{zipped:,} bytes zipped: Lambda takes {MAX_ZIPPED_BYTES:,}"
    if unzipped > MAX_UNZIPPED_BYTES:
        yield f"{unzipped:,} bytes unzipped: Lambda takes {MAX_UNZIPPED_BYTES:,}"

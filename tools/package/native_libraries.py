"""List the C and C++ libraries that the wheels of a package contain.

A wheel carries copies of libraries, in its ``*.libs`` directory or linked into its extension
modules. Their vulnerabilities are reported under their own names, so the bill of materials
(``sbom.py``) names each of them. A version is read from the library's own bytes or from the
wheel's own bill (PEP 770); a version that neither says is left out.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from packageurl import PackageURL


class LibraryRule(NamedTuple):
    """A library that a wheel is known to contain.

    Attributes:
        wheel: The wheel's normalized name.
        name: The name under which vulnerabilities are reported.
        files: Patterns of the files that contain the library.
        licence: An SPDX expression.
        source: The URL of its source code.
        version: A pattern of its version in the bytes of its files.
        listed_as: Its name in the wheel's own bill, which states the version.
    """

    wheel: str
    name: str
    files: tuple[str, ...]
    licence: str
    source: str
    version: bytes = b""
    listed_as: str = ""


class NativeLibrary(NamedTuple):
    """A library in a package, with the files that contain it."""

    name: str
    files: tuple[str, ...]
    version: str | None = None
    licence: str = ""
    source: str = ""


PLAIN_VERSION: Final = rb"\0(\d+\.\d+\.\d+)\0"
"""A string that is nothing but a version, as C code keeps the version of its own library."""

RULES: Final = (
    LibraryRule(
        "pi-heif", "libheif", ("pi_heif.libs/libheif-*",), "LGPL-3.0-or-later",
        "https://github.com/strukturag/libheif", PLAIN_VERSION,
    ),
    LibraryRule(
        "pi-heif", "libde265", ("pi_heif.libs/libde265-*",), "LGPL-3.0-or-later",
        "https://github.com/strukturag/libde265", PLAIN_VERSION,
    ),
    LibraryRule(
        "pillow", "libjpeg-turbo", ("pillow.libs/libjpeg-*",), "IJG AND BSD-3-Clause",
        "https://github.com/libjpeg-turbo/libjpeg-turbo",
        rb"libjpeg-turbo version (\d+\.\d+\.\d+)",
    ),
    LibraryRule(
        "pillow", "libwebp", ("pillow.libs/libwebp*", "pillow.libs/libsharpyuv-*"),
        "BSD-3-Clause", "https://chromium.googlesource.com/webm/libwebp", listed_as="libwebp",
    ),
    LibraryRule(
        "pillow", "zlib-ng", ("PIL/_imaging.*.so",), "Zlib",
        "https://github.com/zlib-ng/zlib-ng", listed_as="zlib",
    ),
    LibraryRule(
        "pillow", "libtiff", ("pillow.libs/libtiff-*",), "libtiff",
        "https://gitlab.com/libtiff/libtiff", rb"LIBTIFF, Version (\d+\.\d+\.\d+)",
    ),
    LibraryRule(
        "pillow", "openjpeg", ("pillow.libs/libopenjp2-*",), "BSD-2-Clause",
        "https://github.com/uclouvain/openjpeg", PLAIN_VERSION,
    ),
    LibraryRule(
        "pillow", "xz", ("pillow.libs/liblzma-*",), "0BSD",
        "https://github.com/tukaani-project/xz", PLAIN_VERSION,
    ),
    LibraryRule(
        "pillow", "zstd", ("pillow.libs/libzstd-*",), "BSD-3-Clause",
        "https://github.com/facebook/zstd", PLAIN_VERSION,
    ),
    LibraryRule(
        "pillow", "libxcb", ("pillow.libs/libxcb-*",), "X11",
        "https://gitlab.freedesktop.org/xorg/lib/libxcb", listed_as="libxcb",
    ),
    LibraryRule(
        "pillow", "libXau", ("pillow.libs/libXau-*",), "MIT-open-group",
        "https://gitlab.freedesktop.org/xorg/lib/libxau", listed_as="libXau",
    ),
    LibraryRule(
        "numpy", "openblas", ("numpy.libs/libscipy_openblas*",), "BSD-3-Clause",
        "https://github.com/OpenMathLib/OpenBLAS", rb"OpenBLAS (\d+(?:\.\d+)+)",
    ),
    LibraryRule(
        "numpy", "gcc-runtime", ("numpy.libs/libgfortran-*", "numpy.libs/libquadmath-*"),
        "GPL-3.0-or-later WITH GCC-exception-3.1", "https://gcc.gnu.org/git/gcc.git",
    ),
    LibraryRule(
        "ai-edge-litert", "tensorflow-lite", ("ai_edge_litert/libpywrap_litert_common.so",),
        "Apache-2.0", "https://github.com/google-ai-edge/LiteRT",
        rb"\0(\d+\.\d+\.\d+(?:-dev0)?\+selfbuilt)\0",
    ),
    LibraryRule(
        "h3", "h3-core", ("h3/_cy/*.so",), "Apache-2.0", "https://github.com/uber/h3",
    ),
    LibraryRule(
        "pybase64", "base64", ("pybase64/_pybase64.*.so",), "BSD-2-Clause",
        "https://github.com/aklomp/base64", listed_as="base64",
    ),
)  # fmt: skip
"""Libraries that wheels contain. Pillow's colour management, fonts and AVIF are pruned."""


def read_wheel_bills(unpacked: Path) -> dict[str, dict[str, str]]:
    """Return the versions that the wheels' own bills state, by wheel and by library.

    Pruning removes those bills, because they also list the pruned parts: call this before it.
    """
    versions: dict[str, dict[str, str]] = {}
    for file in sorted(unpacked.glob("*.dist-info/sboms/*.json")):
        wheel = normalized(file.parent.parent.name.partition("-")[0])
        for part in json.loads(file.read_text(encoding="utf-8")).get("components", []):
            version = part.get("version")
            if not version and "purl" in part:  # A library without releases has a commit there.
                version = PackageURL.from_string(part["purl"]).version
            if version:
                versions.setdefault(wheel, {})[part["name"]] = version
    return versions


def native_libraries(
    unpacked: Path, wheel: str, listed: Mapping[str, str]
) -> Iterator[NativeLibrary]:
    """Yield the libraries of one wheel that are still in a package.

    Args:
        unpacked: The unpacked package, after pruning.
        wheel: The wheel's name.
        listed: The versions that the wheel's own bill states.
    """
    wheel = normalized(wheel)
    known: set[Path] = set()
    for rule in RULES:
        files = sorted({file for pattern in rule.files for file in unpacked.glob(pattern)})
        if rule.wheel == wheel and files:
            known.update(files)
            yield NativeLibrary(
                rule.name,
                tuple(file.relative_to(unpacked).as_posix() for file in files),
                listed.get(rule.listed_as) or stated_version(rule.version, files),
                rule.licence,
                rule.source,
            )
    for file in sorted(set(unpacked.glob(f"{wheel.replace('-', '_')}.libs/*")) - known):
        name = re.split(r"-[0-9a-f]{8}|\.so", file.name)[0]
        yield NativeLibrary(name, (file.relative_to(unpacked).as_posix(),))


def stated_version(pattern: bytes, files: Iterable[Path]) -> str | None:
    """Return the only version that the bytes of the files state, or nothing."""
    if not pattern:
        return None
    versions = {version for file in files for version in re.findall(pattern, file.read_bytes())}
    return versions.pop().decode() if len(versions) == 1 else None


def normalized(name: str) -> str:
    """Return a distribution's name as PyPI normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()

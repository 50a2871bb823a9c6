"""Test how the C libraries inside wheels are found, and how their versions are read."""

import json

from tools.package import native_libraries
from tools.package.native_libraries import NativeLibrary

LIBHEIF = "pi_heif.libs/libheif-7a3e919c.so.1.23.0"


def write(file, content: bytes = b"") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def test_a_version_is_read_from_the_bytes_of_the_library(tmp_path):
    """The number in the file's name is that of the interface, not of the release."""
    write(tmp_path / "pi_heif.libs/libde265-90fb0ce1.so.0.2.0", b"..\0" + b"1.1.0\0..")
    (library,) = native_libraries.native_libraries(tmp_path, "pi_heif", {})
    assert (library.name, library.version) == ("libde265", "1.1.0")
    assert library.source == "https://github.com/strukturag/libde265"


def test_a_version_that_nothing_states_is_left_out(tmp_path):
    """Two different versions in one file are none."""
    write(tmp_path / LIBHEIF, b"\0" + b"1.2.3\0\0" + b"4.5.6\0")
    (library,) = native_libraries.native_libraries(tmp_path, "pi-heif", {})
    assert library.version is None


def test_an_unknown_library_is_listed_under_the_name_of_its_file(tmp_path):
    """A new release of a wheel may contain another library."""
    write(tmp_path / "pillow.libs/libjxl-0123abcd.so.0.11.1")
    assert list(native_libraries.native_libraries(tmp_path, "Pillow", {})) == [
        NativeLibrary("libjxl", ("pillow.libs/libjxl-0123abcd.so.0.11.1",))
    ]


def test_a_pruned_library_is_not_listed(tmp_path):
    """The wheel's own bill still has it; the package does not."""
    assert list(native_libraries.native_libraries(tmp_path, "pillow", {"libwebp": "1.6.0"})) == []


def test_the_wheels_own_bill_states_versions(tmp_path):
    """A library without releases has the commit in its package URL."""
    parts = [
        {"name": "libwebp", "version": "1.6.0"},
        {"name": "base64", "purl": "pkg:github/aklomp/base64@bf058e5"},
        {"name": "header"},
    ]
    bill = json.dumps({"components": parts}).encode()
    write(tmp_path / "Pillow-13.0.0.dist-info/sboms/x.cdx.json", bill)
    bills = native_libraries.read_wheel_bills(tmp_path)
    assert bills == {"pillow": {"libwebp": "1.6.0", "base64": "bf058e5"}}
    write(tmp_path / "pillow.libs/libwebp-51b0b3f7.so.7.2.0")
    write(tmp_path / "pillow.libs/libsharpyuv-0066295b.so.0.1.2")
    (library,) = native_libraries.native_libraries(tmp_path, "pillow", bills["pillow"])
    assert (library.name, library.version, len(library.files)) == ("libwebp", "1.6.0", 2)

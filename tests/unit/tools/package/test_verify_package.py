"""Test that a package that would fail on Lambda is refused before it is deployed."""

import os
from pathlib import Path

import pytest

from tools.package import build_package, configure, prune_package, reproducible_zip, verify_package
from tools.package.chalice_project import PackagingError

PYTHON = (3, 13)
WHEEL = "manylinux_2_27_x86_64.manylinux_2_28_x86_64"


def lay_out(directory: Path, name: str, version: str, tag: str) -> None:
    """Write the metadata of an installed wheel."""
    information = directory / f"{name}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n\nLong words.\n")
    (information / "WHEEL").write_text(f"Wheel-Version: 1.0\nTag: {tag}\n")


def missing(directory: Path, *lines: str, architecture: str = "x86_64") -> list[str]:
    requirements = directory / "requirements.txt"
    requirements.write_text("\n".join(lines))
    return list(verify_package.missing_requirements(directory, requirements, PYTHON, architecture))


def test_a_requirement_that_chalice_dropped_is_reported(tmp_path):
    """Chalice itself only warns, and ends with exit code 0."""
    lay_out(tmp_path, "ai_edge_litert", "2.3.0", f"cp313-cp313-{WHEEL}")
    lines = ["ai-edge-litert==2.3.0  # the model", "    # via a package", "h3==4.5.0"]
    assert missing(tmp_path, *lines) == ["h3==4.5.0: missing; Chalice has left it out"]


def test_only_requirements_of_the_target_are_reported(tmp_path):
    """A requirement of another Python or another system does not count."""
    lines = ["tflite-runtime==2.14.0 ; python_version < '3.12'", "x==1 ; sys_platform == 'win32'"]
    assert missing(tmp_path, *lines) == []


@pytest.mark.parametrize(
    ("tag", "is_accepted"),
    [
        (f"cp313-cp313-{WHEEL}", True),
        ("cp310-abi3-manylinux2014_x86_64", True),
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        ("cp312-cp312-manylinux_2_28_x86_64", False),
        ("cp313-cp313-manylinux_2_39_x86_64", False),
        ("cp313-cp313-manylinux_2_28_aarch64", False),
        ("cp313-cp313-macosx_11_0_arm64", False),
    ],
)
def test_a_build_for_another_machine_is_refused(tmp_path, tag, is_accepted):
    """Chalice builds on this machine what it cannot download; such a build is refused."""
    lay_out(tmp_path, "h3", "4.5.0", tag)
    assert (missing(tmp_path, "h3==4.5.0") == []) is is_accepted


def test_another_version_is_refused(tmp_path):
    """The package must have the version that the tests ran with."""
    lay_out(tmp_path, "h3", "4.4.0", "py3-none-any")
    assert missing(tmp_path, "h3==4.5.0") == ["h3==4.5.0: 4.4.0 is in the package"]


@pytest.mark.parametrize(
    ("version", "is_newer"),
    [
        ("GLIBC_2.34", False),
        ("GLIBC_2.35", True),
        ("GLIBC_2.2.5", False),
        ("GLIBCXX_3.4.29", False),
        ("GLIBCXX_3.4.30", True),
        ("CXXABI_1.3.11", False),
        ("GLIBC_PRIVATE", False),
        ("LIBJPEG_6.2", False),
    ],
)
def test_symbols_that_the_target_lacks_are_reported(version, is_newer):
    """The linker needs these symbols, whatever the tag of the wheel says."""
    assert verify_package.is_newer_than_target(version) is is_newer


def test_libraries_for_another_machine_are_reported(tmp_path):
    """The machine is read from the library itself."""
    library = Path(os.__file__).parent.glob("lib-dynload/_json*.so")
    target = tmp_path / "_json.so"
    target.write_bytes(next(library).read_bytes())
    assert list(verify_package.incompatible_libraries(tmp_path, "x86_64")) == []
    assert list(verify_package.incompatible_libraries(tmp_path, "arm64")) == [
        "_json.so: is for EM_X86_64"
    ]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("surprise/x.py", b"", "surprise: not in ALLOWED_TOP_LEVEL"),
        ("chalicelib/.env", b"", "chalicelib/.env: must not be there"),
        ("chalicelib/notes.txt", b"", "chalicelib/notes.txt: not a type of file that we ship"),
        (
            "chalicelib/keys.json",
            b"AKIA" + b"X" * 16,
            "chalicelib/keys.json: seems to hold a secret",
        ),
        (
            "chalicelib/certificates/rds.pem",
            b"-----BEGIN CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----\n",
            "chalicelib/certificates/rds.pem: must hold certificates, and nothing else",
        ),
        (
            "chalicelib/__pycache__/x.pyc",
            b"..../home/somebody/x.py",
            "chalicelib/__pycache__/x.pyc: names a directory of the build machine",
        ),
    ],
)
def test_files_that_must_not_ship_are_reported(tmp_path, name, content, fault):
    """These are secrets, unknown files and paths of the build machine."""
    file = tmp_path / name
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert fault in list(verify_package.content_faults(tmp_path))


def test_the_certificates_of_the_database_may_ship(tmp_path, certificates):
    """`make configure` writes them where the package takes them from."""
    file = tmp_path / configure.CERTIFICATES
    file.parent.mkdir(parents=True)
    file.write_bytes((certificates / "ca.pem").read_bytes())
    faults = list(verify_package.content_faults(tmp_path))
    assert [fault for fault in faults if "certificates" in fault] == []


def test_a_package_without_model_or_features_is_refused(tmp_path):
    """Such a package would start and answer 503."""
    assert set(verify_package.content_faults(tmp_path)) == {
        f"{name}: missing"
        for name in verify_package.REQUIRED_FILES + verify_package.REQUIRED_LICENCES
    }


def test_a_package_without_the_licence_of_libheif_is_refused(tmp_path):
    """The LGPL allows copies of libheif only with its text, the GPL's, and the notice."""
    notices = tmp_path / "pi_heif-1.4.0.dist-info" / "licenses"
    notices.mkdir(parents=True)
    (notices / "LICENSE.txt").touch()
    faults = set(verify_package.content_faults(tmp_path))
    assert "pi_heif-*.dist-info/licenses/LICENSE.txt: missing" not in faults
    assert {
        "pi_heif-*.dist-info/licenses/LICENSES_bundled.txt: missing",
        "chalicelib/data/LICENSE-lgpl: missing",
        "chalicelib/data/LICENSE-gpl: missing",
    } <= faults


def test_a_package_above_the_limits_of_lambda_is_refused():
    """The limits are 50 MiB zipped and 250 MiB unzipped."""
    assert list(verify_package.size_faults(50 * 1024**2, 250 * 1024**2)) == []
    assert len(list(verify_package.size_faults(50 * 1024**2 + 1, 250 * 1024**2 + 1))) == 2


def test_python_3_11_is_refused_with_the_reason(tmp_path):
    """The TFLite runtime of Python 3.11 would not load on Lambda."""
    with pytest.raises(PackagingError, match=r"GLIBC_2\.29"):
        build_package.build(tmp_path / "project", python=(3, 11))
    assert not (tmp_path / "project").exists()


def test_pruning_keeps_code_licences_and_versions(tmp_path):
    """Pruning removes tests, headers and long descriptions."""
    lay_out(tmp_path, "h3", "4.5.0", "py3-none-any")
    kept = [
        "h3/__init__.py",
        "h3-4.5.0.dist-info/licenses/LICENSE",
        "pi_heif-1.4.0.dist-info/licenses/LICENSES_bundled.txt",
        "numpy-2.4.6.dist-info/licenses/numpy/_core/include/numpy/libdivide/LICENSE.txt",
        "PIL/_webp.x.so",
    ]
    pruned = [
        "h3/tests/test_x.py",
        "h3/api.pyi",
        "numpy/f2py/x.py",
        "google/x.py",
        "PIL/_avif.x.so",
    ]
    lookup = tmp_path / "h3" / "_version.py"
    for name in kept + pruned:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    lookup.write_text(prune_package.VERSION_LOOKUP)
    prune_package.prune(tmp_path)
    assert all((tmp_path / name).exists() for name in kept)
    assert not any((tmp_path / name).exists() for name in pruned)
    assert not (tmp_path / "google").exists()
    metadata = (tmp_path / "h3-4.5.0.dist-info" / "METADATA").read_text()
    assert lookup.read_text() == '__version__ = "4.5.0"\n'
    assert metadata == "Name: h3\nVersion: 4.5.0\n"


def test_tracebacks_name_the_path_on_lambda(tmp_path):
    """Only our own modules keep their sources, so only their tracebacks show lines."""
    for name in ("app.py", "numpy/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1 / 0\n")
    reproducible_zip.compile_sources(tmp_path)
    assert (tmp_path / "app.py").exists()
    assert not (tmp_path / "numpy" / "__init__.py").exists()
    assert b"/var/task/numpy/__init__.py" in (tmp_path / "numpy" / "__init__.pyc").read_bytes()

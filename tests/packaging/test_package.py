"""Test the content of the package that ``make package`` builds."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from unittest.mock import ANY

import numpy
import pi_heif
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name
from PIL import features

from tests.lambda_runtime import INTERPRETER
from tools import ROOT
from tools.package import build_package, chalice_project, verify_package

MEGABYTE = 1_000_000


def test_the_same_input_gives_the_same_bytes(built, configured, tmp_path):
    """A user who builds a commit can compare the hash with Lambda's."""
    again = build_package.build(tmp_path / "project", source=configured)
    assert again.name == built.name
    assert _sha256(again) == _sha256(built)
    first, second = (
        package.with_suffix(build_package.SBOM_SUFFIX).read_bytes() for package in (again, built)
    )
    assert first == second


def test_the_package_is_small(built):
    """A cold start fetches and unpacks the package, so its size has a limit."""
    zipped, unzipped = build_package.sizes(built)
    assert zipped < 46 * MEGABYTE
    assert unzipped < 150 * MEGABYTE


def test_the_table_accounts_for_everything(built):
    """Each dependency has a line, and the last line is the size of the file."""
    lines = build_package.size_table(built).splitlines()
    assert float(lines[-1].split()[0]) == round(built.stat().st_size / MEGABYTE, 2)
    assert {"chalicelib:", "ai_edge_litert", "PIL", "redis"} <= {line.split()[2] for line in lines}


def test_every_file_has_the_same_date_and_may_be_read(built):
    """Lambda's user, who does not own the files, may read them all."""
    with zipfile.ZipFile(built) as opened:
        entries = opened.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert [entry.filename for entry in entries] == sorted(
        (entry.filename for entry in entries), key=Path
    )


def test_every_module_is_compiled(unpacked):
    """A cold start compiles nothing, and only our own modules keep their sources."""
    compiled = list(unpacked.rglob("*.pyc"))
    assert len(compiled) > 400
    for file in compiled:
        content = file.read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert content[4] == 0b01, "unchecked hash-based bytecode: PEP 552"
    ours = list(unpacked.rglob("*.py"))
    assert {file.relative_to(unpacked).parts[0] for file in ours} == {"app.py", "chalicelib"}


def test_the_licences_of_all_parts_are_in_the_package(unpacked):
    """Each dependency has its licence, because the licences require it."""
    for information in unpacked.glob("*.dist-info"):
        licences = [file for file in information.rglob("*") if "LICEN" in file.name.upper()]
        assert licences or "License" in (information / "METADATA").read_text("utf-8"), information


def test_pruning_removes_no_licence(unpacked):
    """Each licence file of a wheel that ships is in the package, with the same content."""
    for information in unpacked.glob("*.dist-info"):
        name, _, version = information.stem.partition("-")
        installed = metadata.distribution(name)
        assert installed.version == version
        for file in installed.files or []:
            if file.parts[:2] == (information.name, "licenses"):
                assert (unpacked / file).read_bytes() == Path(file.locate()).read_bytes()


def test_the_licences_of_libheif_and_libde265_are_complete(unpacked):
    """The wheel has only a notice, so the package adds the texts that it refers to."""
    data = unpacked / "chalicelib/data"
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (data / "LICENSE-lgpl").read_text("utf-8")
    assert "END OF TERMS AND CONDITIONS" in (data / "LICENSE-gpl").read_text("utf-8")
    (notice,) = unpacked.glob("pi_heif-*.dist-info/licenses/LICENSES_bundled.txt")
    assert {"Name: libheif", "Name: libde265"} <= set(notice.read_text("utf-8").splitlines())


def test_the_bill_of_materials_names_the_libraries_inside_the_wheels(built, unpacked):
    """It covers each file of the wheels' library directories, in the version that runs."""
    bill = json.loads(built.with_suffix(build_package.SBOM_SUFFIX).read_text("utf-8"))
    inside = {
        (canonicalize_name(wheel["name"]), library["name"]): library
        for wheel in bill["components"]
        for library in wheel.get("components", [])
    }
    heif = pi_heif.libheif_info()
    assert {name: library.get("version") for name, library in inside.items()} == {
        ("pi-heif", "libheif"): heif["libheif"],
        ("pi-heif", "libde265"): heif["decoders"]["libde265"].rpartition(" ")[2],
        ("pillow", "libjpeg-turbo"): features.version("libjpeg_turbo"),
        ("pillow", "libwebp"): features.version("webp"),
        ("pillow", "zlib-ng"): features.version("zlib_ng"),
        ("pillow", "libtiff"): features.version("libtiff"),
        ("pillow", "openjpeg"): features.version("jpg_2000"),
        ("pillow", "xz"): ANY,
        ("pillow", "zstd"): ANY,
        ("pillow", "libxcb"): ANY,
        ("pillow", "libXau"): ANY,
        ("numpy", "openblas"): numpy.show_config("dicts")["Build Dependencies"]["blas"]["version"],
        ("numpy", "gcc-runtime"): None,
        ("ai-edge-litert", "tensorflow-lite"): ANY,
        ("h3", "h3-core"): None,
        ("pybase64", "base64"): ANY,
    }
    located = {
        place["location"]
        for library in inside.values()
        for place in library["evidence"]["occurrences"]
    }
    assert all((unpacked / file).is_file() for file in located)
    assert {file.relative_to(unpacked).as_posix() for file in unpacked.glob("*.libs/*")} <= located


def test_the_bill_of_materials_names_what_is_in_the_package(built, unpacked):
    """It lists each part in its pinned version, and nothing that was pruned."""
    text = built.with_suffix(build_package.SBOM_SUFFIX).read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    versions = {part["name"]: part["version"] for part in bill["components"]}
    card = json.loads((unpacked / "chalicelib/data/model/model.json").read_text("utf-8"))
    assert versions.pop(card["name"]) == card["version"]
    assert versions.pop("chalice") == metadata.version("chalice")
    requirements = verify_package.target_requirements(
        ROOT / "requirements.txt", sys.version_info[:2], "x86_64"
    )
    pinned = {requirement.name: requirement for requirement in requirements}
    assert {canonicalize_name(name) for name in versions} <= set(pinned)
    for name, version in versions.items():
        assert pinned[canonicalize_name(name)].specifier.contains(version)
    assert {"numpy", "pillow", "h3"} <= set(versions)
    assert {"typing_extensions", "tqdm", "protobuf"}.isdisjoint(versions)
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest == {"alg": "SHA-256", "content": _sha256(built)}


def test_a_download_with_another_hash_is_refused(tmp_path):
    """A mirror or a proxy cannot replace a pinned dependency."""
    chalice_project.copy_project(tmp_path / "project", {})
    forged = f"jmespath==1.1.0 --hash=sha256:{'0' * 64}\n"
    (tmp_path / "project" / "requirements.txt").write_text(forged)
    with pytest.raises(chalice_project.PackagingError, match="DO NOT MATCH THE HASHES"):
        chalice_project.pack(tmp_path / "project")


def test_every_module_of_the_service_can_be_imported(unpacked):
    """This includes the imports that only production needs."""
    code = """
import importlib, pkgutil, sys
import chalicelib
from chalicelib.runtime import lazy_imports
lazy_imports.begin()
for module in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
    if module.name != "chalicelib.http.dev_server":  # for the chalice command
        importlib.import_module(module.name)
import pi_heif, pymysql, redis.cluster
print(len([name for name in sys.modules if name.startswith("chalicelib.")]))
"""
    done = subprocess.run(
        [INTERPRETER, "-S", "-s", "-B", "-c", code],
        env={"PYTHONPATH": str(unpacked)}, cwd=unpacked, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert int(done.stdout) > 30


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()

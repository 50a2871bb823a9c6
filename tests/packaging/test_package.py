"""What is in the package that ``make package`` builds."""

import hashlib
import importlib.util
import json
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.lambda_runtime import INTERPRETER
from tools import ROOT
from tools.package import build_package, chalice_project, verify_package

MEGABYTE = 1_000_000


def test_the_same_input_gives_the_same_bytes(built, tmp_path):
    """Whoever builds a commit can tell whether it is what runs."""
    again = build_package.build(tmp_path / "project")
    assert again.name == built.name
    assert _sha256(again) == _sha256(built)
    bills = [one.with_suffix(build_package.SBOM_SUFFIX).read_bytes() for one in (again, built)]
    assert bills[0] == bills[1]


def test_the_package_is_small(built):
    """A cold start fetches it."""
    zipped, unzipped = build_package.sizes(built)
    assert zipped < 46 * MEGABYTE
    assert unzipped < 150 * MEGABYTE


def test_the_table_accounts_for_everything(built):
    """Each package has its line, and the last one is the file."""
    lines = build_package.size_table(built).splitlines()
    assert float(lines[-1].split()[0]) == round(built.stat().st_size / MEGABYTE, 2)
    assert {"chalicelib:", "ai_edge_litert", "PIL", "redis"} <= {line.split()[2] for line in lines}


def test_every_file_has_the_same_date_and_may_be_read(built):
    """Lambda's user does not own the files."""
    with zipfile.ZipFile(built) as opened:
        entries = opened.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert [entry.filename for entry in entries] == sorted(
        (entry.filename for entry in entries), key=Path
    )


def test_every_module_is_compiled_for_good(unpacked):
    """/var/task is read-only: what is not compiled here is compiled at each cold start."""
    compiled = list(unpacked.rglob("*.pyc"))
    assert len(compiled) > 400
    for file in compiled:
        content = file.read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert content[4] == 0b01, "by hash, and never checked: PEP 552"
    ours = list(unpacked.rglob("*.py"))
    assert {file.relative_to(unpacked).parts[0] for file in ours} == {"app.py", "chalicelib"}


def test_the_licences_of_all_parts_are_in_the_package(unpacked):
    """Whoever passes the package on must pass them on."""
    for information in unpacked.glob("*.dist-info"):
        found = [file for file in information.rglob("*") if "LICEN" in file.name.upper()]
        assert found or "License" in (information / "METADATA").read_text("utf-8"), information


def test_the_bill_of_materials_names_what_is_in_the_package(built, unpacked):
    """All of it, as it is pinned, and nothing that has been left out."""
    text = built.with_suffix(build_package.SBOM_SUFFIX).read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    found = {one["name"]: one["version"] for one in bill["components"]}
    card = json.loads((unpacked / "chalicelib/data/model/model.json").read_text("utf-8"))
    assert found.pop(card["name"]) == card["version"]
    assert found.pop("chalice") == metadata.version("chalice")
    wanted = verify_package.target_requirements(
        ROOT / "requirements.txt", sys.version_info[:2], "x86_64"
    )
    pinned = {requirement.name: requirement for requirement in wanted}
    assert {canonicalize_name(name) for name in found} <= set(pinned)
    for name, version in found.items():
        assert pinned[canonicalize_name(name)].specifier.contains(version)
    assert {"numpy", "pillow", "h3"} <= set(found)
    assert {"typing_extensions", "tqdm", "protobuf"}.isdisjoint(found)
    (digest,) = bill["metadata"]["component"]["hashes"]
    assert digest == {"alg": "SHA-256", "content": _sha256(built)}


def test_a_dependency_that_is_not_what_was_pinned_is_refused(tmp_path):
    """Whoever stands between us and PyPI cannot slip us another file."""
    chalice_project.copy_project(tmp_path / "project", {})
    forged = f"jmespath==1.1.0 --hash=sha256:{'0' * 64}\n"
    (tmp_path / "project" / "requirements.txt").write_text(forged)
    with pytest.raises(chalice_project.PackagingError, match="DO NOT MATCH THE HASHES"):
        chalice_project.pack(tmp_path / "project")


def test_whatever_the_service_imports_is_there(unpacked):
    """Also what it imports late, in production only."""
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

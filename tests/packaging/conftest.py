"""Build the package once, for all tests that inspect it or run it.

That takes half a minute, so only one Python builds it: 3.13, or 3.12 if it is the newest. Python
3.11 cannot build it, which tests/unit/tools/package/test_verify_package.py tests.
"""

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.lambda_runtime import lay_out_runtime
from tests.pythons import only_on_the_newest
from tools import ROOT
from tools.package import build_package, chalice_project, check_config, configure, reproducible_zip


def pytest_collection_modifyitems(items):
    """Skip these tests if another Python of ``make test`` builds the package."""
    only_on_the_newest(items, Path(__file__).parent, "the package is built on the newest Python")


@pytest.fixture(scope="session")
def configured(tmp_path_factory, certificates):
    """A copy of the project after `make configure` and the check of `make check`.

    The package of an operator has the certificates of the database, so that of the tests has, too.
    """
    directory = tmp_path_factory.mktemp("configured") / "rangefinder"
    chalice_project.copy_project(directory, {})
    for name in ("config.json", "policy-dev.json", "policy-prod.json"):
        shutil.copy(ROOT / ".chalice" / name, directory / ".chalice")
    outputs, authorities = ROOT / "infra" / "outputs.example.json", certificates / "ca.pem"
    arguments = ["--outputs", str(outputs), "--certificates", str(authorities)]
    assert configure.main(arguments, directory) == 0
    with contextlib.chdir(directory):
        assert check_config.main(directory / ".chalice" / "config.json") == 0
    return directory


@pytest.fixture(scope="session")
def project(configured, tmp_path_factory):
    """A deployment project that contains the package."""
    directory = tmp_path_factory.mktemp("deployment") / "project"
    build_package.build(directory, source=configured)
    return directory


@pytest.fixture(scope="session")
def built(project):
    """The path of the package."""
    (package,) = (project / ".chalice" / "deployments").glob("*.zip")
    return package


@pytest.fixture(scope="session")
def unpacked(built, tmp_path_factory):
    """The package as Lambda unpacks it to /var/task: read-only."""
    directory = reproducible_zip.unpack(built, tmp_path_factory.mktemp("lambda") / "task")
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return directory


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """The files that the Lambda runtime adds to the package."""
    return lay_out_runtime(tmp_path_factory.mktemp("runtime") / "runtime")


@pytest.fixture(scope="session")
def plain_project(tmp_path_factory):
    """A copy of the project for plain ``chalice deploy``."""
    directory = tmp_path_factory.mktemp("plain") / "project"
    chalice_project.copy_project(directory, {})
    return directory

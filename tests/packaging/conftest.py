"""The package, built once for all tests that look at it or run it.

It takes half a minute, so it is built on one Python: 3.13, and where only 3.12 is there, on
that. On 3.11 there is no package, which tests/unit/tools/test_verify_package.py proves.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fake_aws import Account, fake_aws
from tests.lambda_runtime import lay_out_runtime
from tests.pythons import only_on_the_newest
from tools.package import build_package, chalice_project, reproducible_zip


def pytest_collection_modifyitems(items):
    """Skip what needs the package where another Python of ``make test`` builds it."""
    only_on_the_newest(items, Path(__file__).parent, "the package is built on the newest Python")


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A deployment project in which the package is built."""
    directory = tmp_path_factory.mktemp("deployment") / "project"
    build_package.build(directory)
    return directory


@pytest.fixture(scope="session")
def built(project):
    """The package."""
    (found,) = (project / ".chalice" / "deployments").glob("*.zip")
    return found


@pytest.fixture(scope="session")
def unpacked(built, tmp_path_factory):
    """The package as Lambda lays it out in /var/task: nobody may write there."""
    directory = reproducible_zip.unpack(built, tmp_path_factory.mktemp("lambda") / "task")
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return directory


@pytest.fixture(scope="session")
def runtime(tmp_path_factory):
    """What the Lambda runtime adds to it."""
    return lay_out_runtime(tmp_path_factory.mktemp("runtime") / "runtime")


@pytest.fixture(scope="session")
def plain_project(tmp_path_factory):
    """The project as plain ``chalice deploy`` sees it."""
    directory = tmp_path_factory.mktemp("plain") / "project"
    chalice_project.copy_project(directory, {})
    return directory


@pytest.fixture
def account() -> Iterator[Account]:
    """An empty AWS account."""
    with fake_aws() as found:
        yield found

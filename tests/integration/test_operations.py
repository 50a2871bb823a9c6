"""The operations on a database, on a real server."""

import os
import subprocess
import sys

import pymysql
import pytest

from chalicelib.settings import Settings
from tests.servers import mariadb, migrate
from tools import ROOT
from tools.database import service_user
from tools.database.connection import Database, DatasetError

PASSWORD = "stands-in-for-a-token"

RUN_MODULE = """
import runpy, sys, time
time.sleep = lambda seconds: None
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs a module without its pauses between attempts."""


def database_of(url: str) -> Database:
    return Database.of(Settings.from_environment({"RANGEFINDER_MYSQL_URL": url}))


def test_migrations_log_in_as_the_settings_say(mysql_url):
    """A second run changes nothing."""
    migrate(mysql_url)
    with database_of(mysql_url).connect() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchone()
        # An import computes for longer than an idle connection is kept.
        cursor.execute("SELECT @@SESSION.wait_timeout")
        assert cursor.fetchone() == (28800,)


def test_without_a_url_the_error_names_the_setting():
    """It says what to set, and to what."""
    with pytest.raises(DatasetError, match="RANGEFINDER_MYSQL_URL"):
        Database.of(Settings())


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("alembic", ("-c", "migrations/alembic.ini", "upgrade", "head")),
        ("tools.database.load_ranges", ()),
        ("tools.database.datasets", ("list",)),
        ("tools.database.service_user", ()),
        ("tools.database.container_entrypoint", ("true",)),
        ("tools.occurrences.import_occurrences", ("samples/samples.csv", "--citation", "us")),
    ],
)
def test_a_program_without_a_database_ends_with_one_line(module, arguments):
    """No traceback: first without a URL, then with a server that does not answer."""
    environment = {
        name: value for name, value in os.environ.items() if name != "RANGEFINDER_MYSQL_URL"
    }
    away = "mysql://user:password@127.0.0.1:1/rangefinder"
    for changes, fault in (
        ({}, "set RANGEFINDER_MYSQL_URL to mysql://"),
        ({"RANGEFINDER_MYSQL_URL": away}, "cannot be reached"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", RUN_MODULE, module, *arguments],
            cwd=ROOT, env={**environment, **changes}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        (line,) = (done.stdout + done.stderr).splitlines()
        if module != "tools.occurrences.import_occurrences" or not changes:
            assert fault in line


def test_the_service_s_user_reads_and_nothing_else(tmp_path):
    """A password stands in for IAM: only Aurora has that plugin."""
    with mariadb(tmp_path) as server:
        with server.root() as connection:
            for _ in range(2):  # a second run changes nothing
                service_user.allow(connection, "service", f"IDENTIFIED BY '{PASSWORD}'")
        url = f"mysql://service:{PASSWORD}@127.0.0.1:{server.port}/rangefinder"
        with database_of(url).connect() as reader:
            cursor = reader.cursor()
            cursor.execute("SELECT count(*) FROM dataset")
            for forbidden in (
                "DELETE FROM dataset",
                "DROP TABLE dataset",
                "CREATE TABLE x (i INT)",
            ):
                with pytest.raises(pymysql.OperationalError, match="denied"):
                    cursor.execute(forbidden)


def test_a_task_wakes_the_database_and_becomes_its_command(mysql_url):
    """As the container starts: its exit code is that of the command."""
    done = subprocess.run(
        [
            sys.executable, "-m", "tools.database.container_entrypoint",
            "sh", "-c", "echo done; exit 3",
        ],
        cwd=ROOT, env={**os.environ, "RANGEFINDER_MYSQL_URL": mysql_url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "done\n")

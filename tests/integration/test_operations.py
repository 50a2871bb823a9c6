"""What operations do to a database, on a real server."""

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


def database_of(url: str) -> Database:
    return Database.of(Settings.from_environment({"RANGEFINDER_MYSQL_URL": url}))


def test_migrations_log_in_as_the_settings_say(mysql_url):
    """And do nothing where there is nothing to do."""
    migrate(mysql_url)
    with database_of(mysql_url).connect() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT version_num FROM alembic_version")
        assert cursor.fetchone()
        # An import computes for longer than an idle connection is kept.
        cursor.execute("SELECT @@SESSION.wait_timeout")
        assert cursor.fetchone() == (28800,)


def test_without_a_database_it_is_said_which_setting_is_missing():
    """In place of a connection to nowhere."""
    with pytest.raises(DatasetError, match="RANGEFINDER_MYSQL_URL"):
        Database.of(Settings())


def test_the_service_s_user_reads_and_nothing_else(tmp_path):
    """A password stands in for IAM, whose plugin only Aurora has."""
    with mariadb(tmp_path) as server:
        with server.root() as connection:
            for _ in range(2):  # once more does no harm
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
    """As the container starts: its end is the command's end."""
    done = subprocess.run(
        [
            sys.executable, "-m", "tools.database.container_entrypoint",
            "sh", "-c", "echo done; exit 3",
        ],
        cwd=ROOT, env={**os.environ, "RANGEFINDER_MYSQL_URL": mysql_url},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "done\n")

"""Test occurrences in a real database: load, activate, go back, and drop."""

import os
import subprocess
import sys

import pytest

from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates, FeatureSource, Status
from chalicelib.features.cells import cell_chain
from chalicelib.features.mysql import MysqlFeatures
from chalicelib.features.mysql_session import MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from chalicelib.settings import Settings
from tests import occurrences
from tests.fakes import FakeClock
from tests.occurrences import KEPT
from tests.servers import mariadb
from tools import ROOT
from tools.build.facts import read_table
from tools.database.connection import DatasetError
from tools.database.dataset_loader import mysql_writer

PANTANAL = Coordinates(-17.36, -56.78)
JAGUAR = next(
    row["taxonID"] for row in read_table("classes.csv") if row["vernacularName"] == "jaguar"
)
OLD = {
    "version": "old", "title": "Old", "licence": "CC0-1.0", "citation": "nobody",
    "expected_presence": 0.05, "prior_strength": 0.5,
}  # fmt: skip
EFFORT_ROW = (int(cell_chain(PANTANAL)[0], 16), 0, 0, 1.0, "recorded", 8190)
SEEN = (*EFFORT_ROW[:2], 1, *EFFORT_ROW[3:])

DIES = """
import os, signal, sys
from tests.integration.test_import_mysql import EFFORT_ROW, OLD
from tools.database.dataset_loader import mysql_writer

def rows():
    for number in range(25):
        yield (EFFORT_ROW[0] + number, *EFFORT_ROW[1:])
    os.kill(os.getpid(), signal.SIGKILL)

mysql_writer(sys.argv[1], batch=10).load({**OLD, "version": sys.argv[2]}, [], rows())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of this module, without datasets."""
    with mariadb(tmp_path_factory.mktemp("import")) as database:
        yield database


@pytest.fixture
def ask(server):
    """A function that selects one number from the database."""

    def select_number(query: str) -> int:
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute("USE rangefinder")
            cursor.execute(query)
            return int(cursor.fetchone()[0])

    return select_number


@pytest.fixture(autouse=True)
def old(server):
    """The old dataset is active and the only one."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("USE rangefinder")
        for table in ("geo_feature", "dataset_taxon", "dataset"):
            cursor.execute(f"DELETE FROM {table}")
    mysql_writer(server.url).load(OLD, [(1, JAGUAR, 0.1)], [EFFORT_ROW, SEEN])


@pytest.fixture
def database(server):
    features = MysqlFeatures(
        lambda: mysql_connection(server.url), MysqlOptions(timeout=5), FakeClock()
    )
    yield features
    features.close()


@pytest.fixture
def run(server):
    """A function that runs a tool as an operator does."""

    def tool(name: str, *arguments: object, **environment: str):
        return subprocess.run(
            [sys.executable, "-m", f"tools.{name}", *map(str, arguments)],
            cwd=ROOT, env={**os.environ, "RANGEFINDER_MYSQL_URL": server.url, **environment},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return tool


def test_an_import_is_served_at_once(run, database, tmp_path):
    """Presence is the share of observers, smoothed towards the parents with k = 10."""
    source = occurrences.simple_csv(tmp_path / "records.csv")
    done = run("occurrences.import_occurrences", source, "--citation", "nobody")
    assert done.returncode == 0, done.stderr
    place = database.features([cell_chain(PANTANAL)], 0)[0]
    middle = (3 + 10 * 3 / 4) / (4 + 10)
    assert place.taxa[JAGUAR].presence == pytest.approx((2 + 10 * middle) / (3 + 10))
    assert place.taxa[JAGUAR].status is Status.RECORDED
    assert (place.source, place.effort) == (FeatureSource.DATABASE, 3)
    assert place.dataset == database.dataset().version
    assert database.dataset().licence == "CC-BY-4.0"
    # In July two observers were there, and one of them saw it.
    assert database.features([cell_chain(PANTANAL)], 7)[0].effort == 2


def test_the_old_version_remains_until_it_is_dropped(run, ask, tmp_path):
    """One statement switches back or forward. The active version cannot be dropped."""
    source = occurrences.simple_csv(tmp_path / "records.csv")
    run("occurrences.import_occurrences", source, "--citation", "nobody")
    listed = run("database.datasets", "list").stdout.splitlines()
    assert [line[:5] for line in listed] == ["  old", "* occ"[:5]]
    new = listed[1].split()[1]
    assert run("database.datasets", "activate", "old").stdout.startswith("* old")
    assert run("database.datasets", "activate", new).returncode == 0
    refused = run("database.datasets", "drop", new)
    assert (refused.returncode, "activate another one first" in refused.stderr) == (2, True)
    assert run("database.datasets", "drop", "old").returncode == 0
    assert ask("SELECT count(*) FROM dataset") == 1
    assert ask("SELECT count(DISTINCT dataset) FROM geo_feature") == 1


def test_an_activation_is_announced_through_the_cache(run, server, empty_redis):
    """Environments that run learn of the dataset from the cache, and do not ask the database."""
    mysql_writer(server.url).load({**OLD, "version": "new"}, [(1, JAGUAR, 0.1)], [EFFORT_ROW])
    environment = {
        "RANGEFINDER_MYSQL_URL": server.url,
        "RANGEFINDER_REDIS_URL": empty_redis,
        "RANGEFINDER_REDIS_TIMEOUT_SECONDS": "5",
    }
    clock = FakeClock()
    services = Services.build(Settings.from_environment(environment), clock)
    lookup = services.places.look_up(PANTANAL, 0)
    assert lookup.dataset is not None
    assert lookup.dataset.version == "new"
    done = run("database.datasets", "activate", "old", **environment)
    assert "old is announced" in done.stdout
    before = server.selects()
    clock.now += 31
    services.places.dataset()
    services.identify.executor.shutdown()
    assert services.places.dataset().version == "old"
    assert server.selects() == before


def test_an_announcement_that_fails_does_not_fail_the_activation(run, ask):
    """The dataset is active; the command says that, and how long environments may miss it."""
    done = run("database.datasets", "activate", "old", RANGEFINDER_REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 0
    assert "could not be announced" in done.stderr
    assert "within 24 hours" in done.stderr
    assert ask("SELECT count(*) FROM dataset WHERE is_active = 1") == 1


def test_a_version_that_is_not_there_is_refused(run):
    """The active version stays active."""
    for command in ("activate", "drop"):
        done = run("database.datasets", command, "occurrences-of-yesterday")
        assert (done.returncode, "not there" in done.stderr) == (2, True)


def test_a_second_import_of_the_same_records_writes_nothing(run, ask, tmp_path):
    """After a switch to an older version, a second import only activates the newer one."""
    source = occurrences.simple_csv(tmp_path / "records.csv")
    run("occurrences.import_occurrences", source, "--citation", "nobody")
    rows = ask("SELECT count(*) FROM geo_feature")
    number = ask("SELECT id FROM dataset WHERE is_active")
    again = run("occurrences.import_occurrences", source, "--citation", "nobody")
    assert "already there" in again.stdout
    run("database.datasets", "activate", "old")
    run("occurrences.import_occurrences", source, "--citation", "nobody")
    assert ask("SELECT id FROM dataset WHERE is_active") == number
    assert ask("SELECT count(*) FROM geo_feature") == rows


def test_a_wrong_header_writes_nothing(run, ask, tmp_path):
    """The tool finds the fault before it connects to the database."""
    source = tmp_path / "records.csv"
    source.write_text("gbifID\tspecies\n")
    done = run("occurrences.import_occurrences", source, "--citation", "nobody")
    assert (done.returncode, "decimalLatitude" in done.stderr) == (2, True)
    assert ask("SELECT count(*) FROM dataset") == 1


def test_a_load_that_is_killed_leaves_the_old_version_serving(server, database, ask):
    """The service does not read the incomplete version, and the next load removes it."""
    died = subprocess.run(
        [sys.executable, "-c", DIES, server.url, "new"], cwd=ROOT, check=False, capture_output=True
    )
    assert died.returncode == -9, died.stderr
    assert ask("SELECT count(*) FROM geo_feature") == 2 + 20
    assert database.dataset().version == "old"
    assert JAGUAR in database.features([cell_chain(PANTANAL)], 0)[0].taxa
    writer = mysql_writer(server.url)
    with pytest.raises(DatasetError, match="incomplete"):
        writer.activate("new")
    assert writer.load({**OLD, "version": "newer"}, [], [EFFORT_ROW]) == 1
    assert [row.version for row in writer.datasets()] == ["old", "newer"]
    assert ask("SELECT count(*) FROM geo_feature") == 2 + 1


def test_rows_that_fail_leave_the_old_version_serving(server, database):
    """The error may come from any step that makes the rows."""

    def rows():
        yield EFFORT_ROW
        raise RuntimeError("broken off")

    with pytest.raises(RuntimeError):
        mysql_writer(server.url, batch=1).load({**OLD, "version": "new"}, [], rows())
    assert database.features([cell_chain(PANTANAL)], 0)[0].dataset == "old"


def test_a_second_load_at_the_same_time_is_refused(server):
    """The second load would remove the rows of the first."""
    writer = mysql_writer(server.url)

    def rows():
        with pytest.raises(DatasetError, match="Another program"):
            writer.drop("old")
        yield EFFORT_ROW

    assert mysql_writer(server.url).load({**OLD, "version": "new"}, [], rows()) == 1


def test_a_large_dataset_is_deleted_in_batches(server, ask):
    """The dataset has more rows than one transaction deletes."""
    writer = mysql_writer(server.url)
    many = ((EFFORT_ROW[0] + number, *EFFORT_ROW[1:]) for number in range(100_001))
    writer.load({**OLD, "version": "many"}, [], many)
    writer.activate("old")
    writer.drop("many")
    assert ask("SELECT count(*) FROM geo_feature") == 2


def test_without_bulk_loads_rows_are_inserted(server, database):
    """In MySQL 8 and Aurora, local_infile is off by default."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL local_infile = 0")
        try:
            mysql_writer(server.url).load(
                {**OLD, "version": "new"}, [(1, JAGUAR, 0.1)], [EFFORT_ROW, SEEN]
            )
        finally:
            cursor.execute("SET GLOBAL local_infile = 1")
    assert JAGUAR in database.features([cell_chain(PANTANAL)], 0)[0].taxa


def test_outside_the_covered_area_the_database_says_nothing(run, database, tmp_path):
    """Absence counts in Germany; what lies beyond the border shares its wider cells."""
    berlin = {"decimalLatitude": 52.52, "decimalLongitude": 13.4}
    birds = [
        occurrences.seen(
            {**occurrences.MAGPIE, "species": f"Pica {name}"}, berlin, "ana", "2024-07"
        )
        for name in "abcdefghij"
    ]
    source = occurrences.simple_csv(tmp_path / "records.csv", birds)
    done = run("occurrences.import_occurrences", source, "--citation", "nobody", "--covers", "DE")
    assert done.returncode == 0, done.stderr
    eagle = next(
        row["taxonID"] for row in read_table("classes.csv") if row["vernacularName"] == "bald eagle"
    )
    assert eagle in database.dataset().taxa
    here, beyond = database.features(
        [cell_chain(Coordinates(52.52, 13.4)), cell_chain(Coordinates(52.3, 15.3))], 7
    )
    assert here.taxa
    assert eagle not in here.taxa
    assert (beyond.cell, beyond.effort, beyond.taxa) == (None, 0, {})


def test_the_last_number_of_a_taxon_is_served(server, database):
    """A dataset may have 65,535 taxa: its column is unsigned."""
    last = (*EFFORT_ROW[:2], 2**16 - 1, *EFFORT_ROW[3:])
    mysql_writer(server.url).load(
        {**OLD, "version": "new"}, [(2**16 - 1, JAGUAR, 0.1)], [EFFORT_ROW, last]
    )
    assert JAGUAR in database.features([cell_chain(PANTANAL)], 0)[0].taxa


@pytest.mark.parametrize(
    ("taxon", "fault"), [((2**16, "a", 0.1), "65,536"), ((1, "a" * 33, 0.1), "32 characters")]
)
def test_a_taxon_that_does_not_fit_is_refused(server, ask, taxon, fault):
    """MariaDB would cut it off in some modes. Nothing is written."""
    with pytest.raises(DatasetError, match=fault):
        mysql_writer(server.url).load({**OLD, "version": "new"}, [taxon], [EFFORT_ROW])
    assert ask("SELECT count(*) FROM dataset") == 1


def test_tools_log_in_as_the_service_does(run, server, tmp_path, certificates):
    """With certificate authorities set, the tools refuse a server without TLS."""
    source = occurrences.simple_csv(tmp_path / "records.csv", KEPT)
    authorities = {"RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES": str(certificates / "ca.pem")}
    with mariadb(tmp_path / "tls", certificates) as secured:
        done = run("occurrences.import_occurrences", source, "--citation", "nobody",
                   RANGEFINDER_MYSQL_URL=secured.url, **authorities)  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert run("database.datasets", "list", **authorities).returncode == 2
    assert run("database.load_ranges", RANGEFINDER_MYSQL_URL="").returncode == 2


def test_a_database_that_is_down_is_a_clear_error(run, server):
    """The tool prints one line, not a traceback."""
    url = server.url.replace(str(server.port), "1")
    done = run("database.datasets", "list", RANGEFINDER_MYSQL_URL=url)
    assert (done.returncode, done.stderr.startswith("The database cannot")) == (2, True)

"""The feature repository on a real MariaDB server."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import boto3
import pytest
from botocore.stub import Stubber
from msgspec import structs

from chalicelib.domain import FeatureSource
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.cells import cell_chain, coarsest_cells
from chalicelib.features.credentials import TOKEN_SECONDS, from_iam, from_secret
from chalicelib.features.mysql import LOOKUP, MysqlFeatures, MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from chalicelib.features.sqlite import EmbeddedFeatures
from tests.conftest import OCEAN, PLACES, load_places
from tests.fakes import FakeClock
from tests.proxy import proxy
from tests.servers import make_certificates, mariadb, port_of
from tools.build.features import TARGET

EMBEDDED = EmbeddedFeatures(TARGET)
KRUGER = cell_chain(PLACES["Kruger park"])


OPTIONS = MysqlOptions(timeout=5.0)


@pytest.fixture
def repository():
    """Makes repositories on a server, and closes them."""
    made: list[MysqlFeatures] = []

    def make(url: str, options: MysqlOptions = OPTIONS, clock: FakeClock | None = None):
        server = mysql_connection(url)
        made.append(MysqlFeatures(lambda: server, options, clock or FakeClock()))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def database(repository, mysql_url):
    return repository(mysql_url)


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    """A server of our own, with TLS."""
    with mariadb(tmp_path_factory.mktemp("own"), certificates) as one:
        load_places(one.url)
        yield one


@pytest.mark.parametrize("month", [0, 1, 7])
@pytest.mark.parametrize("name", PLACES)
def test_the_database_answers_as_the_embedded_store_does(database, name, month):
    """The same ranges give the same features, whichever store settings choose.

    But for a hundredth where regions meet whose animals have different seasons: a row has one.
    """
    cells = cell_chain(PLACES[name])
    found, expected = database.features(cells, month), EMBEDDED.features(cells, month)
    assert found.source is FeatureSource.DATABASE
    found_header = structs.replace(found, taxa={}, source=expected.source)
    assert found_header == structs.replace(expected, taxa={})
    assert found.taxa.keys() == expected.taxa.keys()
    assert len(found.taxa) > 10
    for taxon_id, feature in found.taxa.items():
        other = expected.taxa[taxon_id]
        assert feature.presence == pytest.approx(other.presence, rel=1e-5, abs=0.01 * bool(month))
        assert (feature.status, feature.prevalence) == (other.status, other.prevalence)


@pytest.mark.parametrize(
    ("taxon_id", "month"),
    [("n02128925", 0), ("n02128925", 7), ("n02002556", 0), ("n02504458", 7)],
)
def test_ranges_agree_too(database, taxon_id, month):
    """Jaguar, white stork, African elephant: in the cells that are loaded, as the embedded store.

    All cells of the world are asked about, as ``GET /v1/species/{taxonID}/range`` does. Not
    the stork by month: where regions meet, the database has one season and the file has each.
    """
    loaded = {cell_chain(place)[-1] for place in PLACES.values()}
    expected = EMBEDDED.presences(taxon_id, sorted(loaded), month)
    assert expected
    found = database.presences(taxon_id, coarsest_cells(), month)
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_taxon_that_the_dataset_lacks_has_no_range(database):
    """No error: the dataset does not cover it."""
    assert database.presences("n00000000", coarsest_cells(), 0) == {}
    assert EMBEDDED.presences("n00000000", coarsest_cells(), 0) == {}


def test_the_datasets_agree_too(database):
    """Version, licence, citation, taxa, and from which presence on an animal is expected."""
    assert database.dataset() == EMBEDDED.dataset()


def test_a_place_that_nobody_knows_has_no_taxa(database):
    """That is an answer, not a fault."""
    found = database.features(cell_chain(OCEAN), 0)
    assert (found.taxa, found.cell, found.effort) == ({}, None, 0)
    assert found.dataset == EMBEDDED.dataset().version


def test_a_lookup_is_one_read_of_the_primary_key(repository, server):
    """For the whole chain of cells, month and year: one statement, one range of the index."""
    database = repository(server.url)
    database.dataset()
    before = server.selects()
    database.features(KRUGER, 7)
    assert server.selects() - before == 1
    statement = LOOKUP.format(cells="%s, %s, %s", months="%s, %s")
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("USE rangefinder")
        cursor.execute(f"EXPLAIN {statement}", (*(int(cell, 16) for cell in KRUGER), 7, 0))
        names = [column[0] for column in cursor.description]
        plan = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    (lookup,) = (step for step in plan if step["table"] == "geo_feature")
    assert (lookup["type"], lookup["key"]) == ("range", "PRIMARY")


def test_a_read_only_user_is_enough(repository, server):
    """The service needs SELECT and nothing else."""
    database = repository(server.url.replace("//rangefinder:", "//reader:"))
    assert database.features(KRUGER, 0).taxa
    assert database.dataset().taxa


def test_one_environment_makes_one_connection(repository, server):
    """However many lookups it makes, from however many threads."""
    with proxy(server.port) as door:
        database = repository(server.url.replace(str(server.port), str(door.port)))
        assert door.connections == 0
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: database.features(KRUGER, 0), range(40)))
        database.close()
    assert len(found) == 40
    assert door.connections == 1


def test_a_connection_that_was_lost_is_made_anew(repository, server):
    """The server closes idle ones, and is replaced now and then: no visitor notices."""
    database = repository(server.url)
    expected = database.features(KRUGER, 0)
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'rangefinder'")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
    assert database.features(KRUGER, 0) == expected


def test_a_wrong_password_is_told_without_it(repository, server):
    """As a fault of the database, which a prediction survives."""
    database = repository(server.url.replace("secret", "hunter2"))
    with pytest.raises(FeaturesUnavailable) as caught:
        database.features(KRUGER, 0)
    assert "hunter2" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


def test_a_database_without_a_dataset_is_no_database(repository, server):
    """Migrated but not loaded: the answer says degraded rather than that nothing lives here."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE rangefinder.dataset SET is_active = 0")
        try:
            with pytest.raises(FeaturesUnavailable, match="no active dataset"):
                repository(server.url).features(KRUGER, 0)
        finally:
            cursor.execute("UPDATE rangefinder.dataset SET is_active = 1")


class TestTls:
    """With certificates of authorities, TLS is required and checked."""

    @pytest.fixture
    def url(self, server):
        """As a user who may not come without TLS."""
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE USER IF NOT EXISTS careful@'%' IDENTIFIED BY 'secret' REQUIRE SSL"
            )
            cursor.execute("GRANT SELECT ON rangefinder.* TO careful@'%'")
        return server.url.replace("//rangefinder:", "//careful:")

    def test_with_the_right_authority_it_is_used(self, repository, url, certificates):
        """The server would refuse this user otherwise."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        assert repository(url, options).features(KRUGER, 0).taxa
        assert repository(url.replace("127.0.0.1", "localhost"), options).features(KRUGER, 0).taxa

    def test_another_authority_is_not_believed(self, repository, url, tmp_path):
        """Somebody in between has certificates, too."""
        other = str(make_certificates(tmp_path) / "ca.pem")
        options = replace(OPTIONS, certificate_authorities=other)
        with pytest.raises(FeaturesUnavailable):
            repository(url, options).features(KRUGER, 0)

    def test_another_name_is_not_believed(self, repository, url, certificates):
        """A certificate that the authority signed for somebody else."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        with pytest.raises(FeaturesUnavailable):
            repository(url.replace("127.0.0.1", "127.0.0.2"), options).features(KRUGER, 0)

    def test_a_server_without_it_is_refused(self, repository, tmp_path, certificates):
        """Rather than talked to in the clear."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        with mariadb(tmp_path) as plain, pytest.raises(FeaturesUnavailable):
            repository(plain.url, options).features(KRUGER, 0)


class TestSecretsManager:
    """User and password come from the secret that RDS rotates."""

    @staticmethod
    def client(*passwords: str):
        """The real client, with answers as the service's model has them."""
        one = boto3.client(
            "secretsmanager", region_name="eu-central-1",
            aws_access_key_id="x", aws_secret_access_key="x",
        )  # fmt: skip
        stub = Stubber(one)
        for password in passwords:
            stub.add_response(
                "get_secret_value",
                {"SecretString": json.dumps({"username": "rotated", "password": password})},
                {"SecretId": "rangefinder/database"},
            )
        stub.activate()
        return one

    def test_a_rotated_password_is_found(self, server):
        """The old one stops working; the next connection asks again."""
        clock = FakeClock()
        client = self.client("first-password", "second-password")
        given = from_secret(
            mysql_connection(server.url), "rangefinder/database", lambda _: client, clock
        )
        database = MysqlFeatures(given, OPTIONS, clock)
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER rotated@'%' IDENTIFIED BY 'first-password'")
            cursor.execute("GRANT SELECT ON rangefinder.* TO rotated@'%'")
            assert database.features(KRUGER, 0).taxa
            cursor.execute("ALTER USER rotated@'%' IDENTIFIED BY 'second-password'")
        database.close()
        clock.now += 60
        assert database.features(KRUGER, 0).taxa
        database.close()

    def test_without_the_secret_the_database_is_out_of_reach(self, server):
        """Told by the kind of the fault, without any value."""
        client = self.client()
        given = from_secret(mysql_connection(server.url), "gone", lambda _: client, FakeClock())
        database = MysqlFeatures(given, MysqlOptions(), FakeClock())
        with pytest.raises(FeaturesUnavailable):
            database.features(KRUGER, 0)


def test_an_iam_token_is_used_for_ten_minutes():
    """It is valid for fifteen; signed by the real client, without a call."""
    clock = FakeClock()
    made: list[str] = []

    def client(service: str):
        made.append(service)
        return boto3.client(
            service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )

    server = mysql_connection("mysql://lambda@db.example.com:3307/rangefinder")
    given = from_iam(server, client, clock)
    first = given()
    assert first.password.startswith("db.example.com:3307/?Action=connect&DBUser=lambda")
    assert "X-Amz-Expires=900" in first.password
    clock.now += TOKEN_SECONDS - 1
    assert given() == first
    assert made == ["rds"]
    clock.now += 1
    given()
    assert made == ["rds", "rds"]


def test_a_silent_server_costs_no_more_than_the_timeout(repository, server):
    """PyMySQL by itself would wait for ever: connect_timeout does not cover the greeting."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = repository(
            server.url.replace(str(port_of(server.url)), str(port)), MysqlOptions(timeout=0.1)
        )
        with pytest.raises(FeaturesUnavailable):
            database.features(KRUGER, 0)

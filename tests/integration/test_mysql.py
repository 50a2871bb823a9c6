"""The feature repository on a real MariaDB server."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import chain, repeat

import boto3
import pytest
from botocore.exceptions import NoRegionError
from botocore.stub import Stubber
from msgspec import structs

from chalicelib.domain import FeatureSource
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.cells import cell_chain, coarsest_cells
from chalicelib.features.credentials import (
    TOKEN_SECONDS,
    from_iam,
    from_iam_by_boto3,
    from_secret,
)
from chalicelib.features.mysql import LOOKUP, MysqlFeatures
from chalicelib.features.mysql_session import MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.runtime.aws_signature import AwsKeys
from tests.conftest import OCEAN, PLACES, load_places
from tests.fakes import FakeClock
from tests.proxy import Fault, proxy
from tests.servers import MYSQL_SERVER, make_certificates, mariadb, port_of
from tools.build.features import TARGET

EMBEDDED = EmbeddedFeatures(TARGET)
KRUGER = cell_chain(PLACES["Kruger park"])


OPTIONS = MysqlOptions(timeout=5.0)


@pytest.fixture
def repository():
    """Return a function that makes repositories; close them at the end."""
    repositories: list[MysqlFeatures] = []

    def make(url: str, options: MysqlOptions = OPTIONS, clock: FakeClock | None = None):
        server = mysql_connection(url)
        repositories.append(MysqlFeatures(lambda: server, options, clock or FakeClock()))
        return repositories[-1]

    yield make
    for made_repository in repositories:
        made_repository.close()


@pytest.fixture
def database(repository, mysql_url):
    """Return a repository on the shared server."""
    return repository(mysql_url)


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    """Start a server of our own, with TLS."""
    with mariadb(tmp_path_factory.mktemp("own"), certificates) as server:
        load_places(server.url)
        yield server


@pytest.mark.parametrize("month", [0, 1, 7])
@pytest.mark.parametrize("name", PLACES)
def test_the_database_answers_as_the_embedded_store_does(database, name, month):
    """The same ranges give the same features in both stores.

    Presences by month may differ by 0.01 where regions meet whose animals have different seasons:
    a row of the database has one season.
    """
    cells = cell_chain(PLACES[name])
    features, expected = database.features([cells], month)[0], EMBEDDED.features([cells], month)[0]
    assert features.source is FeatureSource.DATABASE
    header = structs.replace(features, taxa={}, source=expected.source)
    assert header == structs.replace(expected, taxa={})
    assert features.taxa.keys() == expected.taxa.keys()
    assert len(features.taxa) > 10
    for taxon_id, feature in features.taxa.items():
        other = expected.taxa[taxon_id]
        assert feature.presence == pytest.approx(other.presence, rel=1e-5, abs=0.01 * bool(month))
        assert (feature.status, feature.prevalence) == (other.status, other.prevalence)


@pytest.mark.parametrize(
    ("taxon_id", "month"),
    [("n02128925", 0), ("n02128925", 7), ("n02002556", 0), ("n02504458", 7)],
)
def test_the_database_gives_the_ranges_of_the_embedded_store(database, taxon_id, month):
    """Jaguar, white stork and African elephant have the same presences in all loaded cells.

    As ``GET /v1/species/{taxonID}/range`` does, it asks for all cells of the world. The stork is
    left out by month: where regions meet, the database has one season and the file has each.
    """
    loaded = {cell_chain(place)[-1] for place in PLACES.values()}
    expected = EMBEDDED.presences(taxon_id, sorted(loaded), month)
    assert expected.cells
    presences = database.presences(taxon_id, coarsest_cells(), month)
    assert presences.dataset == expected.dataset
    assert presences.cells == pytest.approx(expected.cells, rel=1e-5)


def test_slow_ranges_do_not_take_the_places_from_predictions(mysql_url):
    """Ranges that time out open a circuit breaker of their own; places still come."""
    server = mysql_connection(mysql_url)
    with proxy(server.port) as silent:
        silent.become(Fault.BLACK_HOLE)
        # The first connection is that of the places.
        servers = chain([server], repeat(replace(server, port=silent.port)))
        options = replace(OPTIONS, range_timeout=0.1)
        database = MysqlFeatures(lambda: next(servers), options, FakeClock())
        with closing(database):
            assert database.features([KRUGER], 0)[0].taxa
            for _ in range(4):
                with pytest.raises(FeaturesUnavailable):
                    database.presences("n02128925", coarsest_cells(), 0)
            assert silent.connections == 3
            assert database.open_breakers() == ()
            assert database.features([KRUGER], 0)[0].taxa


def test_a_taxon_that_the_dataset_lacks_has_no_range(database):
    """A taxon that the dataset does not cover has an empty range, and raises no error."""
    assert database.presences("n00000000", coarsest_cells(), 0).cells == {}
    assert EMBEDDED.presences("n00000000", coarsest_cells(), 0).cells == {}


def test_the_database_gives_the_dataset_of_the_embedded_store(database):
    """Version, licence, citation, taxa and the threshold of expected presence are equal."""
    assert database.dataset() == EMBEDDED.dataset()


def test_a_place_without_data_has_no_taxa(repository, server):
    """A place in the open ocean gives features without taxa or cell, by one statement."""
    database = repository(server.url)
    database.dataset()
    before = server.selects()
    features = database.features([cell_chain(OCEAN)], 0)[0]
    assert server.selects() - before == 1
    assert (features.taxa, features.cell, features.effort) == ({}, None, 0)
    assert features.dataset == EMBEDDED.dataset().version


def test_a_lookup_is_one_read_of_the_primary_key(repository, server):
    """One statement reads one range of the primary key for all cells, the month and the year."""
    database = repository(server.url)
    database.dataset()
    before = server.selects()
    database.features([KRUGER], 7)
    assert server.selects() - before == 1
    statement = LOOKUP.format(cells="%s, %s, %s", months="%s, %s")
    explain = f"EXPLAIN FORMAT=TRADITIONAL {statement}"  # MySQL 9 would print a tree
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("USE rangefinder")
        cursor.execute(explain, (*(int(cell, 16) for cell in KRUGER), 7, 0))
        names = [column[0] for column in cursor.description]
        plan = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    (lookup,) = (step for step in plan if step["table"] == "geo_feature")
    assert (lookup["type"], lookup["key"]) == ("range", "PRIMARY")


def test_a_read_only_user_is_enough(repository, server):
    """A user that has only SELECT can look places up and read the dataset."""
    database = repository(server.url.replace("//rangefinder:", "//reader:"))
    assert database.features([KRUGER], 0)[0].taxa
    assert database.dataset().taxa


def test_one_environment_makes_one_connection(repository, server):
    """Forty lookups from eight threads share one connection, opened by the first."""
    with proxy(server.port) as gate:
        database = repository(server.url.replace(str(server.port), str(gate.port)))
        assert gate.connections == 0
        with ThreadPoolExecutor(8) as pool:
            features = list(pool.map(lambda _: database.features([KRUGER], 0)[0], range(40)))
        database.close()
    assert len(features) == 40
    assert gate.connections == 1


def test_a_lost_connection_is_opened_again(repository, server):
    """If the server closes the connection, the next lookup opens another and succeeds."""
    database = repository(server.url)
    expected = database.features([KRUGER], 0)[0]
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'rangefinder'")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {number}")
    assert database.features([KRUGER], 0)[0] == expected


def test_a_wrong_password_is_reported_without_the_password(repository, server):
    """A wrong password raises FeaturesUnavailable, whose text holds neither password nor port."""
    database = repository(server.url.replace("secret", "hunter2"))
    with pytest.raises(FeaturesUnavailable) as caught:
        database.features([KRUGER], 0)
    assert "hunter2" not in str(caught.value)
    assert str(server.port) not in str(caught.value)


def test_a_database_without_an_active_dataset_is_unavailable(repository, server):
    """An empty database raises FeaturesUnavailable, so no client reads that nothing lives here."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE rangefinder.dataset SET is_active = 0")
        try:
            with pytest.raises(FeaturesUnavailable, match="no active dataset"):
                repository(server.url).features([KRUGER], 0)
        finally:
            cursor.execute("UPDATE rangefinder.dataset SET is_active = 1")


class TestTls:
    """If certificate authorities are configured, TLS is required and verified."""

    @pytest.fixture
    def url(self, server):
        """Return the URL of a user that the server accepts only over TLS."""
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute(
                "CREATE USER IF NOT EXISTS careful@'%' IDENTIFIED BY 'secret' REQUIRE SSL"
            )
            cursor.execute("GRANT SELECT ON rangefinder.* TO careful@'%'")
        return server.url.replace("//rangefinder:", "//careful:")

    def test_with_the_right_authority_the_connection_uses_tls(self, repository, url, certificates):
        """A user that must come over TLS can look places up, by address and by name."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        assert repository(url, options).features([KRUGER], 0)[0].taxa
        assert (
            repository(url.replace("127.0.0.1", "localhost"), options).features([KRUGER], 0)[0].taxa
        )

    def test_a_certificate_of_another_authority_is_rejected(self, repository, url, tmp_path):
        """A server whose certificate another authority has signed is not trusted."""
        other_authority = str(make_certificates(tmp_path) / "ca.pem")
        options = replace(OPTIONS, certificate_authorities=other_authority)
        with pytest.raises(FeaturesUnavailable):
            repository(url, options).features([KRUGER], 0)

    def test_a_certificate_of_another_name_is_rejected(self, repository, url, certificates):
        """A server is not trusted if its certificate does not hold the address in the URL."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        with pytest.raises(FeaturesUnavailable):
            repository(url.replace("127.0.0.1", "127.0.0.2"), options).features([KRUGER], 0)

    def test_a_server_without_tls_is_rejected(self, repository, tmp_path, certificates):
        """The client does not fall back to a connection without TLS."""
        options = replace(OPTIONS, certificate_authorities=str(certificates / "ca.pem"))
        with mariadb(tmp_path) as plain, pytest.raises(FeaturesUnavailable):
            repository(plain.url, options).features([KRUGER], 0)


class TestSecretsManager:
    """User and password come from the secret that RDS rotates."""

    @staticmethod
    def client(*passwords: str):
        """Return the real client, with stubbed responses that match the service's model."""
        client = boto3.client(
            "secretsmanager", region_name="eu-central-1",
            aws_access_key_id="x", aws_secret_access_key="x",
        )  # fmt: skip
        stub = Stubber(client)
        for password in passwords:
            stub.add_response(
                "get_secret_value",
                {"SecretString": json.dumps({"username": "rotated", "password": password})},
                {"SecretId": "rangefinder/database"},
            )
        stub.activate()
        return client

    def test_a_rotated_password_is_fetched_again(self, server):
        """After a rotation, the next connection reads the secret again and succeeds."""
        clock = FakeClock()
        client = self.client("first-password", "second-password")
        credentials = from_secret(
            mysql_connection(server.url), "rangefinder/database", lambda _: client, clock
        )
        database = MysqlFeatures(credentials, OPTIONS, clock)
        with server.root() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER rotated@'%' IDENTIFIED BY 'first-password'")
            cursor.execute("GRANT SELECT ON rangefinder.* TO rotated@'%'")
            assert database.features([KRUGER], 0)[0].taxa
            cursor.execute("ALTER USER rotated@'%' IDENTIFIED BY 'second-password'")
        database.close()
        clock.now += 60
        assert database.features([KRUGER], 0)[0].taxa
        database.close()

    def test_without_the_secret_the_database_is_unavailable(self, server):
        """A secret that cannot be read raises FeaturesUnavailable."""
        client = self.client()
        credentials = from_secret(
            mysql_connection(server.url), "gone", lambda _: client, FakeClock()
        )
        database = MysqlFeatures(credentials, MysqlOptions(), FakeClock())
        with pytest.raises(FeaturesUnavailable):
            database.features([KRUGER], 0)


KEYS = AwsKeys(region="eu-central-1", identifier="x", secret="x", session_token="x")


def clients(services: list[str]):
    """Return a function that makes boto3's clients, and notes for which services."""

    def client(service: str):
        services.append(service)
        return boto3.client(
            service, region_name=KEYS.region, aws_access_key_id="x", aws_secret_access_key="x"
        )

    return client


def test_an_iam_token_is_used_for_ten_minutes():
    """A token, which is valid for 15 minutes, is signed again after ten, without a network call.

    Whoever signs it: ourselves, with Lambda's keys, or boto3, whose client is made at the start.
    """
    server = mysql_connection("mysql://lambda@db.example.com:3307/rangefinder")
    clock, time_of_day, services = FakeClock(), FakeClock(1_800_000_000.0), list[str]()
    signed = from_iam(server, KEYS, clock, time_of_day)
    by_boto3 = from_iam_by_boto3(server, clients(services), clock)
    assert services == ["rds"]
    first = signed()
    for credentials in (signed, by_boto3):
        password = credentials().password
        assert password.startswith("db.example.com:3307/?Action=connect&DBUser=lambda")
        assert "X-Amz-Expires=900" in password
    clock.now += TOKEN_SECONDS - 1
    time_of_day.now += TOKEN_SECONDS - 1
    assert signed() == first
    clock.now += 1
    time_of_day.now += 1
    assert signed() != first
    by_boto3()
    assert services == ["rds"]


def test_without_a_client_of_aws_the_database_is_unavailable():
    """A client that cannot be made does not stop the start; each login fails with the reason."""

    def no_region(_: str):
        raise NoRegionError

    server = mysql_connection("mysql://lambda@db.example.com:3307/rangefinder")
    credentials = from_iam_by_boto3(server, no_region, FakeClock())
    with pytest.raises(OSError, match="The IAM token cannot be made: NoRegionError"):
        credentials()


def test_a_connection_that_was_idle_is_replaced_before_it_is_used(repository, server):
    """It may be lost without a sign, after a freeze: the answer comes, and no timeout."""
    clock = FakeClock()
    with proxy(server.port) as network:
        database = repository(
            server.url.replace(str(server.port), str(network.port)), OPTIONS, clock
        )
        expected = database.features([KRUGER], 0)
        for _ in range(2):
            clock.now += 59
            assert database.features([KRUGER], 0) == expected
        assert network.connections == 1
        network.lose_open_connections()
        clock.now += 61
        assert database.features([KRUGER], 0) == expected
        assert network.connections == 2


@pytest.mark.skipif(
    bool(MYSQL_SERVER), reason="ed25519 is MariaDB's own; test_mysql_users.py has MySQL's plugin"
)
def test_a_user_whose_plugin_needs_a_package_is_reported_with_what_to_do(
    repository, server, caplog
):
    """PyMySQL needs PyNaCl for ed25519, as it needs cryptography for others without TLS."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("INSTALL SONAME 'auth_ed25519'")
        cursor.execute("CREATE USER modern@'%' IDENTIFIED VIA ed25519 USING PASSWORD('secret')")
    database = repository(server.url.replace("//rangefinder:", "//modern:"))
    for _ in range(3):
        with pytest.raises(FeaturesUnavailable, match="plugin needs a Python package"):
            database.features([KRUGER], 0)
    (line,) = caplog.messages
    assert "use TLS" in line
    assert "secret" not in line


def test_a_silent_server_raises_features_unavailable(repository, server):
    """A server that accepts connections but sends no greeting does not block the lookup.

    PyMySQL alone would wait for ever: its ``connect_timeout`` does not cover the greeting.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        database = repository(
            server.url.replace(str(port_of(server.url)), str(port)), MysqlOptions(timeout=0.1)
        )
        with pytest.raises(FeaturesUnavailable):
            database.features([KRUGER], 0)

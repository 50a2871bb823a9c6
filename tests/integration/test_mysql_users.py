"""Users that log in by ``caching_sha2_password``, the default of MySQL since 8.0.

PyMySQL sends such a password over TLS as it is. If the server has no TLS, PyMySQL encrypts it with
the server's key, which needs the package ``cryptography``: the service does not ship it, so these
tests hide it.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from chalicelib.features.mysql_session import PLUGIN_NEEDS_PACKAGE
from tests.conftest import load_places
from tests.servers import MYSQL_SERVER, Mariadb, mariadb
from tools import ROOT

needs_mysql = pytest.mark.skipif(
    not MYSQL_SERVER, reason="MariaDB has no caching_sha2_password: make test-servers has MySQL"
)

SCRIPT = """\
import json, sys
url, authorities, is_hidden, times = json.loads(sys.argv[1])
if is_hidden:
    sys.modules["cryptography"] = None  # importing it fails, as on Lambda
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql import MysqlFeatures
from chalicelib.features.mysql_session import MysqlOptions
from chalicelib.features.mysql_url import mysql_connection
from tests.fakes import FakeClock
options = MysqlOptions(timeout=5.0, certificate_authorities=authorities)
database = MysqlFeatures(lambda: mysql_connection(url), options, FakeClock())
told = []
for _ in range(times):
    try:
        told.append(database.dataset().version)
    except FeaturesUnavailable as error:
        told.append(str(error))
    database.close()
print(json.dumps([told, database.open_breakers()]))
"""


def log_in(url: str, authorities: str | None = None, *, is_hidden: bool = True, times: int = 1):
    """Read the dataset in a new process; return what it says each time, and the open breakers."""
    arguments = json.dumps([url, authorities, is_hidden, times])
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@contextmanager
def having_user(server: Mariadb) -> Iterator[str]:
    """Create a user whose password the server has not seen since, and yield its URL."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE USER modern@'%' IDENTIFIED WITH caching_sha2_password BY 'secret'")
        cursor.execute("GRANT SELECT ON rangefinder.* TO modern@'%'")
        yield server.url.replace("//rangefinder:", "//modern:")
        cursor.execute("DROP USER modern@'%'")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Start a server without TLS."""
    with mariadb(tmp_path_factory.mktemp("users")) as server:
        load_places(server.url)
        yield server


@pytest.fixture
def url(server):
    with having_user(server) as url:
        yield url


@needs_mysql
@pytest.mark.parametrize("is_checked", [True, False])
def test_over_tls_the_login_needs_nothing_else(tmp_path, certificates, is_checked):
    """If the server has TLS the service logs in, as on Lambda; also without authorities."""
    authorities = str(certificates / "ca.pem") if is_checked else None
    with mariadb(tmp_path, certificates) as server:
        load_places(server.url)
        with having_user(server) as url:
            told, open_breakers = log_in(url, authorities)
    assert told[0].startswith("ranges-")
    assert open_breakers == []


@needs_mysql
def test_without_tls_the_error_says_what_to_set(url):
    """The text names the setting; the breaker opens, so the alarm tells the operator."""
    told, open_breakers = log_in(url, times=3)
    assert all(PLUGIN_NEEDS_PACKAGE in text for text in told)
    assert open_breakers == ["database"]


@needs_mysql
def test_without_tls_a_password_that_the_server_remembers_still_works(url):
    """So a wrong configuration may seem right until the database restarts."""
    log_in(url, is_hidden=False)
    ((version,), _) = log_in(url)
    assert version.startswith("ranges-")


@needs_mysql
def test_without_tls_cryptography_is_enough(url):
    """A developer who has the package needs no TLS."""
    ((version,), _) = log_in(url, is_hidden=False)
    assert version.startswith("ranges-")


@needs_mysql
def test_new_users_log_in_this_way(server):
    """It is the default of the server. MySQL 9 does not have mysql_native_password any more."""
    with server.root() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT plugin FROM mysql.user WHERE user = 'rangefinder'")
        assert cursor.fetchall() == (("caching_sha2_password",),)
        cursor.execute(
            "SELECT COUNT(*) FROM information_schema.plugins"
            " WHERE plugin_name = 'mysql_native_password' AND plugin_status = 'ACTIVE'"
        )
        ((count,),) = cursor.fetchall()
        cursor.execute("SELECT VERSION()")
        ((version,),) = cursor.fetchall()
    assert count == (version.startswith("8.0"))


GREETING = (
    b"\x0a8.4.0\x00" + (1).to_bytes(4, "little") + b"saltsalt\x00"
    # Protocol 4.1, secure passwords and named plugins; utf8mb4.
    + (0x8200 | 0x0008).to_bytes(2, "little") + b"\xff" + (2).to_bytes(2, "little")
    + (0x0008).to_bytes(2, "little") + b"\x15" + bytes(10)
    + b"saltsaltsalt\x00" + b"caching_sha2_password\x00"
)  # fmt: skip


def packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def test_a_server_that_wants_such_a_password_is_told_apart():
    """A server without TLS that asks for the whole password, as MySQL does, gives that error."""

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(packet(0, GREETING))
            connection.recv(4096)  # the login
            connection.sendall(packet(2, b"\x01\x04"))  # all of the password, please
            connection.recv(4096)  # the request for the server's key
            connection.sendall(packet(4, b"\x01key"))
            connection.recv(4096)  # the end

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=serve, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        told, _ = log_in(f"mysql://modern:secret@127.0.0.1:{port}/rangefinder")
        thread.join()
    assert PLUGIN_NEEDS_PACKAGE in told[0]

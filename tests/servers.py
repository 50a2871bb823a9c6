"""Real servers for tests: our own processes on free ports, never the machine's servers.

The database is MariaDB and the cache Redis, unless ``MYSQL_SERVER`` and ``REDIS_SERVER`` name a
``mysqld`` of MySQL and a ``valkey-server`` (``make test-servers``).
"""

import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import redis

from tools import ROOT
from tools.show.serving import free_port

START_SECONDS = 60.0

MYSQL_SERVER = os.environ.get("MYSQL_SERVER", "")
REDIS_SERVER = os.environ.get("REDIS_SERVER", "redis-server")

HIGHEST_PORT = 55_000
"""The nodes of a cluster talk to each other on the port 10,000 above."""

AS_ROOT = ["--user=root"] if os.getuid() == 0 else []
"""A database refuses to run as root unless it is told to."""


def _wait(is_up, process: subprocess.Popen[bytes], name: str) -> None:
    """Wait until a server that has just been started answers."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_up():
            return
        time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{name} did not start")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


class Mariadb:
    """A MariaDB server with an empty database ``rangefinder`` and a user for it."""

    def __init__(self, directory: Path, port: int, certificates: Path | None = None) -> None:
        self.directory = directory
        self.port = port
        self.certificates = certificates
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mysql://rangefinder:secret@127.0.0.1:{self.port}/rangefinder"

    def install(self) -> None:
        """Create the system tables in an empty directory."""
        subprocess.run(
            [
                "mariadb-install-db", "--no-defaults", f"--datadir={self.directory}",
                "--auth-root-authentication-method=normal", "--skip-test-db",
            ],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def program(self) -> list[str]:
        """Return the command that starts the server, with what every start needs."""
        return [
            shutil.which("mariadbd") or "/usr/sbin/mariadbd", "--no-defaults",
            f"--datadir={self.directory}", *AS_ROOT,
        ]  # fmt: skip

    def start(self, *options: str) -> None:
        """Start the server, with more options, and wait until it answers."""
        command = [
            *self.program(), f"--port={self.port}", "--bind-address=127.0.0.1",
            f"--socket={self.directory}/socket", "--skip-log-bin",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=64M", "--local-infile=1", "--skip-name-resolve",
            *options,
        ]  # fmt: skip
        if self.certificates:
            command += [
                f"--ssl-{name}={self.certificates}/{name}.pem" for name in ("ca", "cert", "key")
            ]
        for name in ("socket", "socket.lock"):
            (self.directory / name).unlink(missing_ok=True)
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        _wait(self.is_up, self.process, "MariaDB")

    def is_up(self) -> bool:
        if not (self.directory / "socket").exists():
            return False
        try:
            self.root().close()
        except pymysql.MySQLError:
            return False
        return True

    def root(self) -> pymysql.Connection:
        """Connect as root over the server's socket."""
        return pymysql.connect(unix_socket=f"{self.directory}/socket", user="root", autocommit=True)

    def prepare(self) -> None:
        """Create the database, a user for it and a user that may only read."""
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE rangefinder")
            cursor.execute("CREATE USER rangefinder@'%' IDENTIFIED BY 'secret'")
            cursor.execute("GRANT ALL ON rangefinder.* TO rangefinder@'%'")
            cursor.execute("CREATE USER reader@'%' IDENTIFIED BY 'secret'")
            cursor.execute("GRANT SELECT ON rangefinder.* TO reader@'%'")

    def counters(self) -> dict[str, int]:
        """Return the server's counters ``Com_select`` and ``Threads_connected``."""
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute(
                "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_select', 'Threads_connected')"
            )
            return {name: int(value) for name, value in cursor.fetchall()}

    def selects(self) -> int:
        """Return how many SELECT statements the server has answered so far."""
        return self.counters()["Com_select"]

    @contextmanager
    def listening(self) -> Iterator[Counter[str]]:
        """Count the reads of places and of the dataset until the end of the block."""
        log, statements = self.directory / "statements", Counter[str]()
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL general_log_file = %s", (str(log),))
            cursor.execute("SET GLOBAL general_log = 1")
        yield statements
        with self.root() as connection, connection.cursor() as cursor:
            cursor.execute("SET GLOBAL general_log = 0")
        log_text = log.read_text(encoding="utf-8")
        log.unlink()
        statements["places"] = log_text.count("FROM geo_feature")
        statements["dataset"] = log_text.count("FROM dataset LEFT JOIN")

    def kill(self) -> None:
        """Kill the server, as a crash would."""
        assert self.process
        _stop(self.process)


class Mysql(Mariadb):
    """A MySQL server: ``MYSQL_SERVER`` names its program."""

    def program(self) -> list[str]:
        return [
            MYSQL_SERVER, "--no-defaults", f"--datadir={self.directory}", *AS_ROOT,
            # MySQL would make certificates of its own; a server without ours has no TLS.
            "--auto-generate-certs=OFF", "--mysqlx=OFF",
            # The default is a directory of the system, which need not exist.
            "--secure-file-priv=",
        ]  # fmt: skip

    def install(self) -> None:
        with (self.directory.with_suffix(".install")).open("wb") as log:
            subprocess.run(
                [*self.program(), "--initialize-insecure"], check=True, stdout=log, stderr=log
            )


@contextmanager
def mariadb(directory: Path, certificates: Path | None = None) -> Iterator[Mariadb]:
    """Start a server with the tables of ``make migrate``; stop it at the end."""
    server = (Mysql if MYSQL_SERVER else Mariadb)(directory, free_port(), certificates)
    server.install()
    server.start()
    try:
        server.prepare()
        migrate(server.url)
        yield server
    finally:
        server.kill()


def migrate(url: str, *arguments: str) -> str:
    """Run ``make migrate`` and return the SQL that it prints, if any."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("alembic")), "-c", "migrations/alembic.ini",
         *(arguments or ("upgrade", "head"))],
        cwd=ROOT, env={**os.environ, "RANGEFINDER_MYSQL_URL": url},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return str(done.stdout)


class RedisServer:
    """A Redis server, single or as a cluster of one node, with or without TLS."""

    def __init__(
        self, port: int, *, is_cluster: bool = False, has_slots: bool = True,
        certificates: Path | None = None, password: str = "",
    ) -> None:  # fmt: skip
        self.port = port
        self.is_cluster = is_cluster
        self.has_slots = has_slots
        self.certificates = certificates
        self.password = password
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        scheme = "rediss" if self.certificates else "redis"
        user = f":{self.password}@" if self.password else ""
        return f"{scheme}://{user}localhost:{self.port}"

    def client(self) -> redis.Redis:
        """Return a client of the server."""
        authorities = {"ssl_ca_certs": f"{self.certificates}/ca.pem"} if self.certificates else {}
        return redis.Redis.from_url(self.url, socket_timeout=5, **authorities)

    def start(self, directory: Path) -> None:
        """Start the server and wait until it answers; as a cluster, until it holds all slots.

        A node without slots waits for another one to give it some.
        """
        command = [REDIS_SERVER, "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"]
        if self.certificates:
            command += [
                "--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
                "--tls-ca-cert-file", f"{self.certificates}/ca.pem",
                "--tls-cert-file", f"{self.certificates}/cert.pem",
                "--tls-key-file", f"{self.certificates}/key.pem",
            ]  # fmt: skip
        else:
            command += ["--port", str(self.port)]
        if self.password:
            command += ["--requirepass", self.password]
        if self.is_cluster:
            command += [
                "--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1",
                "--cluster-announce-hostname", "localhost",
                "--cluster-preferred-endpoint-type", "hostname",
                *(("--tls-cluster", "yes") if self.certificates else ()),
            ]  # fmt: skip
        self.process = subprocess.Popen(
            command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _wait(self.is_up, self.process, "Redis")
        if self.is_cluster and self.has_slots:
            with self.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            _wait(self.holds_all_slots, self.process, "The cluster")

    def is_up(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def holds_all_slots(self) -> bool:
        with self.client() as client:
            return bool(client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")

    def kill(self) -> None:
        """Kill the server, as a crash would."""
        assert self.process
        _stop(self.process)


@contextmanager
def redis_server(directory: Path, **options) -> Iterator[RedisServer]:
    """Start a server; stop it at the end."""
    port = free_port()
    while port > HIGHEST_PORT:
        port = free_port()
    server = RedisServer(port, **options)
    server.start(directory)
    try:
        yield server
    finally:
        server.kill()


def make_certificates(directory: Path) -> Path:
    """Make a certificate authority, and a certificate for localhost that it has signed."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)

    (directory / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority",
            "-keyout", "ca-key.pem", "-out", "ca.pem",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
            "-keyout", "key.pem", "-out", "request.pem")  # fmt: skip
    openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "cert.pem")  # fmt: skip
    return directory


def port_of(url: str) -> int:
    """Return the port in a URL."""
    port = urlsplit(url).port
    assert port
    return port

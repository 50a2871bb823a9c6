"""A connection to a MySQL server, which is opened at first use and again after a loss.

Every wait has a timeout. A circuit breaker guards the server. What takes long and needs no server
is done at the start and not in a request: PyMySQL's import, and reading the certificates.
"""

import encodings.idna  # noqa: F401 - a host name needs it: now, not in the first request
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, Final

import pymysql

from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.ports import Clock
from chalicelib.runtime.circuit_breaker import (
    DEFAULT_BREAKER_POLICY,
    Breaker,
    BreakerPolicy,
    Explained,
)

IDLE_SECONDS: Final = 60.0
"""A connection that was idle for longer is replaced before it is used.

While Lambda freezes an environment, its connection can be lost, and nobody tells it: the next
statement would wait for its timeout. The server closes an idle connection itself (``wait_timeout``
in ``infra/data.yaml``), because Aurora pauses only while none is open. A frozen environment does
not notice that, either. So this is less than the server's time.
"""

PLUGIN_NEEDS_PACKAGE: Final = (
    "the user's authentication plugin needs a Python package that is not installed. With "
    "caching_sha2_password or sha256_password, use TLS: set "
    "RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES. Else give the user one of these plugins, or "
    "mysql_native_password"
)


@dataclass(frozen=True, slots=True)
class MysqlOptions:
    """Time limits for the server, in seconds, and the check of its certificate.

    Aurora needs longer than ``timeout`` to resume from zero capacity. A range reads thousands of
    rows, so it has ``range_timeout``. ``certificate_authorities`` is a file; it makes TLS
    required, and the client then checks certificate and host name.
    """

    timeout: float = 1.0
    range_timeout: float = 3.0
    certificate_authorities: str | None = None
    breaker: BreakerPolicy = DEFAULT_BREAKER_POLICY


class MysqlSession:
    """Executes statements on one connection, behind one circuit breaker. Thread-safe.

    It calls ``parameters`` for each new connection, since tokens and passwords change.
    """

    def __init__(
        self,
        parameters: Callable[[], MysqlConnection],
        options: MysqlOptions,
        timeout: float,
        clock: Clock,
    ) -> None:
        self._parameters = parameters
        self._timeout = timeout
        self._clock = clock
        self._used_at = clock()
        self._tls = _tls(options.certificate_authorities)
        self._lock = Lock()
        self._connection: Any = None
        self._breaker = Breaker(
            "The database",
            clock,
            (pymysql.MySQLError, OSError),
            FeaturesUnavailable,
            options.breaker,
        )

    @property
    def is_breaker_open(self) -> bool:
        """Whether the circuit breaker is open."""
        return self._breaker.is_open

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows. Raises ``FeaturesUnavailable``."""
        return self._breaker.call(self._query, statement, parameters)

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        with self._lock:
            self._drop()

    def _query(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a statement; if the connection turns out to be lost, once more on a new one.

        A lost connection fails at once. After a timeout there is no second try.
        """
        with self._lock:
            if self._clock() - self._used_at > IDLE_SECONDS:
                self._drop()
            self._used_at = self._clock()
            is_new = self._connection is None
            try:
                return self._execute(statement, parameters)
            except (pymysql.OperationalError, pymysql.InterfaceError, OSError) as error:
                if is_new or isinstance(error.__context__, TimeoutError):
                    raise
                return self._execute(statement, parameters)

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return list(cursor.fetchall())
        except BaseException as error:
            # The answer may still arrive: the next statement must not read it as its own.
            self._drop()
            _explain_nonsense(error)
            raise

    def _connect(self) -> Any:
        timeout = self._timeout
        parameters = self._parameters().arguments(None)
        try:
            return pymysql.connect(
                **parameters,
                ssl=self._tls,
                connect_timeout=timeout,
                read_timeout=timeout,
                write_timeout=timeout,
                autocommit=True,
            )
        except RuntimeError as error:
            # PyMySQL says so of cryptography and PyNaCl, and of nothing else.
            raise Explained(PLUGIN_NEEDS_PACKAGE) from error
        except Exception as error:
            _explain_nonsense(error)
            raise

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is closed either way
                connection.close()


def _explain_nonsense(error: BaseException) -> None:
    """Raise ``Explained`` for what PyMySQL raises on bytes that are not MySQL's protocol.

    It does not check them: it raises ``IndexError``, ``ValueError``, ``struct.error`` and others.
    """
    if isinstance(error, Exception) and not isinstance(
        error, (pymysql.MySQLError, OSError, Explained)
    ):
        name = type(error).__name__
        raise Explained(
            f"it does not speak MySQL's protocol ({name}); check host and port"
        ) from error


@lru_cache
def _tls(certificate_authorities: str | None) -> ssl.SSLContext | None:
    """Return what checks a server's certificate and host name. Reading the file takes 25 ms."""
    if certificate_authorities is None:
        return None
    context = ssl.create_default_context(cafile=certificate_authorities)
    # As PyMySQL: certificates that a server has made for itself lack what this wants.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

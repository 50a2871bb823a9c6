"""A connection to a MySQL server, which is opened at first use and again after a loss.

Every wait has a timeout. A circuit breaker guards the server.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.ports import Clock
from chalicelib.runtime.circuit_breaker import DEFAULT_BREAKER_POLICY, Breaker, BreakerPolicy


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


NEEDS_TLS: Final = (
    "The database's user logs in by caching_sha2_password, and the server offers no TLS. Such a "
    "login without TLS needs the package cryptography, which the service does not have. Switch TLS "
    "on in the server, and set RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES."
)


class LoginNeedsTls(Exception):
    """The server wants the password in a form that this client can only send over TLS."""


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
        # Slow to import: a service with the embedded store does without.
        import pymysql  # noqa: PLC0415

        self._parameters = parameters
        self._options = options
        self._timeout = timeout
        self._lock = Lock()
        self._connection: Any = None
        self._breaker = Breaker(
            "The database",
            clock,
            (pymysql.MySQLError, OSError, LoginNeedsTls),
            FeaturesUnavailable,
            options.breaker,
        )

    @property
    def is_breaker_open(self) -> bool:
        """Whether the circuit breaker is open."""
        return self._breaker.is_open

    def query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement and return its rows. Raises ``FeaturesUnavailable``."""
        try:
            return self._breaker.call(self._query, statement, parameters)
        except FeaturesUnavailable as error:
            if isinstance(error.__cause__, LoginNeedsTls):
                raise FeaturesUnavailable(str(error.__cause__)) from error
            raise

    def close(self) -> None:
        """Close the connection; the next statement opens another."""
        with self._lock:
            self._drop()

    def _query(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Execute a statement; if the connection turns out to be lost, once more on a new one.

        A lost connection fails at once. After a timeout there is no second try.
        """
        import pymysql  # noqa: PLC0415

        with self._lock:
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
        except BaseException:
            # The answer may still arrive: the next statement must not read it as its own.
            self._drop()
            raise

    def _connect(self) -> Any:
        import pymysql  # noqa: PLC0415

        timeout = self._timeout
        try:
            return pymysql.connect(
                **self._parameters().arguments(self._options.certificate_authorities),
                connect_timeout=timeout,
                read_timeout=timeout,
                write_timeout=timeout,
                autocommit=True,
            )
        except RuntimeError as error:
            # PyMySQL's own words: "'cryptography' package is required for ... auth methods".
            if "cryptography" not in str(error):
                raise
            raise LoginNeedsTls(NEEDS_TLS) from error

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is closed either way
                connection.close()

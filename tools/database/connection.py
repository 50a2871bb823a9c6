"""An operator's connection to the database, to load datasets.

It logs in as the service does, so that an operator needs no second set of secrets. It waits
longer, also for Aurora to resume, and its user may write.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pymysql
from pymysql.constants import CLIENT

from chalicelib.bootstrap import mysql_account
from chalicelib.features.mysql_session import PLUGIN_NEEDS_PACKAGE
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.settings import Settings

LOCK: Final = "SELECT GET_LOCK('rangefinder datasets', 0)"
"""The database releases the lock when the connection ends, also if the program is killed."""

RESUME_SECONDS: Final = 60
"""Aurora resumes from zero capacity in 15 seconds, after a day in 30."""

LONG_TIMEOUT: Final = "SET SESSION wait_timeout = 28800, interactive_timeout = 28800"
"""Aurora closes connections that are idle for minutes, so that it can pause. An import may count
for longer before it writes."""


class DatasetError(Exception):
    """A command that the database, or the state of its datasets, does not allow."""


@dataclass(frozen=True)
class Database:
    """The address of the database and how to log in, read again for each connection.

    With ``certificate_authorities``, a file, TLS is required and verified.
    """

    server: Callable[[], MysqlConnection]
    certificate_authorities: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Database":
        """Log in by URL, secret or token, as set. Raises ``DatasetError`` if there is no URL."""
        if settings.mysql_url is None:
            raise DatasetError(
                "No database: set RANGEFINDER_MYSQL_URL to mysql://user:password@host:3306/database"
            )
        return cls(
            mysql_account(settings, settings.mysql_url, time.monotonic),
            settings.mysql_certificate_authorities,
        )

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Yield a cursor. Raises ``DatasetError`` if the database is down or refuses it."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            try:
                yield cursor
            except pymysql.MySQLError as error:
                raise DatasetError(f"The database refuses: {error.args[-1]}") from error

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """Yield a cursor that holds the lock on all datasets.

        Two loads at once would remove each other's rows. ``cursor.connection.commit()`` ends a
        transaction.
        """
        with self.reading() as cursor:
            cursor.execute(LOCK)
            if cursor.fetchone() != (1,):
                raise DatasetError(
                    "Another program is loading or dropping a dataset: try again when it ends"
                )
            yield cursor

    def connect(self) -> Any:
        """Open a connection of PyMySQL. Raises ``DatasetError`` if that fails."""
        authorities = str(self.certificate_authorities) if self.certificate_authorities else None
        try:
            return pymysql.connect(
                **self.server().arguments(authorities),
                connect_timeout=RESUME_SECONDS,
                init_command=LONG_TIMEOUT,
                local_infile=True,
                client_flag=CLIENT.FOUND_ROWS,
            )
        except (pymysql.MySQLError, OSError) as error:
            raise DatasetError(f"The database cannot be reached: {error.args[-1]}") from error
        except RuntimeError as error:
            raise DatasetError(f"The database cannot be reached: {PLUGIN_NEEDS_PACKAGE}") from error

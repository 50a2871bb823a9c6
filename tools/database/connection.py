"""A connection to the database that datasets are loaded into, as an operator has it.

It logs in as the service does, so that whoever may run the tools needs no second set of
secrets; but it waits longer, also for Aurora to wake, and its user may write.
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
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.settings import Settings

LOCK: Final = "SELECT GET_LOCK('rangefinder datasets', 0)"
"""Ends with the connection, however that ends."""

WAKING_SECONDS: Final = 60
"""Aurora wakes in 15 seconds, in 30 after a day's sleep."""

KEEP: Final = "SET SESSION wait_timeout = 28800"
"""Aurora ends connections that idle for minutes, so that it can pause: not that of an import,
which may count for longer before it writes."""


class DatasetError(Exception):
    """What was asked for cannot be done with the datasets as they are."""


@dataclass(frozen=True)
class Database:
    """Where it is and who to log in as, asked for anew with each connection.

    With ``certificate_authorities``, a file, TLS is required and checked.
    """

    server: Callable[[], MysqlConnection]
    certificate_authorities: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Database":
        """By URL, secret or token, as is set. Raises ``DatasetError`` where none is."""
        if settings.mysql_url is None:
            raise DatasetError("Set RANGEFINDER_MYSQL_URL")
        return cls(
            mysql_account(settings, settings.mysql_url, time.monotonic),
            settings.mysql_certificate_authorities,
        )

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A cursor. Raises ``DatasetError`` where the database is away, or refuses something."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            try:
                yield cursor
            except pymysql.MySQLError as error:
                raise DatasetError(f"The database: {error.args[-1]}") from error

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """A cursor that nobody else writes beside: two loads would clear each other away.

        ``cursor.connection.commit()`` ends a transaction.
        """
        with self.reading() as cursor:
            cursor.execute(LOCK)
            if cursor.fetchone() != (1,):
                raise DatasetError("Somebody else is loading or dropping a dataset just now")
            yield cursor

    def connect(self) -> Any:
        """A connection of PyMySQL. Raises ``DatasetError`` where there is none to be had."""
        authorities = str(self.certificate_authorities) if self.certificate_authorities else None
        try:
            return pymysql.connect(
                **self.server().arguments(authorities),
                connect_timeout=WAKING_SECONDS,
                init_command=KEEP,
                local_infile=True,
                client_flag=CLIENT.FOUND_ROWS,
            )
        except (pymysql.MySQLError, OSError) as error:
            raise DatasetError(f"The database cannot be reached: {error.args[-1]}") from error

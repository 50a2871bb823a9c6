"""A connection as whoever may change tables and users: for migrations, on demand.

Logs in as the settings say, as the service does, but with more patience: a database that has
paused needs half a minute to wake.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import pymysql

from chalicelib.bootstrap import mysql_credentials
from chalicelib.settings import Settings

WAKING_SECONDS: Final = 60
"""Aurora wakes in 15 seconds, in 30 after a day's sleep."""

KEEP: Final = "SET SESSION wait_timeout = 28800"
"""The server ends connections that idle for minutes, so that it can pause: not this one."""


def connect(settings: Settings | None = None) -> Any:
    """A connection of PyMySQL. Raises ``RuntimeError`` where no database is set."""
    settings = settings or Settings.from_environment()
    if settings.mysql_url is None:
        raise RuntimeError("Set RANGEFINDER_MYSQL_URL.")
    server = mysql_credentials(settings, settings.mysql_url, time.monotonic)()
    authorities = settings.mysql_certificate_authorities
    return pymysql.connect(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        database=server.database,
        connect_timeout=WAKING_SECONDS,
        init_command=KEEP,
        charset="utf8mb4",
        ssl_ca=str(authorities) if authorities else None,
        ssl_verify_cert=bool(authorities) or None,
        ssl_verify_identity=bool(authorities) or None,
    )


def wake(
    attempt: Callable[[], Any] = connect,
    sleep: Callable[[float], None] = time.sleep,
    attempts: int = 5,
) -> None:
    """Return once the database answers. Raises what the last attempt raised."""
    for left in reversed(range(attempts)):
        try:
            attempt().close()
        except (pymysql.MySQLError, OSError):
            if not left:
                raise
            sleep(5.0)
        else:
            return

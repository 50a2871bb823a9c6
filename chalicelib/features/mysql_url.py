"""Parse the URL of a MySQL server."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

MYSQL_PORT: Final = 3306


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlConnection:
    """The address of a MySQL server, and the account to log in with."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    def arguments(self, certificate_authorities: str | None) -> dict[str, Any]:
        """Return the keyword arguments of ``pymysql.connect``.

        A file of certificate authorities makes TLS required; the client then checks certificate
        and host name.
        """
        is_checked = bool(certificate_authorities) or None
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "charset": "utf8mb4",
            "ssl_ca": certificate_authorities,
            "ssl_verify_cert": is_checked,
            "ssl_verify_identity": is_checked,
        }


def mysql_connection(url: str) -> MysqlConnection:
    """Parse ``mysql://user:password@host:port/database``.

    Raises ``ValueError``, which does not quote the URL.
    """
    parts = urlsplit(url)
    database = parts.path.strip("/")
    if parts.scheme != "mysql" or not parts.hostname or not database or parts.query:
        raise ValueError("must be mysql://user:password@host:port/database")
    return MysqlConnection(
        host=parts.hostname,
        port=parts.port or MYSQL_PORT,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database,
    )

"""Let the service log in to the database by IAM, and read: ``make service-user``.

Run it once for each database, as its administrator. Only Aurora has the plugin for this login.
"""

import sys
from typing import Any, Final

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.connection import Database, DatasetError
from tools.package.configure import DATABASE, DATABASE_USER

BY_IAM: Final = "IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL"


def allow(connection: Any, user: str = DATABASE_USER, login: str = BY_IAM) -> None:
    """Create the user if it does not exist, and let it read this one database."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE USER IF NOT EXISTS '{user}'@'%' {login}")
        cursor.execute(f"GRANT SELECT ON `{DATABASE}`.* TO '{user}'@'%'")


def main() -> int:
    """Create the user; return 1 if that fails."""
    try:
        connection = Database.of(Settings.from_environment()).connect()
    except (DatasetError, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 1
    allow(connection)
    connection.close()
    print(f"{DATABASE_USER} may log in by IAM, and read.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

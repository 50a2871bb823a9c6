"""List, activate and drop the datasets in the database: ``make datasets``.

``activate VERSION`` switches to a newer or older version in one statement, and announces it through
the shared cache. ``drop VERSION`` removes a version that is not active. The program logs in as the
service does (docs/settings.md).
"""

import argparse
import sys

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.announcement import announce
from tools.database.connection import DatasetError
from tools.database.dataset_loader import DatasetRow, writer_of


def line(row: DatasetRow) -> str:
    """Return the line of a dataset; a star marks the active one."""
    loaded = "incomplete" if row.loaded_at is None else f"{row.loaded_at:%Y-%m-%d %H:%M}"
    return f"{'*' if row.is_active else ' '} {row.version:28}{loaded:18}{row.licence:14}{row.title}"


def main() -> int:
    """Run the command; return 2 if the database or a setting does not allow it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list all datasets; a star marks the active one")
    for name, purpose in (("activate", "switch to a version"), ("drop", "remove an old version")):
        commands.add_parser(name, help=purpose).add_argument("version")
    arguments = parser.parse_args()
    try:
        settings = Settings.from_environment()
        writer = writer_of(settings)
        if arguments.command == "activate":
            writer.activate(arguments.version)
        elif arguments.command == "drop":
            writer.drop(arguments.version)
        for row in writer.datasets():
            print(line(row))
        if arguments.command == "activate":
            announce(settings)
    except (DatasetError, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

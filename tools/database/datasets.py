"""The datasets in the database: list them, go to another version, drop an old one.

``make datasets`` lists; ``python -m tools.database.datasets activate VERSION`` switches in one
statement, forward or back, and the service notices within half a minute; ``drop VERSION``
removes one that is not active. Logs in as the service does (docs/settings.md).
"""

import argparse
import sys

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.connection import DatasetError
from tools.database.dataset_loader import Listed, writer_of


def line(one: Listed) -> str:
    """A dataset, with a star where it is active."""
    loaded = "broken off" if one.loaded_at is None else f"{one.loaded_at:%Y-%m-%d %H:%M}"
    return f"{'*' if one.is_active else ' '} {one.version:28}{loaded:18}{one.licence:14}{one.title}"


def main() -> int:
    """Do it; 2 where that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="all datasets; a star marks the active one")
    for name, what in (("activate", "switch to a version"), ("drop", "remove an old version")):
        commands.add_parser(name, help=what).add_argument("version")
    arguments = parser.parse_args()
    try:
        writer = writer_of(Settings.from_environment())
        if arguments.command == "activate":
            writer.activate(arguments.version)
        elif arguments.command == "drop":
            writer.drop(arguments.version)
        for one in writer.datasets():
            print(line(one))
    except (DatasetError, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the container of operations starts with: see ``infra/operations.yaml``.

Wakes the database, fetches what is named as ``s3://bucket/key``, and becomes the command.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from chalicelib.settings import Settings
from tools.database.connection import Database, DatasetError

SECONDS_BETWEEN_ATTEMPTS: Final = 5.0

ON_S3: Final = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>\S*[^/\s])")


def wake(attempt: Callable[[], Any], sleep: Callable[[float], None], attempts: int = 5) -> None:
    """Return once the database answers. Raises what the last attempt raised."""
    for left in reversed(range(attempts)):
        try:
            attempt().close()
        except DatasetError:
            if not left:
                raise
            sleep(SECONDS_BETWEEN_ATTEMPTS)
        else:
            return


def fetch(arguments: Sequence[str], client: Any, directory: Path) -> list[str]:
    """The arguments, with each object of S3 replaced by a file that holds it.

    ``SOURCE=s3://bucket/occurrences.zip`` becomes ``SOURCE=/tmp/.../occurrences.zip``.
    """

    def download(found: re.Match[str]) -> str:
        file = directory / Path(found["key"]).name
        client.download_file(found["bucket"], found["key"], str(file))
        return str(file)

    return [ON_S3.sub(download, argument) for argument in arguments]


def main(arguments: Sequence[str]) -> None:
    """Never returns."""
    wake(Database.of(Settings.from_environment()).connect, time.sleep)
    if any(ON_S3.search(argument) for argument in arguments):
        import boto3  # noqa: PLC0415 - most commands need none

        arguments = fetch(arguments, boto3.client("s3"), Path(tempfile.mkdtemp()))
    os.execvp(arguments[0], list(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])

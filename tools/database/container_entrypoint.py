"""The entry point of the operations container: see ``infra/operations.yaml``.

It wakes the database, downloads each argument of the form ``s3://bucket/key``, puts the password
of the cache into the cache's address, and then becomes the command.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, Final

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.connection import Database, DatasetError

SECONDS_BETWEEN_ATTEMPTS: Final = 5.0

CACHE_ADDRESS: Final = "RANGEFINDER_REDIS_URL"
CACHE_PASSWORD: Final = "CACHE_PASSWORD"  # the name of a variable  # nosec B105

ON_S3: Final = re.compile(r"s3://(?P<bucket>[^/]+)/(?P<key>\S*[^/\s])")


def wake(attempt: Callable[[], Any], sleep: Callable[[float], None], attempts: int = 5) -> None:
    """Return as soon as the database answers. Raises the error of the last attempt."""
    for left in reversed(range(attempts)):
        try:
            attempt().close()
        except DatasetError:
            if not left:
                raise
            sleep(SECONDS_BETWEEN_ATTEMPTS)
        else:
            return


def log_in_to_cache(environment: MutableMapping[str, str]) -> None:
    """Move the password of the cache from its variable into the cache's address."""
    if password := environment.pop(CACHE_PASSWORD, ""):
        user, _, host = environment[CACHE_ADDRESS].partition("@")
        environment[CACHE_ADDRESS] = f"{user}:{password}@{host}"


def fetch(arguments: Sequence[str], client: Any, directory: Path) -> list[str]:
    """Return the arguments with each object of S3 replaced by a downloaded file.

    ``SOURCE=s3://bucket/occurrences.zip`` becomes ``SOURCE=/tmp/.../occurrences.zip``.
    """

    def download(address: re.Match[str]) -> str:
        file = directory / Path(address["key"]).name
        client.download_file(address["bucket"], address["key"], str(file))
        return str(file)

    return [ON_S3.sub(download, argument) for argument in arguments]


def main(arguments: Sequence[str]) -> None:
    """Wake the database and become the command. Never returns."""
    log_in_to_cache(os.environ)
    try:
        wake(Database.of(Settings.from_environment()).connect, time.sleep)
    except (DatasetError, InvalidSettings) as error:
        sys.exit(str(error))
    if any(ON_S3.search(argument) for argument in arguments):
        import boto3  # noqa: PLC0415 - most commands do not need it

        arguments = fetch(arguments, boto3.client("s3"), Path(tempfile.mkdtemp()))
    os.execvp(arguments[0], list(arguments))


if __name__ == "__main__":
    main(sys.argv[1:])

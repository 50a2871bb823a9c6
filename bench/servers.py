"""Start a database and a cache for a benchmark."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers import Mariadb, RedisServer, mariadb, redis_server


class Servers(NamedTuple):
    """The running servers; Redis runs in ``directory``."""

    database: Mariadb
    cache: RedisServer
    directory: Path


@contextmanager
def servers() -> Iterator[Servers]:
    """Run real servers on free ports, with empty tables."""
    with (
        tempfile.TemporaryDirectory() as database_directory,
        tempfile.TemporaryDirectory() as cache_directory,
        mariadb(Path(database_directory)) as database,
        redis_server(Path(cache_directory)) as cache,
    ):
        yield Servers(database, cache, Path(cache_directory))

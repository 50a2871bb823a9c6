"""A database and a cache of a bench's own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.servers import Mariadb, RedisServer, mariadb, redis_server


class Servers(NamedTuple):
    """Both, running; ``directory`` is where Redis is started."""

    database: Mariadb
    cache: RedisServer
    directory: Path


@contextmanager
def servers() -> Iterator[Servers]:
    """Real ones, on free ports, with empty tables; stopped at the end."""
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        mariadb(Path(one)) as database,
        redis_server(Path(other)) as cache,
    ):
        yield Servers(database, cache, Path(other))

"""Servers that several test modules share: each starts once, when first wanted.

Where ``MYSQL_URL`` or ``REDIS_URL`` name servers, those are used in their place (see
compose.yaml); tests that stop a server always start one of their own. A server that cannot
be started fails the tests that want it.
"""

import io
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from chalicelib.domain import Coordinates
from chalicelib.features.cells import cell_chain
from chalicelib.http import telemetry
from tests.servers import RedisServer, make_certificates, mariadb, migrate, redis_server
from tools.build.features import TARGET
from tools.database.dataset_loader import mysql_writer
from tools.database.load_ranges import describe, rows

settings.register_profile("untimed", deadline=None)  # no test is timed: machines are busy
settings.load_profile("untimed")

PLACES = {
    "Pantanal": Coordinates(-17.36, -56.78),
    "Kruger park": Coordinates(-24.01, 31.49),
    "Elbe": Coordinates(52.99, 11.75),
    "Douro": Coordinates(41.0, -6.85),
}
OCEAN = Coordinates(-40.0, -110.0)


def load_places(url: str, version: str | None = None) -> None:
    """The ranges of the places above, as ``make load-ranges`` would load those of all."""
    description, taxa = describe(TARGET)
    cells = sorted({int(cell, 16) for place in PLACES.values() for cell in cell_chain(place)})
    found = [row for cell in cells for row in rows(TARGET, (cell, cell))]
    if version:
        description["version"] = version
    mysql_writer(url).load(description, taxa, found)


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What the service has logged since the test began, a dictionary for each line."""
    (handler,) = telemetry.logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    lines = io.StringIO()
    usual = handler.setStream(lines)
    yield lambda: [json.loads(line) for line in lines.getvalue().splitlines()]
    handler.setStream(usual)


@pytest.fixture(scope="session")
def mysql_url(tmp_path_factory) -> Iterator[str]:
    """A database with the facts of some places."""
    if url := os.environ.get("MYSQL_URL"):
        migrate(url)
        load_places(url)
        yield url
        return
    with mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        load_places(server.url)
        yield server.url


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory) -> Iterator[str]:
    """A Redis server."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """The same, with nothing in it."""
    import redis  # noqa: PLC0415

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> Path:
    """An authority of our own and a certificate of localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory, certificates) -> Iterator[RedisServer]:
    """As ElastiCache Serverless is: a cluster, with TLS and a password."""
    with redis_server(
        tmp_path_factory.mktemp("cluster"),
        is_cluster=True,
        certificates=certificates,
        password="secret",
    ) as server:
        yield server

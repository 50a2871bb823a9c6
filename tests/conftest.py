"""Servers that several test modules share: each starts once, when the first test needs it.

``MYSQL_URL`` and ``REDIS_URL`` name other servers to use instead (see compose.yaml). A test that
stops a server always starts its own. If a server does not start, the tests that need it fail.
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
from tests.fake_aws import Account, fake_aws
from tests.servers import RedisServer, make_certificates, mariadb, migrate, redis_server
from tools.build.features import TARGET
from tools.database.dataset_loader import mysql_writer
from tools.database.load_ranges import describe, rows

settings.register_profile("untimed", deadline=None)  # The machine may be busy.
settings.load_profile("untimed")

PLACES = {
    "Pantanal": Coordinates(-17.36, -56.78),
    "Kruger park": Coordinates(-24.01, 31.49),
    "Elbe": Coordinates(52.99, 11.75),
    "Douro": Coordinates(41.0, -6.85),
}
OCEAN = Coordinates(-40.0, -110.0)


def load_places(url: str, version: str | None = None) -> None:
    """Load the ranges of the places above, as ``make load-ranges`` loads those of all places."""
    description, taxa = describe(TARGET)
    cells = sorted({int(cell, 16) for place in PLACES.values() for cell in cell_chain(place)})
    place_rows = [row for cell in cells for row in rows(TARGET, (cell, cell))]
    if version:
        description["version"] = version
    mysql_writer(url).load(description, taxa, place_rows)


@pytest.fixture
def log() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that reads what the service has logged, a dictionary for each line."""
    (handler,) = telemetry.logger.handlers
    assert isinstance(handler, logging.StreamHandler)
    lines = io.StringIO()
    usual = handler.setStream(lines)
    yield lambda: [json.loads(line) for line in lines.getvalue().splitlines()]
    handler.setStream(usual)


@pytest.fixture(scope="session")
def mysql_url(tmp_path_factory) -> Iterator[str]:
    """Start a database that holds the ranges of some places."""
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
    """Start a Redis server."""
    if url := os.environ.get("REDIS_URL"):
        yield url
        return
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """Empty the Redis server."""
    import redis  # noqa: PLC0415

    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    return redis_url


@pytest.fixture(scope="session")
def shared_account() -> Iterator[Account]:
    """Start a fake AWS account; it takes four seconds."""
    with fake_aws() as account:
        yield account


@pytest.fixture
def account(shared_account: Account) -> Account:
    """Return an empty AWS account."""
    return shared_account.empty()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory) -> Path:
    """Make a certificate authority and a certificate for localhost."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory, certificates) -> Iterator[RedisServer]:
    """Start a cluster with TLS and a password, as ElastiCache Serverless is."""
    with redis_server(
        tmp_path_factory.mktemp("cluster"),
        is_cluster=True,
        certificates=certificates,
        password="secret",
    ) as server:
        yield server

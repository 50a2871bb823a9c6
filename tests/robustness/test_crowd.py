"""A crowd at one place: processes that each behave like one Lambda environment."""

import pytest

from bench.crowd import crowd
from bench.environment import FAILED
from chalicelib.domain import GeoStatus
from tests.conftest import PLACES, load_places
from tests.servers import mariadb

KRUGER = PLACES["Kruger park"]
MINUTE = {
    # Far above what a busy machine needs: this is about who asks, not about how fast.
    "RANGEFINDER_REDIS_TIMEOUT_SECONDS": "5",
    "RANGEFINDER_MYSQL_TIMEOUT_SECONDS": "30",
    "RANGEFINDER_FEATURES_TIMEOUT_SECONDS": "30",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A server of our own, whose statements can be counted."""
    with mariadb(tmp_path_factory.mktemp("crowd")) as server:
        load_places(server.url)
        yield server


@pytest.mark.parametrize(("has_redis", "queries"), [(True, 1), (False, 8)])
def test_a_thousand_visitors_of_a_cold_place_make_one_query(
    database, empty_redis, has_redis, queries
):
    """While the lease holds; without Redis at most one for each environment."""
    settings = {
        "RANGEFINDER_MYSQL_URL": database.url,
        "RANGEFINDER_REDIS_URL": empty_redis if has_redis else "redis://127.0.0.1:1",
        **MINUTE,
    }
    visits = [(KRUGER.latitude, KRUGER.longitude)] * 1_000
    with crowd(8, visits, settings) as visitors, database.listening() as heard:
        visitors.go()
        found = visitors.visits()
    assert len(found) == 1_000
    assert FAILED not in {visit.status for visit in found}
    assert {visit.status for visit in found} == {GeoStatus.APPLIED}
    assert heard["places"] <= queries
    assert heard["dataset"] <= queries
    assert heard["places"] >= 1

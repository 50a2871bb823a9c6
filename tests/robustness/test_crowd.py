"""A crowd at one place, served by processes that each behave like a Lambda environment."""

import pytest

from bench.crowd import crowd
from bench.environment import FAILED
from chalicelib.domain import GeoStatus
from tests.conftest import PLACES, load_places
from tests.servers import mariadb

KRUGER = PLACES["Kruger park"]
LONG_TIMEOUTS = {
    # Far above what a busy machine needs: this test counts queries and times nothing.
    "RANGEFINDER_REDIS_TIMEOUT_SECONDS": "5",
    "RANGEFINDER_MYSQL_TIMEOUT_SECONDS": "30",
    "RANGEFINDER_FEATURES_TIMEOUT_SECONDS": "30",
}


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """Start a server of our own, whose statements can be counted."""
    with mariadb(tmp_path_factory.mktemp("crowd")) as server:
        load_places(server.url)
        yield server


@pytest.mark.parametrize(("has_redis", "queries"), [(True, 1), (False, 8)])
def test_a_thousand_visitors_of_an_uncached_place_make_one_query(
    database, empty_redis, has_redis, queries
):
    """Eight environments make one query under the lease, and at most eight without Redis."""
    settings = {
        "RANGEFINDER_MYSQL_URL": database.url,
        "RANGEFINDER_REDIS_URL": empty_redis if has_redis else "redis://127.0.0.1:1",
        **LONG_TIMEOUTS,
    }
    visits = [(KRUGER.latitude, KRUGER.longitude)] * 1_000
    with crowd(8, visits, settings) as environments, database.listening() as statements:
        environments.go()
        visits_made = environments.visits()
    assert len(visits_made) == 1_000
    assert FAILED not in {visit.status for visit in visits_made}
    assert {visit.status for visit in visits_made} == {GeoStatus.APPLIED}
    assert statements["places"] <= queries
    assert statements["dataset"] <= queries
    assert statements["places"] >= 1

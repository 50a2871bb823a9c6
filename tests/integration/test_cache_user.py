"""The rights of the cache's user in infra/data.yaml are enough for the service, and no more.

They are tried on a real cluster with TLS, as ElastiCache Serverless is.
"""

from collections.abc import Iterator

import pytest
import redis

from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.ports import Leased
from tests.fakes import FakeClock
from tests.templates import resources
from tools.package.configure import CACHE_USER

PASSWORD = "S3cret"


@pytest.fixture
def url(redis_cluster) -> Iterator[str]:
    """Return the address for the user of the template, while the user exists."""
    (user,) = resources("data.yaml", "AWS::ElastiCache::User").values()
    rules = ["reset", f">{PASSWORD}", *user["AccessString"].split()]
    with redis_cluster.client() as client:
        client.flushall()
        client.execute_command("ACL", "SETUSER", CACHE_USER, *rules)
        yield f"rediss://{CACHE_USER}:{PASSWORD}@localhost:{redis_cluster.port}"
        client.execute_command("ACL", "DELUSER", CACHE_USER)


def test_the_service_may_do_what_it_needs(url, certificates):
    """Connect to a cluster, read, write, and hold and release a lease."""
    authorities = str(certificates / "ca.pem")
    options = RedisOptions(url, is_cluster=True, timeout=5.0, certificate_authorities=authorities)
    cache = RedisCache(options, FakeClock())
    try:
        cache.put({"geo:a": b"value", "geo:b": b"other"}, 60.0)
        assert cache.get(["geo:a", "geo:b", "geo:c"]) == [b"value", b"other", None]
        assert cache.lease(["geo:a"], "token", 60.0) == [Leased(True, b"value")]
        assert cache.lease(["geo:a"], "late", 60.0) == [Leased(False, b"value")]
        cache.release(["geo:a"], "token")
        assert cache.lease(["geo:a"], "late", 60.0) == [Leased(True, b"value")]
        cache.replace("geo:a", b"value", b"newer", 60.0, "late")
        assert cache.get(["geo:a"]) == [b"newer"]
    finally:
        cache.close()


@pytest.mark.parametrize(
    "command",
    ["FLUSHALL", "KEYS *", "SCAN 0", "CONFIG GET *", "ACL LIST", "MONITOR", "CLUSTER RESET"],
)
def test_the_service_may_not_do_more(url, certificates, command):
    """A stolen password neither empties the cache nor lists its keys."""
    authorities = str(certificates / "ca.pem")
    with (
        redis.Redis.from_url(url, socket_timeout=5, ssl_ca_certs=authorities) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())

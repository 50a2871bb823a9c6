"""The shared cache on real Redis servers: alone, with TLS and a password, as a cluster."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis

from chalicelib.domain import FeatureSource
from chalicelib.errors import CacheUnavailable
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.ports import Runtime
from tests.fakes import FakeClock, FakeFeatures, feature, place
from tests.servers import make_certificates, redis_server

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
CALM = 5.0
"""Seconds: these servers are up, and the machine may be busy."""


@pytest.fixture
def alone(empty_redis) -> RedisOptions:
    return RedisOptions(empty_redis, timeout=CALM)


@pytest.fixture
def cluster(redis_cluster, certificates) -> RedisOptions:
    """As ElastiCache Serverless is: cluster protocol, TLS, a password."""
    with redis_cluster.client() as client:
        client.flushall()
    return RedisOptions(
        redis_cluster.url,
        is_cluster=True,
        timeout=CALM,
        certificate_authorities=str(certificates / "ca.pem"),
    )


@pytest.fixture(params=["alone", "cluster"])
def options(request) -> RedisOptions:
    found: RedisOptions = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def connect() -> Iterator[Callable[[RedisOptions], RedisCache]]:
    """Makes caches, and closes them."""
    made: list[RedisCache] = []

    def make(options: RedisOptions) -> RedisCache:
        made.append(RedisCache(options, FakeClock()))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def cache(connect, options) -> RedisCache:
    one: RedisCache = connect(options)
    return one


def test_what_is_put_can_be_got_byte_for_byte(cache):
    """Under its key only."""
    value = bytes(range(256))
    cache.put("geo:facts-1:0:84a8f4bffffffff", value, 60)
    assert cache.get("geo:facts-1:0:84a8f4bffffffff") == value
    assert cache.get("geo:facts-1:1:84a8f4bffffffff") is None


def test_the_server_forgets_by_itself(cache, options):
    """After the hard limit; nobody need clear up."""
    cache.put("key", b"value", 60)
    cache.lease("key:lease", "one", 1.5)
    with client_of(options) as client:
        assert 59_000 < client.pttl("key") <= 60_000
        assert 0 < client.pttl("key:lease") <= 1_500
        client.pexpire("key", 1)
        while client.exists("key"):
            pass
    assert cache.get("key") is None


def test_one_alone_holds_a_lease(cache):
    """Until that one gives it back; nobody else can."""
    assert cache.lease("key", "one", 60)
    assert not cache.lease("key", "two", 60)
    cache.release("key", "two")
    assert not cache.lease("key", "two", 60)
    cache.release("key", "one")
    assert cache.lease("key", "two", 60)


def test_environments_share_what_one_has_loaded(connect, options):
    """Through the protocol that the server speaks."""
    database = FakeFeatures(place(jaguar=feature()))
    environments = [environment(database, connect(options), name) for name in ("one", "two")]
    first, second = [one.features(CHAIN, 0) for one in environments]
    assert (first.source, second.source) == (FeatureSource.EMBEDDED, FeatureSource.CACHE)
    assert first.taxa == second.taxa
    assert len(database.asked) == 1


def test_a_cluster_spreads_its_keys_over_all_slots(redis_cluster, cluster, connect):
    """The server holds all 16,384 of them, and answers for keys anywhere among them."""
    cache = connect(cluster)
    keys = [f"geo:facts-1:0:84{number:05x}ffffffff" for number in range(200)]
    for key in keys:
        cache.put(key, key.encode(), 60)
    assert [cache.get(key) for key in keys] == [key.encode() for key in keys]
    with redis_cluster.client() as client:
        assert client.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "16384"
        assert len({client.execute_command("CLUSTER KEYSLOT", key) for key in keys}) > 150


def test_a_wrong_password_is_a_cache_out_of_reach(cluster, connect):
    """And is not told."""
    wrong = replace(cluster, url=cluster.url.replace("secret", "hunter2"))
    with pytest.raises(CacheUnavailable) as caught:
        connect(wrong).get("key")
    assert "hunter2" not in str(caught.value)


def test_another_authority_is_not_believed(cluster, connect, tmp_path):
    """Somebody in between has certificates, too."""
    other = replace(cluster, certificate_authorities=str(make_certificates(tmp_path) / "ca.pem"))
    with pytest.raises(CacheUnavailable):
        connect(other).get("key")


def test_another_name_is_not_believed(tmp_path, connect, certificates):
    """A certificate that the authority signed for somebody else."""
    with redis_server(tmp_path, certificates=certificates) as server:
        options = RedisOptions(
            server.url, timeout=CALM, certificate_authorities=str(certificates / "ca.pem")
        )
        assert connect(options).get("key") is None
        wrong = replace(options, url=options.url.replace("localhost", "127.0.0.2"))
        with pytest.raises(CacheUnavailable):
            connect(wrong).get("key")


def environment(database: FakeFeatures, cache: RedisCache, name: str) -> SharedCachedFeatures:
    process = Runtime(lambda: name, FakeClock(1_000_000.0), lambda _: None, random.Random(1).random)
    return SharedCachedFeatures(database, cache, CachePolicy(), process)


def client_of(options: RedisOptions) -> redis.Redis:
    authorities = options.certificate_authorities
    return redis.Redis.from_url(
        options.url, **({"ssl_ca_certs": authorities} if authorities else {})
    )

"""The shared cache on real Redis: a single server, and a cluster with TLS and a password.

``test_redis_faults.py`` has servers that refuse, and networks that fail.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import redis

from chalicelib.domain import FeatureSource
from chalicelib.errors import CacheUnavailable
from chalicelib.features.cache_aside import CacheAside, CachePolicy
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import SharedCachedFeatures
from chalicelib.ports import Runtime
from tests.fakes import FakeClock, FakeFeatures, feature, place
from tests.proxy import Proxy, proxy
from tests.servers import make_certificates, port_of, redis_server
from tests.waiting import wait_until

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
TIMEOUT_SECONDS = 5.0
"""Long enough for a busy machine: these servers are up."""


@pytest.fixture
def single_server(empty_redis) -> RedisOptions:
    """Return the options of a single server."""
    return RedisOptions(empty_redis, timeout=TIMEOUT_SECONDS)


@pytest.fixture
def cluster(redis_cluster, certificates) -> RedisOptions:
    """Return the options of an empty cluster with TLS and a password, as ElastiCache Serverless."""
    with redis_cluster.client() as client:
        client.flushall()
    return RedisOptions(
        redis_cluster.url,
        is_cluster=True,
        timeout=TIMEOUT_SECONDS,
        certificate_authorities=str(certificates / "ca.pem"),
    )


@pytest.fixture(params=["single_server", "cluster"])
def options(request) -> RedisOptions:
    """Return the options of each kind of server in turn."""
    options: RedisOptions = request.getfixturevalue(request.param)
    return options


@pytest.fixture
def connect() -> Iterator[Callable[[RedisOptions], RedisCache]]:
    """Return a function that makes caches; close them at the end."""
    caches: list[RedisCache] = []

    def make(options: RedisOptions) -> RedisCache:
        caches.append(RedisCache(options, FakeClock()))
        return caches[-1]

    yield make
    for cache in caches:
        cache.close()


@pytest.fixture
def cache(connect, options) -> RedisCache:
    """Return a cache on each kind of server in turn."""
    cache: RedisCache = connect(options)
    return cache


def test_a_value_is_returned_byte_for_byte(cache):
    """Values are returned unchanged, in the order of their keys; an unknown key has none."""
    value = bytes(range(256))
    cache.put({"geo:facts-1:0:84a8f4bffffffff": value, "key": b""}, 60)
    keys = ["key", "geo:facts-1:1:84a8f4bffffffff", "geo:facts-1:0:84a8f4bffffffff"]
    assert cache.get(keys) == [b"", None, value]
    assert cache.get([]) == []


def test_each_call_is_one_round_trip_whatever_the_number_of_keys(empty_redis, connect):
    """The proxy counts the requests that follow an answer; each of these fits into one packet."""
    keys = [f"key-{number}" for number in range(20)]
    with proxy(port_of(empty_redis)) as network:
        cache = connect(through(network, RedisOptions(empty_redis, timeout=TIMEOUT_SECONDS)))
        cache.get(["connected"])
        for call in (
            lambda: cache.get(keys),
            lambda: cache.lease(keys, "one", 60),
            lambda: cache.put(dict.fromkeys(keys, b"value"), 60, "one"),
            lambda: cache.release(keys, "one"),
        ):
            before = network.round_trips
            call()
            assert network.round_trips == before + 1


def test_another_programs_data_is_a_miss_for_its_key_only(cache, options):
    """A list under one of our keys hides no other key, and is no outage."""
    cache.put({"ours": b"value"}, 60)
    with client_of(options) as client:
        client.rpush("theirs", "list")
    for _ in range(5):
        assert cache.get(["theirs", "ours"]) == [None, b"value"]
    assert cache.lease(["theirs"], "one", 60) == [(True, None)]
    assert not cache.is_breaker_open


def test_values_and_leases_expire_on_the_server(cache, options):
    """The server knows the expiry of values and leases, and an expired value is gone."""
    cache.put({"key": b"value"}, 60)
    cache.lease(["key"], "one", 1.5)
    with client_of(options) as client:
        (lease,) = client.scan_iter("*:lease")
        assert 59_000 < client.pttl("key") <= 60_000
        assert 0 < client.pttl(lease) <= 1_500
        client.pexpire("key", 1)
        wait_until(lambda: not client.exists("key"), "The expiry of a value")
    assert cache.get(["key"]) == [None]


def test_a_lease_has_one_holder(cache):
    """A lease is granted to one token, and only that token can release it."""
    assert cache.lease(["key"], "one", 60) == [(True, None)]
    assert cache.lease(["key", "other"], "two", 60) == [(False, None), (True, None)]
    cache.release(["key"], "two")
    assert cache.lease(["key"], "two", 60) == [(False, None)]
    cache.release(["key", "other"], "one")
    assert cache.lease(["key", "other"], "three", 60) == [(True, None), (False, None)]


def test_a_stored_value_ends_the_leases_of_its_token_only(cache):
    """Who asks next gets the value with the lease; another token's lease stays."""
    cache.lease(["key"], "one", 60)
    cache.lease(["other"], "two", 60)
    cache.put({"key": b"value", "other": b"value"}, 60, "one")
    assert cache.lease(["key", "other"], "three", 60) == [(True, b"value"), (False, b"value")]


def test_a_value_is_replaced_only_if_it_is_the_known_one(cache, options):
    """What another environment has written meanwhile stays; the lease ends all the same."""
    known, newer = b"\x00\xffknown", b"\r\n\xfenewer"
    cache.replace("key", None, known, 60)
    cache.replace("key", None, newer, 60)
    assert cache.get(["key"]) == [known]
    cache.lease(["key"], "one", 60)
    cache.replace("key", b"older", newer, 60, "one")
    assert cache.lease(["key"], "two", 60) == [(True, known)]
    cache.replace("key", known, newer, 60)
    assert cache.get(["key"]) == [newer]
    with client_of(options) as client:
        client.delete("key")
        client.rpush("key", "list")
    cache.replace("key", None, known, 60)
    assert cache.get(["key"]) == [known]
    assert not cache.is_breaker_open


def test_environments_share_an_entry(connect, options):
    """The second environment reads from the cache what the first environment has loaded."""
    database = FakeFeatures(place(jaguar=feature()))
    environments = [environment(database, connect(options), name) for name in ("one", "two")]
    first, second = [reader.features([CHAIN], 0)[0] for reader in environments]
    assert (first.source, second.source) == (FeatureSource.EMBEDDED, FeatureSource.CACHE)
    assert first.taxa == second.taxa
    assert len(database.lookups) == 1


def test_a_cluster_spreads_its_keys_over_all_slots(redis_cluster, cluster, connect):
    """The server holds all 16,384 slots and returns the values of keys in many of them."""
    cache = connect(cluster)
    keys = [f"geo:facts-1:0:84{number:05x}ffffffff" for number in range(200)]
    cache.put({key: key.encode() for key in keys}, 60)
    assert cache.get(keys) == [key.encode() for key in keys]
    with redis_cluster.client() as client:
        assert client.execute_command("CLUSTER INFO")["cluster_slots_ok"] == "16384"
        assert len({client.execute_command("CLUSTER KEYSLOT", key) for key in keys}) > 150


def test_a_wrong_password_is_reported_without_the_password(cluster, connect):
    """A wrong password raises CacheUnavailable, whose text does not hold the password."""
    wrong = replace(cluster, url=cluster.url.replace("secret", "hunter2"))
    with pytest.raises(CacheUnavailable) as caught:
        connect(wrong).get(["key"])
    assert "hunter2" not in str(caught.value)


def test_a_certificate_of_another_authority_is_rejected(cluster, connect, tmp_path):
    """A server whose certificate another authority has signed is not trusted."""
    options = replace(cluster, certificate_authorities=str(make_certificates(tmp_path) / "ca.pem"))
    with pytest.raises(CacheUnavailable):
        connect(options).get(["key"])


def test_a_certificate_of_another_name_is_rejected(tmp_path, connect, certificates):
    """A server is not trusted if its certificate does not hold the address in the URL."""
    with redis_server(tmp_path, certificates=certificates) as server:
        options = RedisOptions(
            server.url,
            timeout=TIMEOUT_SECONDS,
            certificate_authorities=str(certificates / "ca.pem"),
        )
        assert connect(options).get(["key"]) == [None]
        wrong = replace(options, url=options.url.replace("localhost", "127.0.0.2"))
        with pytest.raises(CacheUnavailable):
            connect(wrong).get(["key"])


def environment(database: FakeFeatures, cache: RedisCache, name: str) -> SharedCachedFeatures:
    """Return an environment whose lease token is ``name``."""
    runtime = Runtime(lambda: name, FakeClock(1_000_000.0), lambda _: None, random.Random(1).random)
    aside = CacheAside(cache, CachePolicy(), runtime, lambda work: work())
    return SharedCachedFeatures(database, aside)


def through(network: Proxy, options: RedisOptions) -> RedisOptions:
    """Return the options of the same server behind a proxy."""
    return replace(options, url=options.url.replace(f":{port_of(options.url)}", f":{network.port}"))


def client_of(options: RedisOptions) -> redis.Redis:
    """Return a client that reads the server directly."""
    authorities = options.certificate_authorities
    return redis.Redis.from_url(
        options.url, **({"ssl_ca_certs": authorities} if authorities else {})
    )

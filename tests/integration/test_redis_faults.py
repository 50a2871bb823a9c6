"""The shared cache on real Redis servers that refuse, move, or are reached no more."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from chalicelib.errors import CacheReadOnly, CacheUnavailable
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from tests.fakes import FakeClock
from tests.proxy import Fault, Proxy, proxy
from tests.servers import RedisServer, redis_server

TIMEOUT_SECONDS = 5.0
"""Long enough for a busy machine."""


@contextmanager
def cache_of(url: str, clock: FakeClock | None = None, **options) -> Iterator[RedisCache]:
    """Connect a cache to a server; close it at the end."""
    options = {"timeout": TIMEOUT_SECONDS, "connect_timeout": TIMEOUT_SECONDS} | options
    cache = RedisCache(RedisOptions(url, **options), clock or FakeClock())
    try:
        yield cache
    finally:
        cache.close()


def url_of(network: Proxy) -> str:
    """Return the address of a server behind a proxy."""
    return f"redis://localhost:{network.port}"


@contextmanager
def behind_proxy(directory: Path) -> Iterator[tuple[FakeClock, Proxy, RedisCache, redis.Redis]]:
    """Start a server; yield a clock, a network, a cache on both, and a client beside them."""
    clock = FakeClock()
    with (
        redis_server(directory) as server,
        proxy(server.port) as network,
        cache_of(url_of(network), clock) as cache,
        server.client() as client,
    ):
        yield clock, network, cache, client


def become_replica(client: redis.Redis, directory: Path) -> None:
    client.replicaof("127.0.0.1", 1)


def fill_memory(client: redis.Redis, directory: Path) -> None:
    client.config_set("maxmemory", 1)


def take_away_the_right(client: redis.Redis, directory: Path) -> None:
    client.acl_setuser("default", commands=["-set"])


def lose_the_disk(client: redis.Redis, directory: Path) -> None:
    client.config_set("save", "3600 1000000")
    (directory / "dump.rdb").mkdir()
    client.bgsave()
    while client.info("persistence")["rdb_last_bgsave_status"] == "ok":
        pass


def lose_the_replicas(client: redis.Redis, directory: Path) -> None:
    client.config_set("min-replicas-to-write", 1)


def repair(client: redis.Redis) -> None:
    client.replicaof("NO", "ONE")
    client.config_set("maxmemory", 0)
    client.acl_setuser("default", commands=["+set"])
    client.config_set("save", "")
    client.config_set("min-replicas-to-write", 0)


class TestRefusedWrites:
    """A server that answers reads and refuses writes."""

    @pytest.mark.parametrize(
        "refuse",
        [become_replica, fill_memory, take_away_the_right, lose_the_disk, lose_the_replicas],
    )
    def test_reads_go_on_and_writes_stop_until_they_are_accepted_again(self, tmp_path, refuse):
        """Three refusals stop writes, and writes only; a probe finds that they are accepted."""
        with behind_proxy(tmp_path) as (clock, network, cache, client):
            cache.put({"key": b"value"}, 60)
            refuse(client, tmp_path)
            writes: list[Callable[[], object]] = [
                lambda: cache.lease(["key"], "one", 60),
                lambda: cache.put({"key": b"new"}, 60, "one"),
            ]
            for write in writes * 3:
                with pytest.raises(CacheReadOnly):
                    write()
                assert cache.get(["key"]) == [b"value"]
            assert (cache.is_read_only, cache.is_breaker_open) == (True, False)
            before = network.round_trips
            for write in writes:
                with pytest.raises(CacheReadOnly):
                    write()
            assert network.round_trips == before
            repair(client)
            clock.now += 5.1
            assert cache.lease(["key"], "one", 60) == [(True, b"value")]
            cache.put({"key": b"new"}, 60, "one")
            assert (cache.is_read_only, cache.get(["key"])) == (False, [b"new"])

    def test_after_a_failover_the_name_is_looked_up_again(self, tmp_path):
        """A name may come to mean another server: a refused write closes the old connection."""
        (tmp_path / "old").mkdir()
        (tmp_path / "new").mkdir()
        with (
            redis_server(tmp_path / "old") as old,
            redis_server(tmp_path / "new") as new,
            proxy(old.port) as name,
            cache_of(url_of(name)) as cache,
        ):
            cache.put({"key": b"old"}, 60)
            with old.client() as client:
                client.replicaof("127.0.0.1", new.port)
            name.target = new.port
            with pytest.raises(CacheReadOnly):
                cache.put({"key": b"new"}, 60)
            cache.put({"key": b"new"}, 60)
            with new.client() as client:
                assert client.get("key") == b"new"
            assert not cache.is_read_only

    def test_an_outage_says_nothing_about_writes(self, tmp_path):
        """A cache that is gone and comes back still refuses writes: the probe finds out."""
        with behind_proxy(tmp_path) as (clock, network, cache, client):
            fill_memory(client, tmp_path)
            for _ in range(3):
                with pytest.raises(CacheReadOnly):
                    cache.put({"key": b"value"}, 60)
            clock.now += 5.1
            network.become(Fault.REFUSE)
            for _ in range(3):
                with pytest.raises(CacheUnavailable):
                    cache.put({"key": b"value"}, 60)
            assert (cache.is_read_only, cache.is_breaker_open) == (True, True)


class TestCluster:
    """A cluster whose slots are missing, or move."""

    def test_missing_slots_are_reported_at_once(self, tmp_path):
        """Nothing sleeps, and the cluster is used again once a server has the slots.

        redis-py's cluster client sleeps for 0.25 s.
        """
        clock = FakeClock()
        with redis_server(tmp_path, is_cluster=True) as server, server.client() as client:
            slot = client.execute_command("CLUSTER KEYSLOT", "key")
            with cache_of(server.url, clock, is_cluster=True) as cache:
                cache.put({"key": b"value"}, 60)
                client.execute_command("CLUSTER DELSLOTS", slot)

                def call() -> None:
                    with pytest.raises(CacheUnavailable):
                        cache.get(["key"])

                assert not any(sleeps(call) for _ in range(4))
                assert cache.is_breaker_open
                client.execute_command("CLUSTER ADDSLOTS", slot)
                while not server.holds_all_slots():
                    pass
                clock.now += 5.1
                assert cache.get(["key"]) == [b"value"]

    def test_keys_are_found_while_and_after_they_move_to_another_node(self, tmp_path):
        """First the old node asks to try the new one (ASK); later it says that it moved (MOVED)."""
        with two_nodes(tmp_path) as (old, new), cache_of(old.url, is_cluster=True) as cache:
            cache.put({"{a}1": b"1", "{a}2": b"2", "b": b"3"}, 60)
            with old.client() as source, new.client() as target:
                slot = source.execute_command("CLUSTER KEYSLOT", "{a}1")
                ids = [
                    client.execute_command("CLUSTER MYID").decode() for client in (source, target)
                ]
                target.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[0])
                source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[1])
                source.migrate("127.0.0.1", new.port, ["{a}1"], 0, 5_000)
                assert cache.get(["{a}1", "b", "{a}2"]) == [b"1", b"3", b"2"]
                source.migrate("127.0.0.1", new.port, ["{a}2"], 0, 5_000)
                for client in (target, source):
                    client.execute_command("CLUSTER SETSLOT", slot, "NODE", ids[1])
                assert cache.get(["{a}1", "b", "{a}2"]) == [b"1", b"3", b"2"]
                cache.put({"{a}1": b"4", "b": b"5"}, 60)
                assert (target.get("{a}1"), source.get("b")) == (b"4", b"5")


class TestNetwork:
    """Networks that are slow, or have forgotten a connection."""

    def test_a_connection_that_was_idle_is_replaced_before_it_is_used(self, redis_url):
        """It may be lost without a sign, after a freeze: the answer comes, and no timeout."""
        clock = FakeClock()
        with (
            proxy(int(redis_url.rpartition(":")[2])) as network,
            cache_of(url_of(network), clock) as cache,
        ):
            cache.put({"key": b"value"}, 60)
            clock.now += 59
            assert cache.get(["key"]) == [b"value"]
            clock.now += 59
            assert cache.get(["key"]) == [b"value"]
            assert network.connections == 1
            network.lose_open_connections()
            clock.now += 61
            assert cache.get(["key"]) == [b"value"]
            assert network.connections == 2

    def test_connecting_with_tls_may_take_longer_than_an_answer(self, tmp_path, certificates):
        """The connection comes about over a slow network, up to the login; the answer is late."""
        with (
            redis_server(tmp_path, certificates=certificates, password="secret") as server,
            proxy(server.port) as network,
            server.client() as client,
        ):
            network.delay_seconds = 0.1
            network.become(Fault.DELAY)
            url = server.url.replace(f":{server.port}", f":{network.port}")
            authorities = str(certificates / "ca.pem")
            client.config_resetstat()
            with (
                cache_of(url, timeout=0.05, certificate_authorities=authorities) as cache,
                pytest.raises(CacheUnavailable),
            ):
                cache.get(["key"])
            assert client.info("commandstats")["cmdstat_auth"]["calls"] == 1
            with (
                cache_of(url, connect_timeout=0.05, certificate_authorities=authorities) as cache,
                pytest.raises(CacheUnavailable),
            ):
                cache.get(["key"])
            assert client.info("commandstats")["cmdstat_auth"]["calls"] == 1


@contextmanager
def two_nodes(directory: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Start a cluster of two nodes, of which the first has all slots."""
    for name in ("old", "new"):
        (directory / name).mkdir()
    with (
        redis_server(directory / "old", is_cluster=True) as old,
        redis_server(directory / "new", is_cluster=True, has_slots=False) as new,
        new.client() as client,
    ):
        client.execute_command("CLUSTER MEET", "127.0.0.1", old.port)
        while not new.holds_all_slots():
            pass
        yield old, new


def sleeps(function: Callable[[], object]) -> bool:
    """Return whether a function, or what it calls, sleeps."""
    has_slept = False

    def watch(_frame, event: str, argument) -> None:
        nonlocal has_slept
        has_slept = has_slept or (event == "c_call" and argument is time.sleep)

    sys.setprofile(watch)
    try:
        function()
    finally:
        sys.setprofile(None)
    return has_slept

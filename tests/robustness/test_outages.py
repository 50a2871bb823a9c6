"""The whole service with real servers that fail: a visitor always gets an answer.

Between service and servers stands a proxy that fails as networks do. Clocks are fake: they
stand still unless a test moves them, so that breakers and entries change when it says so.
"""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from threading import Event, Thread

import pytest
import redis

from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates, FeatureSource, GeoStatus, Identification
from chalicelib.features.cache_codec import DATASET_KEY, PlaceCodec
from chalicelib.features.cells import cell_chain
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.identify import IdentifyRequest
from chalicelib.ports import Runtime
from chalicelib.settings import Settings
from tests.conftest import OCEAN, PLACES, load_places
from tests.fakes import FakeClock, FakeFeatures, feature, place
from tests.proxy import Fault, Proxy, proxy
from tests.samples import SAMPLES
from tests.servers import mariadb, port_of, redis_server

PHOTO = SAMPLES["jaguar.jpg"].content
PANTANAL, KRUGER, ELBE, DOURO = PLACES.values()
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
DEFAULT_BREAKER_POLICY = "0.6"
"""Seconds: more than a busy machine needs, less than the delay of a slow network."""

PLACE_KEYS = "geo:ranges-*ffffff"
NUMBERS = count()


@dataclass
class Deployment:
    """A database and a cache, each behind a network that may fail, and environments."""

    database: Proxy
    cache: Proxy
    mysql_url: str
    redis_url: str
    clock: FakeClock = field(default_factory=FakeClock)
    time_of_day: FakeClock = field(default_factory=lambda: FakeClock(1_800_000_000.0))

    def environment(self, **settings: str) -> Services:
        """A new one, with an empty memory; ``settings`` in place of the usual ones."""
        usual = {
            "mysql_url": self.mysql_url,
            "mysql_timeout_seconds": DEFAULT_BREAKER_POLICY,
            "redis_url": self.redis_url,
            "redis_timeout_seconds": DEFAULT_BREAKER_POLICY,
            "features_timeout_seconds": "10",
        }
        process = Runtime(
            lambda: f"lease-{next(NUMBERS)}", self.time_of_day, lambda _: None, lambda: 0.5
        )
        environment = {
            f"RANGEFINDER_{name.upper()}": text for name, text in (usual | settings).items()
        }
        return Services.build(Settings.from_environment(environment), self.clock, process)

    def without_memory(self) -> Services:
        """One that asks the cache each time."""
        return self.environment(memory_cache_seconds="0")

    def keys(self) -> redis.Redis:
        """What is in the cache, straight from the server."""
        return redis.Redis(port=self.cache.target)


def predict(services: Services, coordinates: Coordinates = PANTANAL) -> Identification:
    """A prediction, photo, model and all."""
    return services.identify(IdentifyRequest(PHOTO, coordinates))


def source(found: Identification) -> FeatureSource | None:
    return found.geo.features.source if found.geo.features else None


@pytest.fixture
def deployment(mysql_url, empty_redis) -> Iterator[Deployment]:
    with behind_proxies(mysql_url, empty_redis) as one:
        yield one


@contextmanager
def behind_proxies(mysql_url: str, redis_url: str) -> Iterator[Deployment]:
    with proxy(port_of(mysql_url)) as database, proxy(port_of(redis_url)) as cache:
        yield Deployment(
            database,
            cache,
            mysql_url.replace(f":{port_of(mysql_url)}", f":{database.port}"),
            redis_url.replace(f":{port_of(redis_url)}", f":{cache.port}"),
        )


class TestCacheDown:
    """Redis fails: all goes on as if nothing had been in it."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_predictions_go_on_and_the_cache_is_soon_left_alone(self, deployment, fault):
        """However it fails: the database answers, and nobody waits for the cache for long."""
        services = deployment.without_memory()
        predict(services)
        assert source(predict(services)) is FeatureSource.CACHE
        deployment.cache.become(fault)
        found = [predict(services) for _ in range(4)]
        assert {one.geo.status for one in found} == {GeoStatus.APPLIED}
        assert {source(one) for one in found} == {FeatureSource.DATABASE}
        connections = deployment.cache.connections
        assert source(predict(services)) is FeatureSource.DATABASE
        assert deployment.cache.connections == connections

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_cache_is_used_again_once_it_is_back(self, deployment, fault):
        """One call probes, after a while."""
        services = deployment.without_memory()
        predict(services)
        deployment.cache.become(fault)
        for _ in range(4):
            predict(services)
        deployment.cache.become(Fault.NONE)
        assert source(predict(services)) is FeatureSource.DATABASE
        deployment.clock.now += 5.1
        assert source(predict(services)) is FeatureSource.CACHE

    def test_killed_in_mid_load_it_takes_no_prediction_with_it(self, tmp_path, mysql_url):
        """Nor does it when it is back, empty."""
        with redis_server(tmp_path) as server, behind_proxies(mysql_url, server.url) as deployment:
            services = deployment.without_memory()
            predict(services)
            assert source(predict(services)) is FeatureSource.CACHE
            server.kill()
            for _ in range(5):
                found = predict(services)
                assert (found.geo.status, source(found)) == (
                    GeoStatus.APPLIED,
                    FeatureSource.DATABASE,
                )
            server.start(tmp_path)
            deployment.clock.now += 5.1
            assert [source(predict(services)) for _ in range(2)] == [
                FeatureSource.DATABASE,
                FeatureSource.CACHE,
            ]

    def test_a_cluster_that_is_killed_takes_no_prediction_with_it(
        self, tmp_path, deployment, certificates
    ):
        """Its client would look for other nodes; there are none."""
        with redis_server(
            tmp_path, is_cluster=True, certificates=certificates, password="secret"
        ) as server:
            services = deployment.environment(
                redis_url=server.url,
                redis_cluster="on",
                redis_certificate_authorities=str(certificates / "ca.pem"),
                redis_timeout_seconds="2",
                memory_cache_seconds="0",
            )
            predict(services)
            assert source(predict(services)) is FeatureSource.CACHE
            server.kill()
            assert {source(predict(services)) for _ in range(5)} == {FeatureSource.DATABASE}


class TestDatabaseDown:
    """MariaDB fails: what is cached goes on, and says so when it is old."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_cached_places_go_on_others_lose_the_place(self, deployment, fault):
        """Nobody loses the answer."""
        predict(deployment.environment())
        deployment.database.become(fault)
        services = deployment.environment()
        assert source(predict(services)) is FeatureSource.CACHE
        assert source(predict(services)) is FeatureSource.MEMORY
        found = predict(services, KRUGER)
        assert (found.geo.status, found.geo.features) == (GeoStatus.DEGRADED, None)
        assert found.candidates[0].score == pytest.approx(found.candidates[0].vision_score)

    def test_killed_with_a_warm_cache_it_fails_no_prediction(self, tmp_path, empty_redis):
        """Stale until the hard limit, and marked; then degraded; then back with the server."""
        with mariadb(tmp_path) as server:
            load_places(server.url)
            with behind_proxies(server.url, empty_redis) as deployment:
                services = deployment.without_memory()
                for coordinates in PLACES.values():
                    predict(services, coordinates)
                server.kill()
                for coordinates in PLACES.values():
                    found = predict(services, coordinates)
                    assert source(found) is FeatureSource.CACHE
                deployment.time_of_day.now += 4_000
                for coordinates in PLACES.values():
                    found = predict(services, coordinates)
                    assert found.geo.status is GeoStatus.APPLIED
                    assert source(found) is FeatureSource.STALE
                for key in deployment.keys().scan_iter("geo:*"):
                    # As the server does at the hard limit.
                    deployment.keys().delete(key)
                services = deployment.without_memory()
                assert predict(services).geo.status is GeoStatus.DEGRADED
                server.start()
                deployment.clock.now += 5.1
                assert source(predict(services)) is FeatureSource.DATABASE

    def test_the_server_is_told_the_hard_limit(self, deployment):
        """So that it forgets what is too old even to be stale."""
        predict(deployment.environment(cache_kept_seconds="86400"))
        (key,) = deployment.keys().keys(PLACE_KEYS)
        assert 86_000 < deployment.keys().ttl(key) <= 86_400

    def test_memory_alone_survives_it_too(self, deployment):
        """Without any Redis: what an environment has seen it still knows, dataset and all."""
        services = deployment.environment(redis_url="redis://127.0.0.1:1")
        predict(services)
        deployment.database.become(Fault.REFUSE)
        deployment.clock.now += 61
        deployment.time_of_day.now += 61
        found = predict(services)
        assert (found.geo.status, source(found)) == (GeoStatus.APPLIED, FeatureSource.STALE)

    def test_a_silent_one_is_asked_once_and_not_twice(self, deployment):
        """Another try would take as long again; and after three it is left alone."""
        services = deployment.environment(redis_url="redis://127.0.0.1:1")
        predict(services)
        deployment.database.become(Fault.BLACK_HOLE)
        connections = deployment.database.connections
        assert predict(services, KRUGER).geo.status is GeoStatus.DEGRADED
        assert deployment.database.connections == connections
        for coordinates in (ELBE, DOURO, KRUGER, ELBE):
            assert predict(services, coordinates).geo.status is GeoStatus.DEGRADED
        assert deployment.database.connections == connections + 2


@pytest.mark.parametrize("fault", FAULTS)
def test_with_both_down_there_still_is_an_answer(deployment, fault):
    """By the look alone; it says so, and nothing is remembered of it."""
    services = deployment.environment()
    deployment.cache.become(fault)
    deployment.database.become(fault)
    for _ in range(5):
        found = predict(services)
        assert found.geo.status is GeoStatus.DEGRADED
        assert len(found.candidates) == 398
    deployment.cache.become(Fault.NONE)
    deployment.database.become(Fault.NONE)
    deployment.clock.now += 5.1
    assert predict(services).geo.status is GeoStatus.APPLIED


def test_an_answer_does_not_wait_for_a_slow_database(deployment):
    """Longer than the settings say; the lookup goes on, and the next visitor has its result."""
    services = deployment.environment(
        features_timeout_seconds="0.05", mysql_timeout_seconds="30", redis_url="redis://127.0.0.1:1"
    )
    deployment.database.become(Fault.DELAY)
    assert predict(services).geo.status is GeoStatus.DEGRADED
    deployment.database.become(Fault.NONE)
    patient = deployment.environment(redis_url="redis://127.0.0.1:1")
    assert predict(patient).geo.status is GeoStatus.APPLIED


POISONER = PlaceCodec("facts-1", 0, "84a8f4bffffffff")


class TestPoison:
    """Whatever stands under our keys, no visitor notices."""

    @pytest.mark.parametrize("key", ["place", "dataset"])
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw[:2] + b"\xff" + raw[3:],
            lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            lambda raw: pickle.dumps({"cell": "84a8f4bffffffff"}),
            lambda raw: POISONER.encode(place(jaguar=feature(float("nan"))), 2e9, 0.1),
            lambda raw: b"",
            None,
        ],
        ids=["truncated", "schema", "bit", "pickle", "NaN", "empty", "list"],
    )
    def test_a_poisoned_entry_is_ignored_and_written_anew(self, deployment, key, spoil):
        """The database answers once; the next reader finds a sound entry."""
        expected = predict(deployment.environment())
        keys = deployment.keys()
        (name,) = keys.keys(PLACE_KEYS) if key == "place" else [DATASET_KEY.encode()]
        raw = keys.get(name)
        if spoil is None:
            keys.delete(name)
            keys.rpush(name, "somebody", "else's")
        else:
            keys.set(name, spoil(raw))
        for _ in range(2):
            found = predict(deployment.environment())
            assert found.geo.status is GeoStatus.APPLIED
            assert list(found.candidates) == list(expected.candidates)
        assert source(found) is FeatureSource.CACHE
        assert keys.type(name) == b"string"


def test_a_place_that_nobody_knows_is_asked_about_once(deployment):
    """A hundred visitors at sea, each in an environment of its own, make one query."""
    for _ in range(100):
        found = deployment.environment().places.look_up(OCEAN, 0)
        assert found.status is GeoStatus.NO_DATA
    assert deployment.database.connections == 1


def test_when_the_holder_of_a_lease_dies_the_next_reader_goes_on(empty_redis):
    """As soon as the server lets go of the lease, and not only when patience ends."""
    killed, took_it = Event(), Event()

    class Hanging(FakeFeatures):
        def features(self, *_):
            took_it.set()
            killed.wait(30)
            raise SystemExit

    def environment(name: str, database: FakeFeatures) -> SharedCachedFeatures:
        cache = RedisCache(RedisOptions(empty_redis, timeout=5.0), FakeClock())
        policy = CachePolicy(lease_ttl=0.2, lease_wait=60.0)
        process = Runtime(lambda: name, FakeClock(), until_the_lease_has_gone, lambda: 0.5)
        return SharedCachedFeatures(database, cache, policy, process)

    cells = cell_chain(PANTANAL)
    lease = f"geo:facts-1:0:{cells[0]}:lease"

    def until_the_lease_has_gone(_: float) -> None:
        with redis.Redis.from_url(empty_redis) as client:
            while client.exists(lease):
                pass

    first = environment("first", Hanging())

    def hang() -> None:
        with suppress(SystemExit):
            first.features(cells, 0)

    dying = Thread(target=hang)
    dying.start()
    took_it.wait(30)
    database = FakeFeatures(place(jaguar=feature()))
    found = environment("second", database).features(cells, 0)
    assert found.source is FeatureSource.EMBEDDED
    assert len(database.asked) == 1
    killed.set()
    dying.join()

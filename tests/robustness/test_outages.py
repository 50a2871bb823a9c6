"""The whole service with real servers that fail: the client always gets an answer.

A proxy between service and servers fails as networks do. Clocks are fake: they stand still until
a test moves them, and with them the circuit breakers and the expiry of entries.
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
from chalicelib.features.cache_aside import CacheAside, CachePolicy
from chalicelib.features.cache_codec import DATASET_KEY, PlaceCodec
from chalicelib.features.cells import cell_chain
from chalicelib.features.redis_cache import RedisCache, RedisOptions
from chalicelib.features.shared_cache import SharedCachedFeatures
from chalicelib.identify import IdentifyRequest
from chalicelib.ports import Runtime
from chalicelib.settings import Settings
from tests.conftest import OCEAN, PLACES, load_places
from tests.fakes import FakeClock, FakeFeatures, feature, place
from tests.proxy import Fault, Proxy, proxy
from tests.samples import SAMPLES
from tests.servers import mariadb, port_of, redis_server
from tests.waiting import wait_until

PHOTO = SAMPLES["jaguar.jpg"].content
PANTANAL, KRUGER, ELBE, DOURO = PLACES.values()
EMBEDDED = Services.build(Settings())
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
TIMEOUT_SECONDS = "0.6"
"""More than a busy machine needs, less than the delay of the proxy's slow network."""

PLACE_KEYS = "geo:ranges-*ffffff"
NUMBERS = count()
REDIS_PIECE_BYTES = 6_000
"""redis-py sends a pipeline in pieces of this size (``Connection._buffer_cutoff``)."""


@dataclass
class Deployment:
    """A database and a cache, each behind a proxy that may fail, and their environments."""

    database: Proxy
    cache: Proxy
    mysql_url: str
    redis_url: str
    clock: FakeClock = field(default_factory=FakeClock)
    time_of_day: FakeClock = field(default_factory=lambda: FakeClock(1_800_000_000.0))

    def environment(self, **settings: str) -> Services:
        """Return a new environment with an empty memory; ``settings`` override the usual ones."""
        usual = {
            "mysql_url": self.mysql_url,
            "mysql_timeout_seconds": TIMEOUT_SECONDS,
            "redis_url": self.redis_url,
            "redis_timeout_seconds": TIMEOUT_SECONDS,
            "features_timeout_seconds": "10",
        }
        runtime = Runtime(
            lambda: f"lease-{next(NUMBERS)}", self.time_of_day, lambda _: None, lambda: 0.5
        )
        environment = {
            f"RANGEFINDER_{name.upper()}": text for name, text in (usual | settings).items()
        }
        return Services.build(Settings.from_environment(environment), self.clock, runtime)

    def without_memory(self) -> Services:
        """Return an environment without a memory cache, which asks Redis each time."""
        return self.environment(memory_cache_entries="0")

    def statements(self) -> int:
        """Return how many statements the database has executed."""
        return self.database.round_trips

    def sent_bytes(self) -> int:
        """Return how many bytes the cache has received."""
        with self.keys() as client:
            return int(client.info("stats")["total_net_input_bytes"])

    def keys(self) -> redis.Redis:
        """Return a client that reads the cache directly, without the proxy."""
        return redis.Redis(port=self.cache.target)


def predict(services: Services, coordinates: Coordinates = PANTANAL) -> Identification:
    """Identify a photo, with the real decoder and model."""
    return services.identify(IdentifyRequest(PHOTO, coordinates))


def source(answer: Identification) -> FeatureSource | None:
    """Return the tier that the features came from, if there are any."""
    return answer.geo.features.source if answer.geo.features else None


@pytest.fixture
def deployment(mysql_url, empty_redis) -> Iterator[Deployment]:
    """Return the shared servers behind proxies that pass everything on."""
    with behind_proxies(mysql_url, empty_redis) as deployment:
        yield deployment


@contextmanager
def behind_proxies(mysql_url: str, redis_url: str) -> Iterator[Deployment]:
    """Put a proxy before each of two servers."""
    with proxy(port_of(mysql_url)) as database, proxy(port_of(redis_url)) as cache:
        yield Deployment(
            database,
            cache,
            mysql_url.replace(f":{port_of(mysql_url)}", f":{database.port}"),
            redis_url.replace(f":{port_of(redis_url)}", f":{cache.port}"),
        )


class TestCacheDown:
    """While Redis fails, the service answers as if the cache were empty."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_database_answers_and_the_breaker_of_the_cache_opens(self, deployment, fault):
        """The database answers, and after four predictions the service leaves out the cache."""
        services = deployment.without_memory()
        predict(services)
        assert source(predict(services)) is FeatureSource.CACHE
        deployment.cache.become(fault)
        answers = [predict(services) for _ in range(4)]
        assert {answer.geo.status for answer in answers} == {GeoStatus.APPLIED}
        assert {source(answer) for answer in answers} == {FeatureSource.DATABASE}
        connections = deployment.cache.connections
        assert source(predict(services)) is FeatureSource.DATABASE
        assert deployment.cache.connections == connections

    @pytest.mark.parametrize("fault", FAULTS)
    def test_the_cache_is_used_again_after_the_breaker_closes(self, deployment, fault):
        """Once the cache is back, a probe after five seconds closes the circuit breaker."""
        services = deployment.without_memory()
        predict(services)
        deployment.cache.become(fault)
        for _ in range(4):
            predict(services)
        deployment.cache.become(Fault.NONE)
        assert source(predict(services)) is FeatureSource.DATABASE
        deployment.clock.now += 5.1
        assert source(predict(services)) is FeatureSource.CACHE

    def test_a_cache_that_is_killed_fails_no_prediction(self, tmp_path, mysql_url):
        """The database answers while Redis is dead, and the cache fills again after its restart."""
        with redis_server(tmp_path) as server, behind_proxies(mysql_url, server.url) as deployment:
            services = deployment.without_memory()
            predict(services)
            assert source(predict(services)) is FeatureSource.CACHE
            server.kill()
            for _ in range(5):
                answer = predict(services)
                assert (answer.geo.status, source(answer)) == (
                    GeoStatus.APPLIED,
                    FeatureSource.DATABASE,
                )
            server.start(tmp_path)
            deployment.clock.now += 5.1
            assert [source(predict(services)) for _ in range(2)] == [
                FeatureSource.DATABASE,
                FeatureSource.CACHE,
            ]

    def test_a_cluster_that_is_killed_fails_no_prediction(self, tmp_path, deployment, certificates):
        """The database answers, although the cluster's client searches for other nodes."""
        with redis_server(
            tmp_path, is_cluster=True, certificates=certificates, password="secret"
        ) as server:
            services = deployment.environment(
                redis_url=server.url,
                redis_cluster="on",
                redis_certificate_authorities=str(certificates / "ca.pem"),
                redis_timeout_seconds="2",
                memory_cache_entries="0",
            )
            predict(services)
            assert source(predict(services)) is FeatureSource.CACHE
            server.kill()
            assert {source(predict(services)) for _ in range(5)} == {FeatureSource.DATABASE}


class TestDatabaseDown:
    """While MariaDB fails, cached places are served, and the embedded file knows the others."""

    @pytest.mark.parametrize("fault", FAULTS)
    def test_cached_places_are_served_and_other_places_come_from_the_file(self, deployment, fault):
        """Cached places keep their data; the embedded store answers for other places."""
        predict(deployment.environment())
        deployment.database.become(fault)
        services = deployment.environment()
        assert source(predict(services)) is FeatureSource.CACHE
        assert source(predict(services)) is FeatureSource.MEMORY
        answer = predict(services, KRUGER)
        assert (answer.geo.status, source(answer)) == (GeoStatus.APPLIED, FeatureSource.EMBEDDED)
        assert answer.geo.dataset == EMBEDDED.places.dataset()
        assert list(answer.candidates) == list(predict(EMBEDDED, KRUGER).candidates)

    def test_without_the_embedded_file_other_places_are_degraded(self, deployment):
        """If the operator forbids the file, vision scores alone answer for other places."""
        predict(deployment.environment())
        deployment.database.become(Fault.REFUSE)
        services = deployment.environment(embedded_fallback="off")
        assert source(predict(services)) is FeatureSource.CACHE
        answer = predict(services, KRUGER)
        assert (answer.geo.status, answer.geo.features) == (GeoStatus.DEGRADED, None)
        assert answer.candidates[0].score == pytest.approx(answer.candidates[0].vision_score)

    def test_what_the_file_answered_is_not_cached(self, deployment):
        """Once the database is back, it answers for the place."""
        services = deployment.environment()
        deployment.database.become(Fault.REFUSE)
        assert source(predict(services)) is FeatureSource.EMBEDDED
        deployment.database.become(Fault.NONE)
        assert source(predict(services)) is FeatureSource.DATABASE

    @pytest.mark.parametrize("fault", FAULTS)
    def test_steady_traffic_on_cached_places_does_not_notice(self, deployment, fault):
        """For an hour and more, in old and new environments, no prediction waits or degrades."""
        old = deployment.environment()
        predict(old)
        deployment.database.become(fault)
        connections = deployment.database.connections
        for _ in range(10):
            deployment.clock.now += 600
            deployment.time_of_day.now += 600
            for services in (old, deployment.without_memory()):
                answer = predict(services)
                assert answer.geo.status is GeoStatus.APPLIED
                assert source(answer) in (FeatureSource.MEMORY, FeatureSource.CACHE)
        assert deployment.database.connections == connections

    def test_a_database_that_is_killed_fails_no_prediction(self, tmp_path, empty_redis):
        """Answers are cached, then embedded, then from the restarted server."""
        with mariadb(tmp_path) as server:
            load_places(server.url)
            with behind_proxies(server.url, empty_redis) as deployment:
                services = deployment.without_memory()
                for coordinates in PLACES.values():
                    predict(services, coordinates)
                server.kill()
                for coordinates in PLACES.values():
                    answer = predict(services, coordinates)
                    assert source(answer) is FeatureSource.CACHE
                deployment.time_of_day.now += 4_000
                for coordinates in PLACES.values():
                    answer = predict(services, coordinates)
                    assert answer.geo.status is GeoStatus.APPLIED
                    assert source(answer) is FeatureSource.CACHE
                for key in deployment.keys().scan_iter("geo:*"):
                    # The server does so to an entry that no client asks for.
                    deployment.keys().delete(key)
                services = deployment.without_memory()
                assert source(predict(services)) is FeatureSource.EMBEDDED
                server.start()
                deployment.clock.now += 5.1
                assert source(predict(services)) is FeatureSource.DATABASE

    def test_entries_that_nobody_asks_for_leave_redis(self, deployment):
        """Redis deletes an entry after the time that the setting says, here a day."""
        predict(deployment.environment(cache_kept_seconds="86400"))
        (key,) = deployment.keys().keys(PLACE_KEYS)
        assert 86_000 < deployment.keys().ttl(key) <= 86_400

    def test_the_memory_cache_alone_serves_known_places(self, deployment):
        """Without Redis, an environment serves the places that it has in memory."""
        services = deployment.environment(redis_url="redis://127.0.0.1:1")
        predict(services)
        deployment.database.become(Fault.REFUSE)
        deployment.clock.now += 61
        answer = predict(services)
        assert (answer.geo.status, source(answer)) == (GeoStatus.APPLIED, FeatureSource.MEMORY)

    def test_a_silent_database_gets_no_second_attempt(self, deployment):
        """A lookup that times out is not repeated, and after three the circuit breaker opens."""
        services = deployment.environment(redis_url="redis://127.0.0.1:1", embedded_fallback="off")
        predict(services)
        deployment.database.become(Fault.BLACK_HOLE)
        connections = deployment.database.connections
        assert predict(services, KRUGER).geo.status is GeoStatus.DEGRADED
        assert deployment.database.connections == connections
        for coordinates in (ELBE, DOURO, KRUGER, ELBE):
            assert predict(services, coordinates).geo.status is GeoStatus.DEGRADED
        assert deployment.database.connections == connections + 2


@pytest.mark.parametrize("fault", FAULTS)
def test_with_both_servers_down_the_answer_is_degraded(deployment, fault):
    """With both servers down, the answer still ranks all animals, and nothing of it is cached."""
    services = deployment.environment(embedded_fallback="off")
    deployment.cache.become(fault)
    deployment.database.become(fault)
    for _ in range(5):
        answer = predict(services)
        assert answer.geo.status is GeoStatus.DEGRADED
        assert len(answer.candidates) == 398
    deployment.cache.become(Fault.NONE)
    deployment.database.become(Fault.NONE)
    deployment.clock.now += 5.1
    assert predict(services).geo.status is GeoStatus.APPLIED


@pytest.mark.parametrize("fault", FAULTS)
def test_with_both_servers_down_the_embedded_file_answers(deployment, fault):
    """With both servers down, no prediction loses the place."""
    services = deployment.environment()
    deployment.cache.become(fault)
    deployment.database.become(fault)
    for coordinates in PLACES.values():
        answer = predict(services, coordinates)
        assert (answer.geo.status, source(answer)) == (GeoStatus.APPLIED, FeatureSource.EMBEDDED)
    assert services.places.look_up(OCEAN, 0).status is GeoStatus.NO_DATA
    jaguar = services.classifier.model.taxon("n02128925")
    assert jaguar
    species_range = services.places.species_range(jaguar, 0)
    assert species_range.status is GeoStatus.APPLIED
    assert species_range.presences


@pytest.mark.parametrize(
    ("fallback", "status"), [("off", GeoStatus.DEGRADED), ("on", GeoStatus.APPLIED)]
)
def test_an_answer_does_not_wait_for_a_slow_database(deployment, fallback, status):
    """With a database slower than the features timeout, the embedded file answers, if it may."""
    services = deployment.environment(
        features_timeout_seconds="0.05",
        mysql_timeout_seconds="30",
        redis_url="redis://127.0.0.1:1",
        embedded_fallback=fallback,
    )
    deployment.database.become(Fault.DELAY)
    answer = predict(services)
    assert answer.geo.status is status
    if status is GeoStatus.APPLIED:
        assert source(answer) is FeatureSource.EMBEDDED
    deployment.database.become(Fault.NONE)
    patient = deployment.environment(redis_url="redis://127.0.0.1:1")
    assert predict(patient).geo.status is GeoStatus.APPLIED


@pytest.mark.parametrize("uncertainty", [None, 4_000.0, 29_000.0, 500_000.0, 20_000_000.0])
def test_one_lookup_is_one_statement_and_three_round_trips(mysql_url, deployment, uncertainty):
    """However vague the place, the database reads once, and the cache is asked three times."""
    services = deployment.without_memory()
    predict(services, KRUGER)
    point = Coordinates(PANTANAL.latitude, PANTANAL.longitude, uncertainty)
    for statements, trips in ((1, 3), (0, 1)):
        before = deployment.statements(), deployment.cache.round_trips, deployment.sent_bytes()
        assert services.places.look_up(point, 0).status is GeoStatus.APPLIED
        after = deployment.statements(), deployment.cache.round_trips, deployment.sent_bytes()
        assert after[0] - before[0] == statements
        # A pipeline is sent in pieces, and Redis answers the first before it has read the last.
        pieces = (after[2] - before[2]) // REDIS_PIECE_BYTES
        assert after[1] - before[1] <= trips + pieces


POISONER = PlaceCodec("facts-1", 0, "84a8f4bffffffff")


class TestPoison:
    """Foreign and damaged values under our keys do not change an answer."""

    @pytest.mark.parametrize("key", ["place", "dataset"])
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda raw: raw[: len(raw) // 2],
            lambda raw: raw[:2] + b"\xff" + raw[3:],
            lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
            lambda raw: pickle.dumps({"cell": "84a8f4bffffffff"}),
            lambda raw: POISONER.encode(place(jaguar=feature(float("nan"))), 2e9),
            lambda raw: b"",
            None,
        ],
        ids=["truncated", "schema", "bit", "pickle", "NaN", "empty", "list"],
    )
    def test_a_damaged_entry_is_a_miss_and_is_replaced(self, deployment, key, spoil):
        """The database answers in its place, and the next environment reads a valid entry."""
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
            answer = predict(deployment.environment())
            assert answer.geo.status is GeoStatus.APPLIED
            assert list(answer.candidates) == list(expected.candidates)
        assert source(answer) is FeatureSource.CACHE
        assert keys.type(name) == b"string"


def test_a_place_without_data_is_queried_once(deployment):
    """A hundred lookups at sea, each in an environment of its own, make one connection."""
    for _ in range(100):
        place_lookup = deployment.environment().places.look_up(OCEAN, 0)
        assert place_lookup.status is GeoStatus.NO_DATA
    assert deployment.database.connections == 1


def test_a_waiting_environment_goes_on_when_the_lease_expires(empty_redis):
    """If its holder dies, a lease expires, and then the next environment loads the place."""
    may_end, has_lease = Event(), Event()

    class Hanging(FakeFeatures):
        def features(self, *_):
            has_lease.set()
            may_end.wait(30)
            raise SystemExit

    def environment(name: str, database: FakeFeatures) -> SharedCachedFeatures:
        cache = RedisCache(RedisOptions(empty_redis, timeout=5.0), FakeClock())
        policy = CachePolicy(lease_ttl=0.2, lease_wait=60.0)
        runtime = Runtime(lambda: name, FakeClock(), wait_until_the_lease_expires, lambda: 0.5)
        aside = CacheAside(cache, policy, runtime, lambda work: work())
        return SharedCachedFeatures(database, aside)

    cells = cell_chain(PANTANAL)
    lease = f"geo:facts-1:0:{cells[0]}:lease"

    def wait_until_the_lease_expires(_: float) -> None:
        with redis.Redis.from_url(empty_redis) as client:
            wait_until(lambda: not client.exists(lease), "The expiry of a lease")

    first = environment("first", Hanging())

    def hang() -> None:
        with suppress(SystemExit):
            first.features([cells], 0)[0]

    dying = Thread(target=hang)
    dying.start()
    assert has_lease.wait(30)
    database = FakeFeatures(place(jaguar=feature()))
    features = environment("second", database).features([cells], 0)[0]
    assert features.source is FeatureSource.EMBEDDED
    assert len(database.lookups) == 1
    may_end.set()
    dying.join()

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from chalicelib.bootstrap import system_runtime
from chalicelib.domain import FeatureSource
from chalicelib.errors import CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_codec import DATASET_KEY
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.ports import Leased, Runtime
from tests.fakes import FakeClock, FakeFeatures, feature, place

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
POLICY = CachePolicy(
    ttl=100,
    negative_ttl=10,
    stale_if_error=1000,
    jitter=0.1,
    lease_ttl=2,
    lease_wait=1,
    lease_poll=0.1,
    dataset_ttl=30,
)
KEY = f"geo:facts-1:0:{CHAIN[0]}"


@dataclass
class FakeSharedCache:
    """A shared cache in a dictionary, with a fake clock; it can be out of reach."""

    clock: FakeClock
    is_down: bool = False
    values: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def is_breaker_open(self) -> bool:
        return self.is_down

    @property
    def is_read_only(self) -> bool:
        return False

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        self._raise_if_down()
        found = [self.values.get(key, (None, math.inf)) for key in keys]
        return [value if self.clock() < until else None for value, until in found]

    def put(self, values: Mapping[str, bytes], seconds: float, token: str = "") -> None:
        self._raise_if_down()
        self.values.update({key: (raw, self.clock() + seconds) for key, raw in values.items()})
        if token:
            self.release(list(values), token)

    def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[Leased]:
        self._raise_if_down()
        answers = []
        for key, value in zip(keys, self.get(keys), strict=True):
            lease = f"{key}:lease"
            is_free = self.clock() >= self.leases.get(lease, ("", -math.inf))[1]
            if is_free:
                self.leases[lease] = token, self.clock() + seconds
            answers.append(Leased(is_free, value))
        return answers

    def release(self, keys: Sequence[str], token: str) -> None:
        self._raise_if_down()
        for key in keys:
            if self.leases.get(f"{key}:lease", ("", 0.0))[0] == token:
                del self.leases[f"{key}:lease"]

    def _raise_if_down(self) -> None:
        if self.is_down:
            raise CacheUnavailable("down")


class Scenario:
    """Environments that share one cache, one database and one clock."""

    def __init__(self) -> None:
        self.clock = FakeClock(1_000_000.0)
        self.cache = FakeSharedCache(self.clock)
        self.database = FakeFeatures(place(jaguar=feature()))
        self.chance = 0.5
        self.slept: list[float] = []
        self.while_sleeping: Callable[[], None] = lambda: None

    def environment(self, name: str = "one") -> SharedCachedFeatures:
        """Return an environment whose lease token is ``name``."""
        runtime = Runtime(lambda: name, self.clock, self.sleep, lambda: self.chance)
        return SharedCachedFeatures(self.database, self.cache, POLICY, runtime)

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.slept.append(seconds)
        self.clock.now += seconds
        self.while_sleeping()

    @property
    def queries(self) -> int:
        """Number of lookups that reached the database."""
        return len(self.database.lookups)


def test_an_entry_serves_all_environments():
    """A place that one environment has loaded serves a hundred others, with a single query."""
    scenario = Scenario()
    first = scenario.environment("one").features(CHAIN, 0)
    assert first.source is FeatureSource.EMBEDDED
    for number in range(100):
        features = scenario.environment(str(number)).features(CHAIN, 0)
        assert features.source is FeatureSource.CACHE
        assert features.taxa == first.taxa
    assert scenario.queries == 1


def test_one_environment_refreshes_an_expired_entry_while_others_serve_it_stale():
    """The holder of the lease refreshes an expired entry; the others serve it as stale."""
    scenario = Scenario()
    first, second = scenario.environment("one"), scenario.environment("two")
    first.features(CHAIN, 0)
    scenario.clock.now += 111
    scenario.cache.leases[KEY + ":lease"] = ("someone else", scenario.clock.now + 2)
    assert second.features(CHAIN, 0).source is FeatureSource.STALE
    scenario.cache.leases.clear()
    assert second.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert first.features(CHAIN, 0).source is FeatureSource.CACHE
    assert scenario.queries == 2


def test_stale_entries_are_served_until_the_stale_if_error_limit():
    """While the database is down, an expired entry is served as stale until the limit."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.features(CHAIN, 0)
    scenario.database.is_down = True
    scenario.clock.now += 500
    assert environment.features(CHAIN, 0).source is FeatureSource.STALE
    scenario.clock.now += 600
    with pytest.raises(FeaturesUnavailable):
        environment.features(CHAIN, 0)


def test_an_entry_that_was_read_is_served_though_the_cache_fails_afterwards():
    """An expired entry that was read is served as stale if both lease and database fail."""

    class NoLeases(FakeSharedCache):
        def lease(self, keys, token, seconds):
            raise CacheUnavailable("down")

    scenario = Scenario()
    scenario.environment().features(CHAIN, 0)
    scenario.cache = NoLeases(scenario.clock, values=scenario.cache.values)
    scenario.database.is_down = True
    scenario.clock.now += 500
    later = scenario.environment("later")
    later.dataset()
    assert later.features(CHAIN, 0).source is FeatureSource.STALE


def test_without_the_cache_lookups_go_to_the_database():
    """While the cache is down, the database answers; if both are down, the lookup fails."""
    scenario = Scenario()
    environment = scenario.environment()
    scenario.cache.is_down = True
    assert environment.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    scenario.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        environment.features(CHAIN, 0)


def test_open_breakers_of_cache_and_database_are_reported():
    """The environment names the cache and the database once their circuit breakers are open."""
    scenario = Scenario()
    environment = scenario.environment()
    assert environment.open_breakers() == ()
    scenario.cache.is_down = True
    assert environment.open_breakers() == ("cache",)
    scenario.database.is_down = True
    assert environment.open_breakers() == ("cache", "database")


def test_a_miss_waits_a_bounded_time_for_the_holder_of_the_lease():
    """A miss waits for the holder of the lease, then loads the place from the database itself."""
    scenario = Scenario()
    scenario.environment().dataset()
    scenario.cache.leases[KEY + ":lease"] = ("slow", scenario.clock.now + 60)
    features = scenario.environment("two").features(CHAIN, 0)
    assert features.source is FeatureSource.EMBEDDED
    assert sum(scenario.slept) == pytest.approx(POLICY.lease_wait, abs=POLICY.lease_poll * 1.1)


def test_a_waiting_environment_serves_the_entry_of_the_lease_holder():
    """A waiting environment serves the entry at its first poll after the holder has written it."""
    elsewhere = Scenario()
    elsewhere.environment().features(CHAIN, 0)
    scenario = Scenario()
    environment = scenario.environment("two")
    environment.dataset()
    scenario.cache.leases[KEY + ":lease"] = ("one", scenario.clock.now + 60)
    scenario.while_sleeping = lambda: scenario.cache.values.update(elsewhere.cache.values)
    assert environment.features(CHAIN, 0).source is FeatureSource.CACHE
    assert len(scenario.slept) == 1
    assert scenario.queries == 0


def test_a_lease_that_is_never_released_expires():
    """A lease that its holder never releases expires, and the next environment loads the place."""
    scenario = Scenario()
    environment = scenario.environment("two")
    environment.dataset()
    scenario.cache.leases[KEY + ":lease"] = ("dead", scenario.clock.now + 0.5)
    start = scenario.clock.now
    assert environment.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert scenario.clock.now - start <= 0.5 + POLICY.lease_poll


def test_a_place_without_data_is_cached_for_the_negative_ttl():
    """A place without data is cached, but for a shorter time than other places."""
    scenario = Scenario()
    scenario.database.entry = place()
    environment = scenario.environment()
    for _ in range(100):
        assert environment.features(CHAIN, 0).taxa == {}
    assert scenario.queries == 1
    scenario.clock.now += 12
    environment.features(CHAIN, 0)
    assert scenario.queries == 2


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_the_ttl_varies_by_the_jitter(chance):
    """The TTL varies by up to a tenth, so entries loaded together do not expire together."""
    scenario = Scenario()
    scenario.chance = chance
    environment = scenario.environment()
    environment.features(CHAIN, 0)
    scenario.chance = 0.0
    scenario.clock.now += 89.9 if chance == 0.0 else 109
    assert environment.features(CHAIN, 0).source is FeatureSource.CACHE
    scenario.clock.now += 0.2 if chance == 0.0 else 1.1
    assert environment.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_an_entry_that_was_slow_to_load_may_be_refreshed_early():
    """An entry that took long to load is by chance refreshed before it expires (XFetch)."""

    class Slow(FakeFeatures):
        def features(self, chain, month):
            scenario.clock.now += 5.0
            return super().features(chain, month)

    scenario = Scenario()
    scenario.database = Slow(place(jaguar=feature()))
    environment = scenario.environment()
    environment.features(CHAIN, 0)
    scenario.clock.now += 95
    scenario.chance = 0.1
    assert environment.features(CHAIN, 0).source is FeatureSource.CACHE
    scenario.chance = 0.9
    assert environment.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_a_new_dataset_is_used_after_the_dataset_ttl():
    """After the dataset's TTL, lookups use the new dataset and write entries under its keys."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.features(CHAIN, 0)
    scenario.database.version = "facts-2"
    scenario.database.entry = replace(scenario.database.entry, dataset="facts-2")
    scenario.clock.now += 2 * POLICY.dataset_ttl * 1.1
    assert environment.features(CHAIN, 0).dataset == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values


def test_a_known_dataset_stays_in_use_while_both_servers_are_down():
    """An environment keeps using the dataset that it knows; a new environment has none to use."""
    scenario = Scenario()
    environment = scenario.environment()
    version = environment.dataset().version
    scenario.cache.is_down = scenario.database.is_down = True
    scenario.clock.now += 10_000
    assert environment.dataset().version == version
    with pytest.raises(FeaturesUnavailable):
        scenario.environment("cold").dataset()


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-3], lambda _: b"", lambda _: b"\x80\x04."])
def test_an_invalid_entry_is_a_miss_and_is_replaced(spoil):
    """A truncated, empty or pickled entry is a miss, and the next lookup reads a valid entry."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.features(CHAIN, 0)
    raw, until = scenario.cache.values[KEY]
    scenario.cache.values[KEY] = spoil(raw), until
    assert environment.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert environment.features(CHAIN, 0).source is FeatureSource.CACHE
    assert DATASET_KEY in scenario.cache.values


def test_a_new_dataset_is_published_to_all_environments():
    """The first environment that meets a new dataset publishes it, so the others do not miss."""
    scenario = Scenario()
    first, second = scenario.environment("one"), scenario.environment("two")
    second.dataset(), first.dataset()
    scenario.database.version = "facts-2"
    scenario.database.entry = replace(scenario.database.entry, dataset="facts-2")
    assert first.features(CHAIN, 0).dataset == "facts-2"
    assert first.dataset().version == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values
    assert f"geo:facts-1:0:{CHAIN[0]}" not in scenario.cache.values
    for _ in range(10):
        assert second.features(CHAIN, 0).dataset == "facts-2"
        assert second.dataset().version == "facts-2"
        assert scenario.environment("three").features(CHAIN, 0).source is FeatureSource.CACHE
    assert scenario.queries == 2


def test_environments_of_one_snapshot_share_no_tokens_and_no_random_numbers():
    """Tokens are unique, and random numbers do not depend on the state that a snapshot restores."""
    first, second = system_runtime(), system_runtime()
    assert len({first.new_lease_token(), first.new_lease_token(), second.new_lease_token()}) == 3
    state = random.getstate()
    chances = [first.random() for _ in range(5)]
    random.setstate(state)
    assert [first.random() for _ in range(5)] != chances

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from chalicelib.bootstrap import system_runtime
from chalicelib.domain import FeatureSource
from chalicelib.errors import CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_codec import DATASET_KEY
from chalicelib.features.shared_cache import CachePolicy, SharedCachedFeatures
from chalicelib.ports import Runtime
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
    """A dictionary with a clock, that can be out of reach."""

    clock: FakeClock
    is_down: bool = False
    values: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def is_breaker_open(self) -> bool:
        return self.is_down

    def get(self, key: str) -> bytes | None:
        self._answer()
        value, until = self.values.get(key, (None, math.inf))
        return value if self.clock() < until else None

    def put(self, key: str, value: bytes, seconds: float) -> None:
        self._answer()
        self.values[key] = value, self.clock() + seconds

    def lease(self, key: str, owner: str, seconds: float) -> bool:
        self._answer()
        if self.clock() < self.leases.get(key, ("", -math.inf))[1]:
            return False
        self.leases[key] = owner, self.clock() + seconds
        return True

    def release(self, key: str, owner: str) -> None:
        self._answer()
        if self.leases.get(key, ("", 0.0))[0] == owner:
            del self.leases[key]

    def _answer(self) -> None:
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
        process = Runtime(lambda: name, self.clock, self.sleep, lambda: self.chance)
        return SharedCachedFeatures(self.database, self.cache, POLICY, process)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.now += seconds
        self.while_sleeping()

    @property
    def queries(self) -> int:
        return len(self.database.asked)


def test_what_one_environment_has_loaded_serves_all():
    """The database is asked once, however many environments a spike brings."""
    scenario = Scenario()
    first = scenario.environment("one").features(CHAIN, 0)
    assert first.source is FeatureSource.EMBEDDED
    for number in range(100):
        found = scenario.environment(str(number)).features(CHAIN, 0)
        assert found.source is FeatureSource.CACHE
        assert found.taxa == first.taxa
    assert scenario.queries == 1


def test_an_entry_that_has_ended_is_refreshed_by_one_while_others_take_it_as_stale():
    """Nobody waits for a refresh but who does it."""
    scenario = Scenario()
    one, two = scenario.environment("one"), scenario.environment("two")
    one.features(CHAIN, 0)
    scenario.clock.now += 111
    scenario.cache.leases[KEY + ":lease"] = ("someone else", scenario.clock.now + 2)
    assert two.features(CHAIN, 0).source is FeatureSource.STALE
    scenario.cache.leases.clear()
    assert two.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    assert scenario.queries == 2


def test_stale_serves_while_the_database_is_down_until_the_hard_limit():
    """Yesterday's animals are better than none; after the limit there are none."""
    scenario = Scenario()
    one = scenario.environment()
    one.features(CHAIN, 0)
    scenario.database.is_down = True
    scenario.clock.now += 500
    assert one.features(CHAIN, 0).source is FeatureSource.STALE
    scenario.clock.now += 600
    with pytest.raises(FeaturesUnavailable):
        one.features(CHAIN, 0)


def test_an_entry_in_hand_serves_though_the_cache_goes_down_in_between():
    """With the database down, too, it would otherwise be thrown away."""

    class NoLeases(FakeSharedCache):
        def lease(self, key, owner, seconds):
            raise CacheUnavailable("down")

    scenario = Scenario()
    scenario.environment().features(CHAIN, 0)
    scenario.cache = NoLeases(scenario.clock, values=scenario.cache.values)
    scenario.database.is_down = True
    scenario.clock.now += 500
    later = scenario.environment("later")
    later.dataset()
    assert later.features(CHAIN, 0).source is FeatureSource.STALE


def test_without_the_cache_all_goes_on_as_if_nothing_had_been_in_it():
    """The database answers; when both are down that is what is said."""
    scenario = Scenario()
    one = scenario.environment()
    scenario.cache.is_down = True
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    scenario.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        one.features(CHAIN, 0)


def test_who_is_left_alone_is_told():
    """For metrics and alarms."""
    scenario = Scenario()
    one = scenario.environment()
    assert one.open_breakers() == ()
    scenario.cache.is_down = True
    assert one.open_breakers() == ("cache",)
    scenario.database.is_down = True
    assert one.open_breakers() == ("cache", "database")


def test_who_misses_while_another_loads_waits_a_bounded_moment():
    """And then asks the database itself: a slow holder must not hold up everyone."""
    scenario = Scenario()
    scenario.environment().dataset()
    scenario.cache.leases[KEY + ":lease"] = ("slow", scenario.clock.now + 60)
    found = scenario.environment("two").features(CHAIN, 0)
    assert found.source is FeatureSource.EMBEDDED
    assert sum(scenario.slept) == pytest.approx(POLICY.lease_wait, abs=POLICY.lease_poll * 1.1)


def test_who_waits_takes_what_the_other_has_loaded():
    """As soon as it is there."""
    elsewhere = Scenario()
    elsewhere.environment().features(CHAIN, 0)
    scenario = Scenario()
    two = scenario.environment("two")
    two.dataset()
    scenario.cache.leases[KEY + ":lease"] = ("one", scenario.clock.now + 60)
    scenario.while_sleeping = lambda: scenario.cache.values.update(elsewhere.cache.values)
    assert two.features(CHAIN, 0).source is FeatureSource.CACHE
    assert len(scenario.slept) == 1
    assert scenario.queries == 0


def test_when_the_holder_of_a_lease_dies_the_next_goes_on_within_its_time():
    """A lease ends by itself."""
    scenario = Scenario()
    two = scenario.environment("two")
    two.dataset()
    scenario.cache.leases[KEY + ":lease"] = ("dead", scenario.clock.now + 0.5)
    start = scenario.clock.now
    assert two.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert scenario.clock.now - start <= 0.5 + POLICY.lease_poll


def test_a_place_without_data_is_remembered_for_a_shorter_time():
    """The open ocean is asked about once, and again sooner than others."""
    scenario = Scenario()
    scenario.database.entry = place()
    one = scenario.environment()
    for _ in range(100):
        assert one.features(CHAIN, 0).taxa == {}
    assert scenario.queries == 1
    scenario.clock.now += 12
    one.features(CHAIN, 0)
    assert scenario.queries == 2


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_entries_end_at_different_times(chance):
    """By up to a tenth, so that what was loaded together is not refreshed together."""
    scenario = Scenario()
    scenario.chance = chance
    one = scenario.environment()
    one.features(CHAIN, 0)
    scenario.chance = 0.0
    scenario.clock.now += 89.9 if chance == 0.0 else 109
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    scenario.clock.now += 0.2 if chance == 0.0 else 1.1
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_an_entry_that_was_dear_may_be_refreshed_before_it_ends():
    """By chance, so that under load some reader has renewed it in time."""

    class Slow(FakeFeatures):
        def features(self, chain, month):
            scenario.clock.now += 5.0
            return super().features(chain, month)

    scenario = Scenario()
    scenario.database = Slow(place(jaguar=feature()))
    one = scenario.environment()
    one.features(CHAIN, 0)
    scenario.clock.now += 95
    scenario.chance = 0.1
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    scenario.chance = 0.9
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_a_new_dataset_is_noticed_in_time_and_invalidates_by_itself():
    """Its entries have other keys; the old ones are left to end."""
    scenario = Scenario()
    one = scenario.environment()
    one.features(CHAIN, 0)
    scenario.database.version = "facts-2"
    scenario.database.entry = replace(scenario.database.entry, dataset="facts-2")
    scenario.clock.now += 2 * POLICY.dataset_ttl * 1.1
    assert one.features(CHAIN, 0).dataset == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values


def test_a_dataset_once_known_stays_in_use_while_nothing_can_be_asked():
    """Or entries that are there could not be found."""
    scenario = Scenario()
    one = scenario.environment()
    version = one.dataset().version
    scenario.cache.is_down = scenario.database.is_down = True
    scenario.clock.now += 10_000
    assert one.dataset().version == version
    with pytest.raises(FeaturesUnavailable):
        scenario.environment("cold").dataset()


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-3], lambda _: b"", lambda _: b"\x80\x04."])
def test_what_is_no_entry_is_ignored_and_written_anew(spoil):
    """Truncated, empty, or a pickle: never a fault, and gone after one reader."""
    scenario = Scenario()
    one = scenario.environment()
    one.features(CHAIN, 0)
    raw, until = scenario.cache.values[KEY]
    scenario.cache.values[KEY] = spoil(raw), until
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    assert DATASET_KEY in scenario.cache.values


def test_who_comes_upon_a_new_dataset_tells_all_at_once():
    """Between its activation and the next look every miss would go to the database."""
    scenario = Scenario()
    one, two = scenario.environment("one"), scenario.environment("two")
    two.dataset(), one.dataset()
    scenario.database.version = "facts-2"
    scenario.database.entry = replace(scenario.database.entry, dataset="facts-2")
    assert one.features(CHAIN, 0).dataset == "facts-2"
    assert one.dataset().version == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values
    assert f"geo:facts-1:0:{CHAIN[0]}" not in scenario.cache.values
    for _ in range(10):
        assert two.features(CHAIN, 0).dataset == "facts-2"
        assert two.dataset().version == "facts-2"
        assert scenario.environment("three").features(CHAIN, 0).source is FeatureSource.CACHE
    assert scenario.queries == 2


def test_environments_of_one_snapshot_hold_leases_of_their_own():
    """Lambda may restore many from one: what was drawn at the start they all share."""
    one, two = system_runtime(), system_runtime()
    assert len({one.new_lease_token(), one.new_lease_token(), two.new_lease_token()}) == 3
    state = random.getstate()
    chances = [one.random() for _ in range(5)]
    random.setstate(state)
    assert [one.random() for _ in range(5)] != chances

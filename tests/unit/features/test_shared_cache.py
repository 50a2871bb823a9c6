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


class World:
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
    world = World()
    first = world.environment("one").features(CHAIN, 0)
    assert first.source is FeatureSource.EMBEDDED
    for number in range(100):
        found = world.environment(str(number)).features(CHAIN, 0)
        assert found.source is FeatureSource.CACHE
        assert found.taxa == first.taxa
    assert world.queries == 1


def test_an_entry_that_has_ended_is_refreshed_by_one_while_others_take_it_as_stale():
    """Nobody waits for a refresh but who does it."""
    world = World()
    one, two = world.environment("one"), world.environment("two")
    one.features(CHAIN, 0)
    world.clock.now += 111
    world.cache.leases[KEY + ":lease"] = ("someone else", world.clock.now + 2)
    assert two.features(CHAIN, 0).source is FeatureSource.STALE
    world.cache.leases.clear()
    assert two.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    assert world.queries == 2


def test_stale_serves_while_the_database_is_down_until_the_hard_limit():
    """Yesterday's animals are better than none; after the limit there are none."""
    world = World()
    one = world.environment()
    one.features(CHAIN, 0)
    world.database.is_down = True
    world.clock.now += 500
    assert one.features(CHAIN, 0).source is FeatureSource.STALE
    world.clock.now += 600
    with pytest.raises(FeaturesUnavailable):
        one.features(CHAIN, 0)


def test_an_entry_in_hand_serves_though_the_cache_goes_down_in_between():
    """With the database down, too, it would otherwise be thrown away."""

    class NoLeases(FakeSharedCache):
        def lease(self, key, owner, seconds):
            raise CacheUnavailable("down")

    world = World()
    world.environment().features(CHAIN, 0)
    world.cache = NoLeases(world.clock, values=world.cache.values)
    world.database.is_down = True
    world.clock.now += 500
    later = world.environment("later")
    later.dataset()
    assert later.features(CHAIN, 0).source is FeatureSource.STALE


def test_without_the_cache_all_goes_on_as_if_nothing_had_been_in_it():
    """The database answers; when both are down that is what is said."""
    world = World()
    one = world.environment()
    world.cache.is_down = True
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    world.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        one.features(CHAIN, 0)


def test_who_is_left_alone_is_told():
    """For metrics and alarms."""
    world = World()
    one = world.environment()
    assert one.open_breakers() == ()
    world.cache.is_down = True
    assert one.open_breakers() == ("cache",)
    world.database.is_down = True
    assert one.open_breakers() == ("cache", "database")


def test_who_misses_while_another_loads_waits_a_bounded_moment():
    """And then asks the database itself: a slow holder must not hold up everyone."""
    world = World()
    world.environment().dataset()
    world.cache.leases[KEY + ":lease"] = ("slow", world.clock.now + 60)
    found = world.environment("two").features(CHAIN, 0)
    assert found.source is FeatureSource.EMBEDDED
    assert sum(world.slept) == pytest.approx(POLICY.lease_wait, abs=POLICY.lease_poll * 1.1)


def test_who_waits_takes_what_the_other_has_loaded():
    """As soon as it is there."""
    elsewhere = World()
    elsewhere.environment().features(CHAIN, 0)
    world = World()
    two = world.environment("two")
    two.dataset()
    world.cache.leases[KEY + ":lease"] = ("one", world.clock.now + 60)
    world.while_sleeping = lambda: world.cache.values.update(elsewhere.cache.values)
    assert two.features(CHAIN, 0).source is FeatureSource.CACHE
    assert len(world.slept) == 1
    assert world.queries == 0


def test_when_the_holder_of_a_lease_dies_the_next_goes_on_within_its_time():
    """A lease ends by itself."""
    world = World()
    two = world.environment("two")
    two.dataset()
    world.cache.leases[KEY + ":lease"] = ("dead", world.clock.now + 0.5)
    start = world.clock.now
    assert two.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert world.clock.now - start <= 0.5 + POLICY.lease_poll


def test_a_place_without_data_is_remembered_for_a_shorter_time():
    """The open ocean is asked about once, and again sooner than others."""
    world = World()
    world.database.entry = place()
    one = world.environment()
    for _ in range(100):
        assert one.features(CHAIN, 0).taxa == {}
    assert world.queries == 1
    world.clock.now += 12
    one.features(CHAIN, 0)
    assert world.queries == 2


@pytest.mark.parametrize("chance", [0.0, 0.999])
def test_entries_end_at_different_times(chance):
    """By up to a tenth, so that what was loaded together is not refreshed together."""
    world = World()
    world.chance = chance
    one = world.environment()
    one.features(CHAIN, 0)
    world.chance = 0.0
    world.clock.now += 89.9 if chance == 0.0 else 109
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    world.clock.now += 0.2 if chance == 0.0 else 1.1
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_an_entry_that_was_dear_may_be_refreshed_before_it_ends():
    """By chance, so that under load some reader has renewed it in time."""

    class Slow(FakeFeatures):
        def features(self, chain, month):
            world.clock.now += 5.0
            return super().features(chain, month)

    world = World()
    world.database = Slow(place(jaguar=feature()))
    one = world.environment()
    one.features(CHAIN, 0)
    world.clock.now += 95
    world.chance = 0.1
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    world.chance = 0.9
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_a_new_dataset_is_noticed_in_time_and_invalidates_by_itself():
    """Its entries have other keys; the old ones are left to end."""
    world = World()
    one = world.environment()
    one.features(CHAIN, 0)
    world.database.version = "facts-2"
    world.database.entry = replace(world.database.entry, dataset="facts-2")
    world.clock.now += 2 * POLICY.dataset_ttl * 1.1
    assert one.features(CHAIN, 0).dataset == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in world.cache.values


def test_a_dataset_once_known_stays_in_use_while_nothing_can_be_asked():
    """Or entries that are there could not be found."""
    world = World()
    one = world.environment()
    version = one.dataset().version
    world.cache.is_down = world.database.is_down = True
    world.clock.now += 10_000
    assert one.dataset().version == version
    with pytest.raises(FeaturesUnavailable):
        world.environment("cold").dataset()


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-3], lambda _: b"", lambda _: b"\x80\x04."])
def test_what_is_no_entry_is_ignored_and_written_anew(spoil):
    """Truncated, empty, or a pickle: never a fault, and gone after one reader."""
    world = World()
    one = world.environment()
    one.features(CHAIN, 0)
    raw, until = world.cache.values[KEY]
    world.cache.values[KEY] = spoil(raw), until
    assert one.features(CHAIN, 0).source is FeatureSource.EMBEDDED
    assert one.features(CHAIN, 0).source is FeatureSource.CACHE
    assert DATASET_KEY in world.cache.values


def test_who_comes_upon_a_new_dataset_tells_all_at_once():
    """Between its activation and the next look every miss would go to the database."""
    world = World()
    one, two = world.environment("one"), world.environment("two")
    two.dataset(), one.dataset()
    world.database.version = "facts-2"
    world.database.entry = replace(world.database.entry, dataset="facts-2")
    assert one.features(CHAIN, 0).dataset == "facts-2"
    assert one.dataset().version == "facts-2"
    assert f"geo:facts-2:0:{CHAIN[0]}" in world.cache.values
    assert f"geo:facts-1:0:{CHAIN[0]}" not in world.cache.values
    for _ in range(10):
        assert two.features(CHAIN, 0).dataset == "facts-2"
        assert two.dataset().version == "facts-2"
        assert world.environment("three").features(CHAIN, 0).source is FeatureSource.CACHE
    assert world.queries == 2


def test_environments_of_one_snapshot_hold_leases_of_their_own():
    """Lambda may restore many from one: what was drawn at the start they all share."""
    one, two = system_runtime(), system_runtime()
    assert len({one.new_lease_token(), one.new_lease_token(), two.new_lease_token()}) == 3
    state = random.getstate()
    chances = [one.random() for _ in range(5)]
    random.setstate(state)
    assert [one.random() for _ in range(5)] != chances

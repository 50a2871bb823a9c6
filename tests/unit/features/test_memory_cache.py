import threading

import pytest

from chalicelib.domain import FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.memory_cache import MemoryCachedFeatures
from tests.fakes import FakeClock, FakeFeatures, feature, place

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
OTHER = ("841f8dfffffffff",)


def cached(inner: FakeFeatures, clock: FakeClock, entries: int = 10) -> MemoryCachedFeatures:
    return MemoryCachedFeatures(inner, clock, ttl=60, stale_if_error=3600, maximum_entries=entries)


def test_a_place_is_looked_up_once():
    """The second answer comes from memory, says so, and is the same otherwise."""
    inner = FakeFeatures(place(jaguar=feature()))
    cache = cached(inner, FakeClock())
    first, second = cache.features(CHAIN, 3), cache.features(CHAIN, 3)
    assert first.source is FeatureSource.EMBEDDED
    assert second.source is FeatureSource.MEMORY
    assert first.taxa == second.taxa
    assert len(inner.asked) == 1


def test_an_entry_ends_after_its_time():
    """Or new data would never be seen."""
    inner, clock = FakeFeatures(), FakeClock()
    cache = cached(inner, clock)
    cache.features(CHAIN, 3)
    clock.now += 59
    cache.features(CHAIN, 3)
    assert len(inner.asked) == 1
    clock.now += 2
    cache.features(CHAIN, 3)
    assert len(inner.asked) == 2


def test_places_without_data_are_remembered_too():
    """A crowd at sea must not hammer the database."""
    inner = FakeFeatures(place())
    cache = cached(inner, FakeClock())
    for _ in range(100):
        assert cache.features(CHAIN, 0).taxa == {}
    assert len(inner.asked) == 1


def test_cell_month_and_dataset_version_each_make_another_entry():
    """A new dataset invalidates the old one by itself."""
    inner = FakeFeatures()
    cache = cached(inner, FakeClock())
    cache.features(CHAIN, 3)
    cache.features(CHAIN, 4)
    cache.features(OTHER, 3)
    inner.version = "facts-2"
    cache.features(CHAIN, 3)
    assert len(inner.asked) == 4


def test_the_least_recently_used_place_makes_room():
    """Memory is bounded."""
    inner = FakeFeatures()
    cache = cached(inner, FakeClock(), entries=2)
    for chain in (CHAIN, OTHER, CHAIN, ("third",), CHAIN, OTHER):
        cache.features(chain, 0)
    assert [chain[0] for chain, _ in inner.asked] == [CHAIN[0], OTHER[0], "third", OTHER[0]]


def test_a_failure_is_not_remembered():
    """The next visitor gets another try."""
    inner = FakeFeatures(is_down=True)
    cache = cached(inner, FakeClock())
    with pytest.raises(FeaturesUnavailable):
        cache.features(CHAIN, 0)
    inner.is_down = False
    assert cache.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_an_entry_that_has_ended_serves_as_stale_while_nothing_newer_can_be_had():
    """Until the hard limit, each time marked; then there is none."""
    inner, clock = FakeFeatures(place(jaguar=feature()), is_dataset_down=False), FakeClock()
    cache = cached(inner, clock)
    cache.features(CHAIN, 0)
    inner.is_down = True
    clock.now += 61
    assert cache.features(CHAIN, 0).source is FeatureSource.STALE
    clock.now += 3500
    assert cache.features(CHAIN, 0).source is FeatureSource.STALE
    clock.now += 100
    with pytest.raises(FeaturesUnavailable):
        cache.features(CHAIN, 0)


def test_a_crowd_of_threads_asks_once():
    """Twenty threads want one cold place; the repository is asked a single time."""
    together = threading.Barrier(20)

    class Slow(FakeFeatures):
        def features(self, chain, month):
            asked.wait(timeout=5)
            return super().features(chain, month)

    asked = threading.Event()
    inner = Slow()
    cache = cached(inner, FakeClock())
    found: list[PlaceFeatures] = []

    def visit() -> None:
        together.wait()
        found.append(cache.features(CHAIN, 0))

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    asked.set()
    for thread in threads:
        thread.join()
    assert len(inner.asked) == 1
    assert len(found) == 20

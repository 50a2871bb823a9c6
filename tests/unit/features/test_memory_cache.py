import threading

import pytest

from chalicelib.domain import FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.memory_cache import MemoryCachedFeatures
from tests.fakes import FakeClock, FakeFeatures, feature, place

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
OTHER = ("841f8dfffffffff",)


def cached(inner: FakeFeatures, clock: FakeClock, entries: int = 10) -> MemoryCachedFeatures:
    """Return a memory cache: entries are fresh for a minute and usable for an hour."""
    return MemoryCachedFeatures(inner, clock, ttl=60, stale_if_error=3600, maximum_entries=entries)


def test_the_second_lookup_is_served_from_memory():
    """The second lookup of a place has the same taxa, and names the memory as its source."""
    inner = FakeFeatures(place(jaguar=feature()))
    cache = cached(inner, FakeClock())
    first, second = cache.features(CHAIN, 3), cache.features(CHAIN, 3)
    assert first.source is FeatureSource.EMBEDDED
    assert second.source is FeatureSource.MEMORY
    assert first.taxa == second.taxa
    assert len(inner.lookups) == 1


def test_an_entry_expires_after_its_ttl():
    """An entry is loaded again once its time to live has passed."""
    inner, clock = FakeFeatures(), FakeClock()
    cache = cached(inner, clock)
    cache.features(CHAIN, 3)
    clock.now += 59
    cache.features(CHAIN, 3)
    assert len(inner.lookups) == 1
    clock.now += 2
    cache.features(CHAIN, 3)
    assert len(inner.lookups) == 2


def test_places_without_data_are_cached_too():
    """A place without data is loaded once, however often it is asked for."""
    inner = FakeFeatures(place())
    cache = cached(inner, FakeClock())
    for _ in range(100):
        assert cache.features(CHAIN, 0).taxa == {}
    assert len(inner.lookups) == 1


def test_the_key_holds_cell_month_and_dataset_version():
    """A lookup that differs in cell, month or dataset version has an entry of its own."""
    inner = FakeFeatures()
    cache = cached(inner, FakeClock())
    cache.features(CHAIN, 3)
    cache.features(CHAIN, 4)
    cache.features(OTHER, 3)
    inner.version = "facts-2"
    cache.features(CHAIN, 3)
    assert len(inner.lookups) == 4


def test_the_least_recently_used_entry_is_evicted():
    """A full cache evicts the entry that was used least recently, so its memory is bounded."""
    inner = FakeFeatures()
    cache = cached(inner, FakeClock(), entries=2)
    for chain in (CHAIN, OTHER, CHAIN, ("third",), CHAIN, OTHER):
        cache.features(chain, 0)
    assert [chain[0] for chain, _ in inner.lookups] == [CHAIN[0], OTHER[0], "third", OTHER[0]]


def test_a_failure_is_not_cached():
    """A lookup that failed is tried again by the next request."""
    inner = FakeFeatures(is_down=True)
    cache = cached(inner, FakeClock())
    with pytest.raises(FeaturesUnavailable):
        cache.features(CHAIN, 0)
    inner.is_down = False
    assert cache.features(CHAIN, 0).source is FeatureSource.EMBEDDED


def test_an_expired_entry_is_served_as_stale_while_the_repository_fails():
    """An expired entry is served and marked as stale until the stale-if-error limit."""
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


def test_concurrent_misses_make_one_lookup():
    """Twenty threads that miss the same entry make one call to the repository (single flight)."""
    barrier = threading.Barrier(20)

    class Slow(FakeFeatures):
        def features(self, chain, month):
            may_answer.wait(timeout=5)
            return super().features(chain, month)

    may_answer = threading.Event()
    inner = Slow()
    cache = cached(inner, FakeClock())
    answers: list[PlaceFeatures] = []

    def visit() -> None:
        barrier.wait()
        answers.append(cache.features(CHAIN, 0))

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    may_answer.set()
    for thread in threads:
        thread.join()
    assert len(inner.lookups) == 1
    assert len(answers) == 20

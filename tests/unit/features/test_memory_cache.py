import threading
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from chalicelib.domain import FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.memory_cache import DATASET_SECONDS, MemoryCachedFeatures
from tests.fakes import FakeClock, FakeFeatures, feature, place

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
OTHER = ("841f8dfffffffff",)


class Scenario:
    """A memory over a repository; background work waits until :meth:`run_background`."""

    def __init__(self, inner: FakeFeatures | None = None, entries: int = 10) -> None:
        self.clock = FakeClock()
        self.inner = inner or FakeFeatures(place(jaguar=feature()))
        self.work: list[Callable[[], None]] = []
        self.cache = MemoryCachedFeatures(self.inner, self.clock, self.work.append, entries)

    def look_up(self, chain=CHAIN, month: int = 0) -> PlaceFeatures:
        """Return the features of one place."""
        (features,) = self.cache.features([chain], month)
        return features

    def run_background(self) -> int:
        """Do the work that waits in the background; return how much there was."""
        work, self.work[:] = list(self.work), []
        for each in work:
            each()
        return len(work)


def test_the_second_lookup_is_served_from_memory():
    """The second lookup of a place has the same taxa, and names the memory as its source."""
    scenario = Scenario()
    first, second = scenario.look_up(), scenario.look_up()
    assert first.source is FeatureSource.EMBEDDED
    assert second.source is FeatureSource.MEMORY
    assert first.taxa == second.taxa
    assert len(scenario.inner.lookups) == 1


def test_an_entry_lives_as_long_as_its_dataset():
    """A day later the place still comes from memory: the data of a version do not change."""
    scenario = Scenario()
    scenario.look_up()
    scenario.clock.now += 86_400
    assert scenario.look_up().source is FeatureSource.MEMORY
    assert len(scenario.inner.lookups) == 1


def test_several_places_are_loaded_in_one_read():
    """Of several places, the missing ones are loaded together, and the order stays."""
    scenario = Scenario()
    scenario.look_up(OTHER)
    chains = [("a",), OTHER, ("b",), CHAIN]
    features = scenario.cache.features(chains, 0)
    embedded, memory = FeatureSource.EMBEDDED, FeatureSource.MEMORY
    assert [each.source for each in features] == [embedded, memory, embedded, embedded]
    assert scenario.inner.reads == 2


def test_places_without_data_are_cached_too():
    """A place without data is loaded once, however often it is asked for."""
    scenario = Scenario(FakeFeatures(place()))
    for _ in range(100):
        assert scenario.look_up().taxa == {}
    assert len(scenario.inner.lookups) == 1


def test_the_key_holds_cell_and_month():
    """A lookup that differs in cell or month has an entry of its own."""
    scenario = Scenario()
    scenario.look_up(CHAIN, 3)
    scenario.look_up(CHAIN, 4)
    scenario.look_up(OTHER, 3)
    assert len(scenario.inner.lookups) == 3


def test_a_new_dataset_is_noticed_without_waiting():
    """After half a minute the dataset is read in the background, and then the place anew."""
    scenario = Scenario()
    scenario.look_up()
    scenario.inner.version = "facts-2"
    scenario.inner.entry = replace(scenario.inner.entry, dataset="facts-2")
    scenario.clock.now += DATASET_SECONDS - 1
    scenario.look_up()
    assert scenario.run_background() == 0
    scenario.clock.now += 2
    assert scenario.look_up().dataset == "facts-1"
    assert scenario.run_background() == 1
    assert scenario.look_up().dataset == "facts-2"


def test_a_place_of_a_newer_dataset_brings_the_dataset():
    """If a place that is loaded has a newer dataset, all places of the answer have it."""
    scenario = Scenario()
    scenario.look_up()
    scenario.inner.version = "facts-2"
    scenario.inner.entry = replace(scenario.inner.entry, dataset="facts-2")
    features = scenario.cache.features([CHAIN, OTHER], 0)
    assert {each.dataset for each in features} == {"facts-2"}
    assert scenario.cache.dataset().version == "facts-2"


def test_a_dataset_that_comes_back_brings_its_own_places():
    """What a newer dataset said of a place is not served for the older one, once it is back."""
    scenario = Scenario()
    scenario.cache.dataset()
    for version in ("facts-2", "facts-1"):
        scenario.inner.version = version
        scenario.inner.entry = replace(scenario.inner.entry, dataset=version)
        assert scenario.look_up().dataset == version
        scenario.clock.now += DATASET_SECONDS
        scenario.cache.dataset()
        scenario.inner.version = "facts-1"
        scenario.run_background()
    scenario.inner.entry = replace(scenario.inner.entry, dataset="facts-1")
    assert scenario.look_up().dataset == "facts-1"
    reads = scenario.inner.reads
    assert scenario.look_up().source is FeatureSource.MEMORY
    assert scenario.inner.reads == reads


def test_places_that_cannot_be_loaded_push_nothing_out():
    """In an outage, questions about unknown places leave the known ones in memory."""
    scenario = Scenario(entries=2)
    scenario.look_up(CHAIN)
    scenario.look_up(OTHER)
    scenario.inner.is_down = True
    for number in range(5):
        with pytest.raises(FeaturesUnavailable):
            scenario.look_up((f"{number}",))
    assert scenario.look_up(CHAIN).source is FeatureSource.MEMORY
    assert scenario.look_up(OTHER).source is FeatureSource.MEMORY


def test_the_least_recently_used_entry_is_evicted():
    """A full cache evicts the entry that was used least recently, so its memory is bounded."""
    scenario = Scenario(entries=2)
    for chain in (CHAIN, OTHER, CHAIN, ("third",), CHAIN, OTHER):
        scenario.look_up(chain)
    looked_up = [chain[0] for chain, _ in scenario.inner.lookups]
    assert looked_up == [CHAIN[0], OTHER[0], "third", OTHER[0]]


def test_a_lookup_of_more_places_than_it_holds_is_answered():
    """More places in one lookup than entries are answered all the same."""
    scenario = Scenario(entries=2)
    chains = [(f"{number}",) for number in range(5)]
    assert len(scenario.cache.features(chains, 0)) == 5


def test_without_entries_nothing_is_kept():
    """A memory of 0 entries asks its repository each time."""
    scenario = Scenario(entries=0)
    for _ in range(3):
        assert scenario.look_up().source is FeatureSource.EMBEDDED
    assert len(scenario.inner.lookups) == 3


def test_a_failure_is_not_cached():
    """A lookup that failed is tried again by the next request."""
    scenario = Scenario(FakeFeatures(is_down=True))
    with pytest.raises(FeaturesUnavailable):
        scenario.look_up()
    scenario.inner.is_down = False
    assert scenario.look_up().source is FeatureSource.EMBEDDED


def test_places_are_marked_as_stale_while_the_dataset_cannot_be_confirmed():
    """While the repository is down, known places are served without waiting, marked as stale."""
    scenario = Scenario()
    scenario.look_up()
    scenario.inner.is_down = True
    scenario.clock.now += DATASET_SECONDS
    assert scenario.look_up().source is FeatureSource.MEMORY
    scenario.run_background()
    assert scenario.look_up().source is FeatureSource.STALE
    scenario.inner.is_down = False
    scenario.clock.now += DATASET_SECONDS
    scenario.look_up()
    scenario.run_background()
    assert scenario.look_up().source is FeatureSource.MEMORY


def test_concurrent_misses_make_one_lookup():
    """Twenty threads that miss the same entries make one call to the repository (single flight)."""
    barrier = threading.Barrier(20)

    class Slow(FakeFeatures):
        def features(self, chains, month):
            may_answer.wait(timeout=5)
            return super().features(chains, month)

    may_answer = threading.Event()
    scenario = Scenario(Slow())
    answers: list[PlaceFeatures] = []

    def visit(chains) -> None:
        barrier.wait()
        answers.extend(scenario.cache.features(chains, 0))

    orders = [[CHAIN, OTHER], [OTHER, CHAIN]]
    threads = [threading.Thread(target=visit, args=(orders[number % 2],)) for number in range(20)]
    for thread in threads:
        thread.start()
    may_answer.set()
    for thread in threads:
        thread.join(timeout=10)
    assert len(scenario.inner.lookups) == 2
    assert len(answers) == 40

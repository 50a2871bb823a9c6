import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from chalicelib.bootstrap import system_runtime
from chalicelib.domain import Dataset, FeatureSource, TaxonPresences
from chalicelib.errors import CacheReadOnly, CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_aside import CacheAside, CachePolicy
from chalicelib.features.cache_codec import DATASET_KEY
from chalicelib.features.shared_cache import SharedCachedFeatures
from chalicelib.ports import Leased, Runtime
from tests.fakes import FakeClock, FakeFeatures, feature, place
from tests.unit.features.fake_cache import FakeSharedCache

CHAIN = ("84a8f4bffffffff", "83a8f4fffffffff", "82a8f7fffffffff")
CHAINS = [(f"84{number:013x}",) for number in range(36)]
POLICY = CachePolicy(
    kept=1000, jitter=0.1, lease_ttl=2, lease_wait=1, lease_poll=0.1, dataset_check=600
)
KEY = f"geo:facts-1:0:{CHAIN[0]}"


@dataclass
class FreezingFeatures(FakeFeatures):
    """A repository after whose next read of the dataset something else happens first."""

    after_reading: Callable[[], None] | None = None

    def dataset(self) -> Dataset:
        dataset = super().dataset()
        happens, self.after_reading = self.after_reading, None
        if happens:
            happens()
        return dataset


@dataclass
class OvertakenCache(FakeSharedCache):
    """A cache in which something else happens before the next lease."""

    before_lease: Callable[[], None] | None = None

    def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[Leased]:
        happens, self.before_lease = self.before_lease, None
        if happens:
            happens()
        return super().lease(keys, token, seconds)


class Scenario:
    """Environments that share one cache, one database and one clock.

    Background work waits until :meth:`run_background`.
    """

    def __init__(self) -> None:
        self.clock = FakeClock(1_000_000.0)
        self.cache: FakeSharedCache = FakeSharedCache(self.clock)
        self.database = FreezingFeatures(place(jaguar=feature()))
        self.chance = 0.5
        self.slept: list[float] = []
        self.while_sleeping: Callable[[], None] = lambda: None
        self.work: list[Callable[[], None]] = []
        self.tokens = 0

    def environment(self) -> SharedCachedFeatures:
        """Return a new environment."""
        runtime = Runtime(self.token, self.clock, self.sleep, lambda: self.chance)
        aside = CacheAside(self.cache, POLICY, runtime, self.work.append)
        return SharedCachedFeatures(self.database, aside)

    def token(self) -> str:
        """Return a unique lease token."""
        self.tokens += 1
        return f"token {self.tokens}"

    def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self.slept.append(seconds)
        self.clock.now += seconds
        self.while_sleeping()

    def run_background(self) -> int:
        """Do the work that waits in the background; return how much there was."""
        work, self.work[:] = list(self.work), []
        for each in work:
            each()
        return len(work)

    def activate(self, version: str) -> None:
        """Let the database have another dataset."""
        self.database.version = version
        self.database.entry = replace(self.database.entry, dataset=version)

    @property
    def queries(self) -> int:
        """Number of places that were read from the database."""
        return len(self.database.lookups)


def look_up(environment: SharedCachedFeatures):
    """Return the features of one place."""
    (features,) = environment.features([CHAIN], 0)
    return features


def test_an_entry_serves_all_environments():
    """A place that one environment has loaded serves a hundred others, with a single query."""
    scenario = Scenario()
    first = look_up(scenario.environment())
    assert first.source is FeatureSource.EMBEDDED
    for _ in range(100):
        features = look_up(scenario.environment())
        assert features.source is FeatureSource.CACHE
        assert features.taxa == first.taxa
    assert scenario.queries == 1


def test_many_places_take_one_read_and_three_round_trips():
    """36 places that nothing holds take one statement and three round trips, later only one."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    scenario.cache.trips = 0
    assert len(environment.features(CHAINS, 0)) == 36
    assert (scenario.database.reads, scenario.cache.trips) == (1, 3)
    scenario.cache.trips = 0
    features = environment.features(CHAINS, 0)
    assert {each.source for each in features} == {FeatureSource.CACHE}
    assert (scenario.database.reads, scenario.cache.trips) == (1, 1)


def test_only_the_places_that_the_cache_lacks_are_read():
    """Of several places, those that are cached are not read again, and the order stays."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.features(CHAINS[5:7], 0)
    features = environment.features(CHAINS[4:8], 0)
    embedded, cache = FeatureSource.EMBEDDED, FeatureSource.CACHE
    assert [each.source for each in features] == [embedded, cache, cache, embedded]
    assert [chain for chain, _ in scenario.database.lookups[2:]] == [CHAINS[4], CHAINS[7]]


def test_steady_traffic_on_cached_places_never_reaches_the_database():
    """Over four times an entry's life, used entries stay, and only the daily check asks."""
    scenario = Scenario()
    scenario.environment().features(CHAINS, 0)
    reads, datasets = scenario.database.reads, scenario.database.dataset_reads
    for _ in range(400):
        scenario.clock.now += 10
        environment = scenario.environment()
        features = environment.features(CHAINS, 0)
        assert {each.source for each in features} == {FeatureSource.CACHE}
        scenario.run_background()
    assert scenario.database.reads == reads
    assert scenario.database.dataset_reads - datasets <= 4_000 / 600 / 0.9


def test_an_entry_that_is_used_is_renewed_by_one_environment():
    """After half of its life a reader renews an entry, in the background and under a lease."""
    scenario = Scenario()
    look_up(scenario.environment())
    _, until = scenario.cache.values[KEY]
    scenario.clock.now += 549
    for _ in range(2):
        assert look_up(scenario.environment()).source is FeatureSource.CACHE
    assert scenario.cache.values[KEY][1] == until
    writes = scenario.cache.trips
    assert scenario.run_background() == 2
    assert scenario.cache.values[KEY][1] == scenario.clock.now + POLICY.kept
    assert scenario.cache.trips - writes <= 4
    look_up(scenario.environment())
    assert scenario.run_background() == 0


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 450), (0.999, 549)])
def test_entries_are_not_renewed_together(chance, seconds):
    """The time of the renewal varies by a tenth, so entries loaded together spread out."""
    scenario = Scenario()
    scenario.chance = chance
    environment = scenario.environment()
    look_up(environment)
    scenario.clock.now += seconds - 2
    look_up(environment)
    assert scenario.run_background() == 0
    scenario.clock.now += 3
    look_up(environment)
    assert scenario.run_background() == 1


def test_a_place_that_nobody_asks_for_leaves_the_cache():
    """The cache keeps an entry for the time that the policy says, and then forgets it."""
    scenario = Scenario()
    environment = scenario.environment()
    look_up(environment)
    scenario.clock.now += POLICY.kept
    scenario.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        look_up(environment)


def test_a_cached_place_does_not_notice_that_the_database_is_down():
    """With the database down, a new environment answers for a cached place from the cache."""
    scenario = Scenario()
    look_up(scenario.environment())
    scenario.database.is_down = True
    scenario.clock.now += 900
    assert look_up(scenario.environment()).source is FeatureSource.CACHE


def test_without_the_cache_lookups_go_to_the_database():
    """While the cache is down, the database answers; if both are down, the lookup fails."""
    scenario = Scenario()
    environment = scenario.environment()
    scenario.cache.is_down = True
    assert look_up(environment).source is FeatureSource.EMBEDDED
    scenario.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        look_up(environment)


def test_open_breakers_of_cache_and_database_are_reported():
    """The environment names what fails: the cache, writes to it, the database."""
    scenario = Scenario()
    environment = scenario.environment()
    assert environment.open_breakers() == ()
    scenario.cache.is_read_only = True
    assert environment.open_breakers() == ("cacheWrites",)
    scenario.cache.is_down = scenario.database.is_down = True
    assert environment.open_breakers() == ("cache", "cacheWrites", "database")


def test_a_miss_waits_a_bounded_time_for_the_holder_of_the_lease():
    """A miss waits for the holder of the lease, then loads the place from the database itself."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    scenario.cache.leases[KEY] = ("slow", scenario.clock.now + 60)
    assert look_up(environment).source is FeatureSource.EMBEDDED
    assert sum(scenario.slept) == pytest.approx(POLICY.lease_wait, abs=POLICY.lease_poll * 1.1)


def test_a_waiting_environment_serves_the_entry_of_the_lease_holder():
    """A waiting environment serves the entry at its first poll after the holder has written it."""
    elsewhere = Scenario()
    look_up(elsewhere.environment())
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    scenario.cache.leases[KEY] = ("one", scenario.clock.now + 60)
    scenario.while_sleeping = lambda: scenario.cache.values.update(elsewhere.cache.values)
    assert look_up(environment).source is FeatureSource.CACHE
    assert len(scenario.slept) == 1
    assert scenario.queries == 0


def test_an_entry_that_was_written_before_the_lease_is_not_loaded_again():
    """Between the read and the lease another environment may have written it, and gone."""
    elsewhere = Scenario()
    look_up(elsewhere.environment())
    scenario = Scenario()
    scenario.cache = cache = OvertakenCache(scenario.clock)
    environment = scenario.environment()
    environment.dataset()
    cache.before_lease = lambda: cache.values.update(elsewhere.cache.values)
    assert look_up(environment).source is FeatureSource.CACHE
    assert (scenario.queries, scenario.slept) == (0, [])
    assert KEY not in scenario.cache.leases


def test_a_lease_on_one_place_does_not_hold_up_the_others():
    """While another environment loads one of four places, this one loads the other three."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    key = f"geo:facts-1:0:{CHAINS[1][0]}"
    scenario.cache.leases[key] = ("slow", scenario.clock.now + 60)
    assert len(environment.features(CHAINS[:4], 0)) == 4
    assert scenario.database.reads == 2
    assert [chain for chain, _ in scenario.database.lookups][-1] == CHAINS[1]


def test_a_lease_that_is_never_released_expires():
    """A lease that its holder never releases expires, and the next environment loads the place."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    scenario.cache.leases[KEY] = ("dead", scenario.clock.now + 0.5)
    start = scenario.clock.now
    assert look_up(environment).source is FeatureSource.EMBEDDED
    assert scenario.clock.now - start <= 0.5 + POLICY.lease_poll


def test_a_load_that_fails_ends_its_leases():
    """After a failed load the next environment need not wait for the lease to expire."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.dataset()
    scenario.cache.leases.clear()
    scenario.database.is_down = True
    with pytest.raises(FeaturesUnavailable):
        environment.features(CHAINS, 0)
    assert scenario.cache.leases == {}


def test_a_place_without_data_is_cached():
    """A place without data is read once, however often it is asked for."""
    scenario = Scenario()
    scenario.database.entry = place()
    for _ in range(100):
        assert look_up(scenario.environment()).taxa == {}
    assert scenario.queries == 1


def test_a_range_is_read_once():
    """The range of a taxon is an entry of its own, by month and dataset."""
    scenario = Scenario()
    first = scenario.environment().presences("jaguar", ["82a8f7fffffffff"], 0)
    assert first == TaxonPresences("facts-1", {CHAIN[0]: 1.0})
    for _ in range(10):
        assert scenario.environment().presences("jaguar", ["82a8f7fffffffff"], 0) == first
    assert scenario.database.reads == 1
    scenario.environment().presences("jaguar", ["82a8f7fffffffff"], 7)
    assert scenario.database.reads == 2


class TestNewDataset:
    """A new dataset comes into use everywhere, without a query by time."""

    def test_an_announced_dataset_is_used_by_all(self):
        """The command that activates a dataset announces it; no environment asks the database."""
        scenario = Scenario()
        environment = scenario.environment()
        look_up(environment)
        scenario.activate("facts-2")
        scenario.environment().announce()
        reads = scenario.database.dataset_reads
        assert environment.dataset().version == "facts-2"
        assert scenario.environment().dataset().version == "facts-2"
        assert scenario.database.dataset_reads == reads
        assert look_up(environment).dataset == "facts-2"
        assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values

    def test_an_announcement_that_fails_says_so(self):
        """If the cache cannot be written, the command learns it."""
        scenario = Scenario()
        scenario.cache.is_read_only = True
        with pytest.raises(CacheReadOnly):
            scenario.environment().announce()
        scenario.cache.is_down = True
        with pytest.raises(CacheUnavailable):
            scenario.environment().announce()

    def test_a_dataset_that_nobody_announced_is_found_by_the_daily_check(self):
        """One environment asks the database when the check is due, and tells the others."""
        scenario = Scenario()
        environment = scenario.environment()
        environment.dataset()
        scenario.activate("facts-2")
        scenario.clock.now += 500
        assert environment.dataset().version == "facts-1"
        assert scenario.run_background() == 0
        scenario.clock.now += 161
        assert environment.dataset().version == "facts-1"
        assert scenario.run_background() == 1
        assert environment.dataset().version == "facts-2"
        assert scenario.environment().dataset().version == "facts-2"

    def test_a_check_that_was_frozen_does_not_take_an_announcement_back(self):
        """Lambda froze an environment that had read the old dataset; it goes on after the news."""
        scenario = Scenario()
        environment = scenario.environment()
        environment.dataset()
        scenario.clock.now += 661
        environment.dataset()
        (check,) = scenario.work

        def activate() -> None:
            scenario.activate("facts-2")
            scenario.environment().announce()

        scenario.database.after_reading = activate
        check()
        assert scenario.environment().dataset().version == "facts-2"
        assert environment.dataset().version == "facts-2"

    def test_the_first_miss_finds_it(self):
        """The first environment that meets a new dataset publishes it: the others do not miss."""
        scenario = Scenario()
        first, second = scenario.environment(), scenario.environment()
        second.dataset(), first.dataset()
        scenario.activate("facts-2")
        assert look_up(first).dataset == "facts-2"
        assert first.dataset().version == "facts-2"
        assert f"geo:facts-2:0:{CHAIN[0]}" in scenario.cache.values
        assert KEY not in scenario.cache.values
        for _ in range(10):
            assert look_up(second).dataset == "facts-2"
            assert second.dataset().version == "facts-2"
            assert look_up(scenario.environment()).source is FeatureSource.CACHE
        assert scenario.queries == 2

    def test_a_range_that_meets_it_publishes_it(self):
        """The range is the new dataset's, and so is what the other environments ask for next."""
        scenario = Scenario()
        environment = scenario.environment()
        look_up(environment)
        scenario.activate("facts-2")
        assert environment.presences("jaguar", ["82a8f7fffffffff"], 0).dataset == "facts-2"
        assert "geo:facts-2:0:range:jaguar" in scenario.cache.values
        reads = scenario.database.dataset_reads
        assert scenario.environment().dataset().version == "facts-2"
        assert scenario.database.dataset_reads == reads

    def test_a_lookup_never_mixes_two_datasets(self):
        """Where the cache has some places of the old dataset, all are given of the new one."""
        scenario = Scenario()
        environment = scenario.environment()
        environment.features(CHAINS[:2], 0)
        scenario.activate("facts-2")
        features = environment.features(CHAINS[:4], 0)
        assert {each.dataset for each in features} == {"facts-2"}

    def test_a_known_dataset_stays_in_use_while_the_database_is_down(self):
        """The cache names the dataset while the database is down."""
        scenario = Scenario()
        environment = scenario.environment()
        version = environment.dataset().version
        scenario.database.is_down = True
        scenario.clock.now += 900
        assert environment.dataset().version == version
        scenario.run_background()
        assert scenario.environment().dataset().version == version
        scenario.cache.is_down = True
        with pytest.raises(FeaturesUnavailable):
            scenario.environment().dataset()


class TestReadOnlyCache:
    """The cache answers, but refuses writes: a replica, full memory, a missing right."""

    def test_a_new_dataset_is_noticed(self):
        """Nobody can announce a dataset there, so each environment asks the database."""
        scenario = Scenario()
        environment = scenario.environment()
        look_up(environment)
        scenario.cache.is_read_only = True
        scenario.activate("facts-2")
        assert environment.dataset().version == "facts-2"
        assert look_up(environment).dataset == "facts-2"

    def test_a_new_environment_does_not_wait_for_the_database(self):
        """Its first lookup is served from the cache; the database counts from the next time on."""
        scenario = Scenario()
        look_up(scenario.environment())
        scenario.cache.is_read_only = True
        scenario.activate("facts-2")
        environment = scenario.environment()
        assert look_up(environment).source is FeatureSource.CACHE
        assert environment.dataset().version == "facts-2"

    def test_loads_go_on(self):
        """A place that the cache lacks is read from the database, each time."""
        scenario = Scenario()
        scenario.cache.is_read_only = True
        environment = scenario.environment()
        for _ in range(3):
            assert look_up(environment).source is FeatureSource.EMBEDDED

    def test_with_the_database_down_the_known_dataset_serves(self):
        """Cached places keep their answers."""
        scenario = Scenario()
        environment = scenario.environment()
        look_up(environment)
        scenario.cache.is_read_only = scenario.database.is_down = True
        assert environment.dataset().version == "facts-1"
        assert look_up(environment).source is FeatureSource.CACHE

    def test_what_was_found_is_published_once_writes_pass_again(self):
        """After the outage the cache's old dataset does not win over the newer one."""
        scenario = Scenario()
        environment = scenario.environment()
        look_up(environment)
        scenario.cache.is_read_only = True
        scenario.activate("facts-2")
        environment.dataset()
        scenario.cache.is_read_only = False
        assert environment.dataset().version == "facts-2"
        assert scenario.environment().dataset().version == "facts-2"


@pytest.mark.parametrize("spoil", [lambda raw: raw[:-3], lambda _: b"", lambda _: b"\x80\x04."])
def test_an_invalid_entry_is_a_miss_and_is_replaced(spoil):
    """A truncated, empty or pickled entry is a miss, and the next lookup reads a valid entry."""
    scenario = Scenario()
    environment = scenario.environment()
    look_up(environment)
    raw, until = scenario.cache.values[KEY]
    scenario.cache.values[KEY] = spoil(raw), until
    assert look_up(environment).source is FeatureSource.EMBEDDED
    assert look_up(environment).source is FeatureSource.CACHE
    assert DATASET_KEY in scenario.cache.values


def test_an_entry_of_another_place_is_a_miss():
    """An entry that stands under another place's key is not believed."""
    scenario = Scenario()
    environment = scenario.environment()
    environment.features(CHAINS[:1], 0)
    scenario.cache.values[KEY] = scenario.cache.values[f"geo:facts-1:0:{CHAINS[0][0]}"]
    assert look_up(environment).source is FeatureSource.EMBEDDED


def test_environments_of_one_snapshot_share_no_tokens_and_no_random_numbers():
    """Tokens are unique, and random numbers do not depend on the state that a snapshot restores."""
    first, second = system_runtime(), system_runtime()
    assert len({first.new_lease_token(), first.new_lease_token(), second.new_lease_token()}) == 3
    state = random.getstate()
    chances = [first.random() for _ in range(5)]
    random.setstate(state)
    assert [first.random() for _ in range(5)] != chances

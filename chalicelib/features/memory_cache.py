"""Cache-aside in the memory of one execution environment, over any feature repository.

People photograph animals in the same few places. This tier answers for those from memory. What
it lacks it loads from the repository that it wraps, once, however many threads want it (single
flight).
"""

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from threading import Lock
from typing import Final

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures, TaxonPresences
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import Background, Chain, Clock, FeatureRepository
from chalicelib.runtime.refreshed_value import RefreshedValue

DATASET_SECONDS: Final = 30.0
"""An environment asks its repository for the dataset this often, in the background.

A new dataset is therefore in use after this time and one more request."""

Key = tuple[str, int, str]
"""Dataset version, month and cell: a new version needs no invalidation."""


class _CacheEntry:
    """The features of one key, and a lock for loading them."""

    __slots__ = ("features", "loading")

    def __init__(self) -> None:
        self.loading = Lock()
        self.features: PlaceFeatures | None = None


class MemoryCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that caches another one's answers.

    It holds ``maximum_entries`` entries, or none if that is 0; the least recently used goes
    first. An entry does not go out of date: its key names the version of the dataset, and the
    data of a version do not change. While the repository cannot say which dataset is in force,
    what the memory serves is marked as stale. A failure is not cached.
    """

    def __init__(
        self,
        repository: FeatureRepository,
        clock: Clock,
        background: Background,
        maximum_entries: int,
    ) -> None:
        self._repository = repository
        self._maximum_entries = maximum_entries
        self._dataset = RefreshedValue(
            repository.dataset, DATASET_SECONDS, clock, background, FeaturesUnavailable
        )
        self._entries: OrderedDict[Key, _CacheEntry] = OrderedDict()
        self._lock = Lock()

    def dataset(self) -> Dataset:
        """Return the dataset in force. Only the first call waits for it."""
        return self._dataset()

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return the features from memory, else from the wrapped repository.

        All are of one dataset. Raises ``FeaturesUnavailable``.
        """
        version = self.dataset().version
        features = self._look_up(version, chains, month)
        if all(each.dataset == version for each in features):
            return features
        # The repository has met a newer dataset.
        return self._look_up(self._dataset.refresh().version, chains, month)

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the wrapped repository's answer; clients cache it (``Cache-Control``)."""
        return self._repository.presences(taxon_id, cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """Return the wrapped repository's."""
        return self._repository.open_breakers()

    def _look_up(self, version: str, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        if not self._maximum_entries:
            return list(self._repository.features(chains, month))
        entries = {chain[0]: self._entry((version, month, chain[0])) for chain in chains}
        missing = [chain for chain in chains if entries[chain[0]].features is None]
        loaded = self._load(entries, missing, month) if missing else {}
        source = FeatureSource.MEMORY if self._dataset.is_confirmed else FeatureSource.STALE
        return [
            loaded.get(chain[0]) or _known(entries[chain[0]]).from_source(source)
            for chain in chains
        ]

    def _load(
        self, entries: dict[str, _CacheEntry], chains: Sequence[Chain], month: int
    ) -> dict[str, PlaceFeatures]:
        """Load places; a thread that wants one of them too waits, and finds it in memory."""
        with ExitStack() as locks:
            # In one order, so that two threads never wait for each other.
            for cell in sorted(chain[0] for chain in chains):
                locks.enter_context(entries[cell].loading)
            missing = [chain for chain in chains if entries[chain[0]].features is None]
            features = self._repository.features(missing, month) if missing else ()
            loaded = {chain[0]: each for chain, each in zip(missing, features, strict=True)}
            for cell, each in loaded.items():
                entries[cell].features = each
            return loaded

    def _entry(self, key: Key) -> _CacheEntry:
        with self._lock:
            entry = self._entries.setdefault(key, _CacheEntry())
            self._entries.move_to_end(key)
            if len(self._entries) > self._maximum_entries:
                self._entries.popitem(last=False)
            return entry


def _known(entry: _CacheEntry) -> PlaceFeatures:
    assert entry.features is not None  # it was there, or is loaded
    return entry.features

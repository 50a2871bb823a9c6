"""Cache-aside in the memory of one execution environment, over any feature repository.

People photograph animals in the same few places. This tier answers for those from memory. What
it lacks it loads from the repository that it wraps, once, however many threads want it (single
flight).
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import Clock, FeatureRepository

Key = tuple[str, int, str]
"""Dataset version, month and cell: a new version needs no invalidation."""


class _CacheEntry:
    """The features of one key, the time they were loaded, and a lock for loading them."""

    __slots__ = ("features", "loaded_at", "loading")

    def __init__(self) -> None:
        self.loading = Lock()
        self.features: PlaceFeatures | None = None
        self.loaded_at = 0.0


class MemoryCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that caches another one's answers.

    It holds ``maximum_entries`` entries, each for ``ttl`` seconds; the least recently used
    goes first. Places without data are cached, too. After a failed lookup an expired entry still
    serves as stale, until it is ``stale_if_error`` seconds old. Without such an entry the caller
    gets the error. Neither a failure nor a stale answer is cached.
    """

    def __init__(
        self,
        repository: FeatureRepository,
        clock: Clock,
        ttl: float,
        stale_if_error: float,
        maximum_entries: int,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._ttl = ttl
        self._stale_if_error = stale_if_error
        self._maximum_entries = maximum_entries
        self._entries: OrderedDict[Key, _CacheEntry] = OrderedDict()
        self._lock = Lock()

    def dataset(self) -> Dataset:
        """Return the wrapped repository's dataset."""
        return self._repository.dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """Return the features from memory if they are fresh, else from the wrapped repository."""
        entry = self._entry((self.dataset().version, month, chain[0]))
        with entry.loading:
            age = self._clock() - entry.loaded_at
            if entry.features is not None and age < self._ttl:
                return entry.features
            try:
                features = self._repository.features(chain, month)
            except FeaturesUnavailable:
                if entry.features is None or age >= self._stale_if_error:
                    raise
                return entry.features.from_source(FeatureSource.STALE)
            if features.source is not FeatureSource.STALE:
                entry.features = features.from_source(FeatureSource.MEMORY)
                entry.loaded_at = self._clock()
            return features

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """Return the wrapped repository's answer; clients cache it (``Cache-Control``)."""
        return self._repository.presences(taxon_id, cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """Return the wrapped repository's."""
        return self._repository.open_breakers()

    def _entry(self, key: Key) -> _CacheEntry:
        with self._lock:
            entry = self._entries.setdefault(key, _CacheEntry())
            self._entries.move_to_end(key)
            if len(self._entries) > self._maximum_entries:
                self._entries.popitem(last=False)
            return entry

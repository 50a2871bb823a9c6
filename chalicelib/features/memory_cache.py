"""Cache-aside in the memory of one execution environment, over any feature repository.

People photograph animals in the same few places. This tier answers for those from memory. What
it lacks it loads from the repository that it wraps, once, however many threads want it (single
flight).
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Final
from weakref import WeakValueDictionary

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures, TaxonPresences
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import Background, Chain, Clock, FeatureRepository
from chalicelib.runtime.refreshed_value import RefreshedValue

DATASET_SECONDS: Final = 30.0
"""An environment asks its repository for the dataset this often, in the background.

A new dataset is therefore in use after this time and one more request."""

Key = tuple[str, int, str]
"""Dataset version, month and cell: a new version needs no invalidation."""


class _Loading:
    """The lock of those that load one entry. It exists while somebody does."""

    __slots__ = ("__weakref__", "lock")

    def __init__(self) -> None:
        self.lock = Lock()


class MemoryCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that caches another one's answers.

    It holds ``maximum_entries`` entries, or none if that is 0; the least recently used goes
    first. An entry does not go out of date: its key names the version of the dataset, and the
    data of a version do not change. While the repository cannot say which dataset is in force,
    what the memory serves is marked as stale. A failure is not cached, and pushes nothing out.
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
        self._entries: OrderedDict[Key, PlaceFeatures] = OrderedDict()
        self._loading: WeakValueDictionary[Key, _Loading] = WeakValueDictionary()
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
        presences = self._repository.presences(taxon_id, cells, month)
        if presences.dataset != self.dataset().version:
            # The repository has met a newer dataset.
            self._dataset.refresh()
        return presences

    def open_breakers(self) -> tuple[str, ...]:
        """Return the wrapped repository's."""
        return self._repository.open_breakers()

    def _look_up(self, version: str, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        if not self._maximum_entries:
            return list(self._repository.features(chains, month))
        known = self._known(version, chains, month)
        missing = [chain for chain in chains if chain[0] not in known]
        loaded = self._load(version, missing, month) if missing else {}
        source = FeatureSource.MEMORY if self._dataset.is_confirmed else FeatureSource.STALE
        return [loaded.get(chain[0]) or known[chain[0]].from_source(source) for chain in chains]

    def _load(self, version: str, chains: Sequence[Chain], month: int) -> dict[str, PlaceFeatures]:
        """Load places; a thread that wants one of them too waits, and finds it in memory."""
        with ExitStack() as locks:
            # In one order, so that two threads never wait for each other.
            for cell in sorted(chain[0] for chain in chains):
                locks.enter_context(self._lock_of((version, month, cell)))
            known = self._known(version, chains, month)
            missing = [chain for chain in chains if chain[0] not in known]
            features = self._repository.features(missing, month) if missing else ()
            loaded = {chain[0]: each for chain, each in zip(missing, features, strict=True)}
            # Another dataset's answer must not stand under the key of this one: this one may
            # come back.
            self._keep(
                {
                    (version, month, cell): each
                    for cell, each in loaded.items()
                    if each.dataset == version
                }
            )
            source = FeatureSource.MEMORY
            return loaded | {cell: each.from_source(source) for cell, each in known.items()}

    @contextmanager
    def _lock_of(self, key: Key) -> Iterator[None]:
        with self._lock:
            loading = self._loading.setdefault(key, _Loading())
        with loading.lock:
            yield

    def _known(self, version: str, chains: Sequence[Chain], month: int) -> dict[str, PlaceFeatures]:
        """Return what the memory holds, by cell."""
        known = {}
        with self._lock:
            for chain in chains:
                key = version, month, chain[0]
                if (features := self._entries.get(key)) is not None:
                    self._entries.move_to_end(key)
                    known[chain[0]] = features
        return known

    def _keep(self, entries: Mapping[Key, PlaceFeatures]) -> None:
        with self._lock:
            self._entries |= entries
            while len(self._entries) > self._maximum_entries:
                self._entries.popitem(last=False)

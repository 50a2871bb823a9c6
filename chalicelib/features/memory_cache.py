"""Cache-aside over any feature repository.

People photograph animals in the same few places. A tier in the process answers
those from memory; what it lacks it asks of the repository it wraps, once, however
many threads want it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import Clock, FeatureRepository

Key = tuple[str, int, str]
"""Dataset version, month and cell: a new version invalidates all by itself."""


@dataclass(slots=True)
class _Slot:
    """One key's place: its entry, when that came, and who may load it."""

    loading: Lock = field(default_factory=Lock)
    entry: PlaceFeatures | None = None
    loaded: float = 0.0


class MemoryCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that remembers another's answers.

    Holds ``maximum_entries`` entries (the least recently used goes first), each
    for ``seconds_to_live``. Places without data are remembered too. After a failed
    lookup an entry that has ended still serves as stale, until it is ``seconds_kept`` old;
    without one the error goes to whoever asked. Neither is remembered.
    """

    def __init__(
        self,
        repository: FeatureRepository,
        clock: Clock,
        seconds_to_live: float,
        seconds_kept: float,
        maximum_entries: int,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._seconds_to_live = seconds_to_live
        self._seconds_kept = seconds_kept
        self._maximum_entries = maximum_entries
        self._slots: OrderedDict[Key, _Slot] = OrderedDict()
        self._lock = Lock()

    def dataset(self) -> Dataset:
        """The wrapped repository's dataset."""
        return self._repository.dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """From memory if it is fresh there, else from the wrapped repository."""
        slot = self._slot((self.dataset().version, month, chain[0]))
        with slot.loading:
            age = self._clock() - slot.loaded
            if slot.entry is not None and age < self._seconds_to_live:
                return slot.entry
            try:
                found = self._repository.features(chain, month)
            except FeaturesUnavailable:
                if slot.entry is None or age >= self._seconds_kept:
                    raise
                return slot.entry._replace(source=FeatureSource.STALE)
            if found.source is not FeatureSource.STALE:
                slot.entry = found._replace(source=FeatureSource.MEMORY)
                slot.loaded = self._clock()
            return found

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """The wrapped repository's: whoever asked keeps the answer (``Cache-Control``)."""
        return self._repository.presences(taxon_id, cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """What the wrapped repository says."""
        return self._repository.open_breakers()

    def _slot(self, key: Key) -> _Slot:
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            if len(self._slots) > self._maximum_entries:
                self._slots.popitem(last=False)
            return slot

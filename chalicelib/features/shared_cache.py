"""Cache-aside over a cache that all environments share.

In a spike Lambda starts hundreds of environments at once, and each comes with an empty
memory. This tier stands between them and the database: one of them loads a place, the
others wait a moment or take what was true an hour ago. It never makes anything worse: where
the cache is out of reach, all goes on as if nothing had been in it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_codec import (
    Envelope,
    dataset_entry,
    dataset_from_entry,
    decode_dataset,
    decode_place,
    encode_entry,
    place_entry,
    place_from_entry,
)
from chalicelib.ports import FeatureRepository, Runtime, SharedCache
from chalicelib.runtime.ttl_value import TtlValue

DATASET_KEY: Final = "geo:dataset"
LEASE_SUFFIX: Final = ":lease"

Entry = TypeVar("Entry", bound=Envelope)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """Seconds that rule the life of an entry.

    ``fresh``: how long it counts as true; ``empty``: the same for a place without data.
    ``kept``: how long it may serve as stale while the database is down (the hard limit).
    ``jitter``: the share by which ``fresh`` varies, so that entries do not end together.
    ``lease``: how long one environment may take to load while others wait;
    ``wait``: how long those wait at most, looking again every ``poll``.
    ``dataset``: how long a new dataset may go unnoticed by an environment.
    """

    fresh: float = 3_600.0
    empty: float = 600.0
    kept: float = 7 * 86_400.0
    jitter: float = 0.1
    lease: float = 1.0
    wait: float = 1.0
    poll: float = 0.02
    dataset: float = 30.0


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Entry, Value]):
    """What differs between places and the dataset: how to name, read, load, write and show."""

    key: Callable[[Value], str]
    open: Callable[[bytes | None], Entry | None]
    load: Callable[[], Value]
    entry: Callable[[Value, float, float], Entry]
    fresh: Callable[[Value], float]
    show: Callable[[Entry, FeatureSource], Value]


class SharedCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that shares another's answers."""

    def __init__(
        self,
        repository: FeatureRepository,
        cache: SharedCache,
        times: CachePolicy,
        process: Runtime,
    ) -> None:
        self._repository = repository
        self._cache = cache
        self._times = times
        self._new_owner = process.new_lease_token
        self._clock = process.clock
        self._sleep = process.sleep
        self._random = process.random
        self._dataset_kind = _Kind(
            key=lambda _: DATASET_KEY,
            open=decode_dataset,
            load=repository.dataset,
            entry=dataset_entry,
            fresh=lambda _: times.dataset,
            show=lambda entry, _: dataset_from_entry(entry),
        )
        self._dataset = TtlValue(
            lambda: self._find(DATASET_KEY, self._dataset_kind),
            times.dataset,
            process.clock,
            forgiven=(FeaturesUnavailable,),
        )

    def dataset(self) -> Dataset:
        """The dataset in force, from memory for a short time. Raises ``FeaturesUnavailable``.

        A dataset once known stays in use while neither cache nor database can be asked.
        """
        return self._dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """From the shared cache, else from the wrapped repository. Raises its errors."""
        version = self.dataset().version

        def key(dataset: str) -> str:
            return f"geo:{dataset}:{month}:{chain[0]}"

        kind = _Kind(
            key=lambda found: key(found.dataset),
            open=lambda raw: decode_place(raw, version, month),
            load=lambda: self._repository.features(chain, month),
            entry=place_entry,
            fresh=lambda found: self._times.fresh if found.taxa else self._times.empty,
            show=place_from_entry,
        )
        found = self._find(key(version), kind)
        if found.dataset != version:
            self._tell_of_new_dataset(found.dataset)
        return found

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """The wrapped repository's: whoever asked keeps the answer (``Cache-Control``)."""
        return self._repository.presences(taxon_id, cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """The cache, if it is, and what the wrapped repository says."""
        own = ("cache",) if self._cache.is_breaker_open else ()
        return own + self._repository.open_breakers()

    def _tell_of_new_dataset(self, version: str) -> None:
        """Who comes upon a new dataset says so, or all would miss until they look again."""
        with suppress(FeaturesUnavailable):
            self._load(self._dataset_kind)
        self._dataset.invalidate_unless(lambda known: known.version == version)

    def _find(self, key: str, kind: _Kind[Entry, Value]) -> Value:
        try:
            entry = kind.open(self._cache.get(key))
            if entry is None:
                return self._missing(key, kind)
            if not self._is_due(entry):
                return kind.show(entry, FeatureSource.CACHE)
            return self._due(key, kind, entry)
        except CacheUnavailable:
            return kind.load()

    def _is_due(self, entry: Envelope) -> bool:
        """Whether to refresh: at the latest when it ends, by chance a little before.

        XFetch: the more an entry costs, the earlier, so that under load some reader renews
        it before it ends (Vattani, Chierichetti and Lowenstein 2015,
        https://doi.org/10.14778/2757807.2757813, with beta = 1).
        """
        early = -entry.cost * math.log(1 - self._random())
        return self._clock() + early >= entry.expires_at

    def _due(self, key: str, kind: _Kind[Entry, Value], entry: Entry) -> Value:
        """One environment refreshes; the others, and it too if it fails, take what is there."""
        owner = self._new_owner()
        # Where loading fails the lease is left to end: nobody need try again before that.
        with suppress(CacheUnavailable, FeaturesUnavailable):
            if self._cache.lease(key + LEASE_SUFFIX, owner, self._times.lease):
                found = self._load(kind)
                self._release(key, owner)
                return found
        is_fresh = self._clock() < entry.expires_at
        return kind.show(entry, FeatureSource.CACHE if is_fresh else FeatureSource.STALE)

    def _missing(self, key: str, kind: _Kind[Entry, Value]) -> Value:
        """One environment loads; the others look again until they find it or lose patience."""
        owner, deadline = self._new_owner(), self._clock() + self._times.wait
        while not self._cache.lease(key + LEASE_SUFFIX, owner, self._times.lease):
            if self._clock() >= deadline:
                return kind.load()
            self._sleep(self._times.poll)
            entry = kind.open(self._cache.get(key))
            if entry is not None:
                return kind.show(entry, FeatureSource.CACHE)
        try:
            # The one who held the lease before may have put it there just now.
            entry = kind.open(self._cache.get(key))
            return self._load(kind) if entry is None else kind.show(entry, FeatureSource.CACHE)
        finally:
            self._release(key, owner)

    def _load(self, kind: _Kind[Entry, Value]) -> Value:
        """From the wrapped repository, and into the cache if that can be reached."""
        start = self._clock()
        found = kind.load()
        cost = max(self._clock() - start, 0.0)
        vary = 1 + self._times.jitter * (2 * self._random() - 1)
        expires_at = self._clock() + kind.fresh(found) * vary
        with suppress(CacheUnavailable):
            sealed = encode_entry(kind.entry(found, expires_at, cost))
            self._cache.put(kind.key(found), sealed, self._times.kept)
        return found

    def _release(self, key: str, owner: str) -> None:
        with suppress(CacheUnavailable):
            self._cache.release(key + LEASE_SUFFIX, owner)

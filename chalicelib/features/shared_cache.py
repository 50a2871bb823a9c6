"""Cache-aside over a cache that all environments share.

In a spike Lambda starts hundreds of execution environments at once, and each has an empty
memory. This tier stands between them and the database. One environment loads a place under a
lease (single flight); the others wait a moment, or serve the stale entry while it is refreshed
(stale-while-revalidate). Without a reachable cache, every call goes straight to the repository.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Generic

from msgspec import Struct

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_codec import (
    DATASET_KEY,
    DatasetCodec,
    Entry,
    EntryCodec,
    Envelope,
    PlaceCodec,
    Value,
)
from chalicelib.ports import FeatureRepository, Runtime, SharedCache
from chalicelib.runtime.ttl_value import TtlValue


class CachePolicy(Struct, frozen=True):
    """The durations that govern an entry, in seconds.

    ``ttl``: how long an entry is fresh; ``negative_ttl``: the same for a place without data.
    ``stale_if_error``: how long an entry may serve while the database is down (RFC 5861).
    ``jitter``: the share by which ``ttl`` varies, so that entries do not expire together.
    ``lease_ttl``: how long one environment may load an entry while the others wait;
    ``lease_wait``: how long those wait at most; ``lease_poll``: how often they look.
    ``dataset_ttl``: how long an environment may miss a new dataset.
    """

    ttl: float = 3_600.0
    negative_ttl: float = 600.0
    stale_if_error: float = 7 * 86_400.0
    jitter: float = 0.1
    lease_ttl: float = 1.0
    lease_wait: float = 1.0
    lease_poll: float = 0.02
    dataset_ttl: float = 30.0


class _Lookup(Struct, Generic[Entry, Value], frozen=True):
    """One value that can be cached: its key, its codec, its loader and its time to live."""

    key: str
    codec: EntryCodec[Entry, Value]
    load: Callable[[], Value]
    ttl: Callable[[Value], float]


class SharedCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that caches another one's answers."""

    def __init__(
        self,
        repository: FeatureRepository,
        cache: SharedCache,
        policy: CachePolicy,
        runtime: Runtime,
    ) -> None:
        self._repository = repository
        self._cache = cache
        self._policy = policy
        self._runtime = runtime
        self._dataset_lookup = _Lookup(
            DATASET_KEY, DatasetCodec(), repository.dataset, lambda _: policy.dataset_ttl
        )
        self._dataset = TtlValue(
            lambda: self._get_or_load(self._dataset_lookup),
            policy.dataset_ttl,
            runtime.clock,
            (FeaturesUnavailable,),
        )

    def dataset(self) -> Dataset:
        """Return the dataset in force, from memory for a short time.

        A known dataset stays in use while neither cache nor database answers.
        Raises ``FeaturesUnavailable``.
        """
        return self._dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """Return the features from the shared cache, else from the wrapped repository.

        Raises ``FeaturesUnavailable``.
        """
        codec = PlaceCodec(self.dataset().version, month, chain[0])
        features = self._get_or_load(
            _Lookup(
                codec.key(),
                codec,
                lambda: self._repository.features(chain, month),
                lambda value: self._policy.ttl if value.taxa else self._policy.negative_ttl,
            )
        )
        if features.dataset != codec.dataset:
            self._publish_dataset(features.dataset)
        return features

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """Return the wrapped repository's answer; clients cache it (``Cache-Control``)."""
        return self._repository.presences(taxon_id, cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """Return the cache, if its circuit breaker is open, and the wrapped repository's."""
        own = ("cache",) if self._cache.is_breaker_open else ()
        return own + self._repository.open_breakers()

    def _publish_dataset(self, version: str) -> None:
        """Write a new dataset to the cache; otherwise other environments would keep missing."""
        with suppress(FeaturesUnavailable):
            self._load(self._dataset_lookup)
        self._dataset.invalidate_unless(lambda dataset: dataset.version == version)

    def _get_or_load(self, lookup: _Lookup[Entry, Value]) -> Value:
        try:
            entry = lookup.codec.decode(self._cache.get([lookup.key])[0])
            if entry is None:
                return self._load_under_lease(lookup)
            if self._should_refresh(entry):
                return self._refresh_or_serve_stale(lookup, entry)
            return lookup.codec.to_domain(entry, FeatureSource.CACHE)
        except CacheUnavailable:
            return lookup.load()

    def _should_refresh(self, entry: Envelope) -> bool:
        """Return whether the entry has expired, or whether to refresh it early, by chance.

        Probabilistic early refresh (XFetch): the longer an entry takes to load, the earlier one
        reader refreshes it (Vattani, Chierichetti and Lowenstein 2015,
        https://doi.org/10.14778/2757807.2757813, with beta = 1).
        """
        early = -entry.load_seconds * math.log(1 - self._runtime.random())
        return self._runtime.clock() + early >= entry.expires_at

    def _refresh_or_serve_stale(self, lookup: _Lookup[Entry, Value], entry: Entry) -> Value:
        """Refresh the entry in one environment; in the others, or on failure, serve it as it is."""
        token = self._runtime.new_lease_token()
        # After a failure the lease expires by itself: until then nobody need try again.
        with suppress(CacheUnavailable, FeaturesUnavailable):
            if self._cache.lease([lookup.key], token, self._policy.lease_ttl)[0].is_held:
                value = self._load(lookup)
                self._release(lookup.key, token)
                return value
        is_fresh = self._runtime.clock() < entry.expires_at
        return lookup.codec.to_domain(
            entry, FeatureSource.CACHE if is_fresh else FeatureSource.STALE
        )

    def _load_under_lease(self, lookup: _Lookup[Entry, Value]) -> Value:
        """Load the value in one environment; the others poll, and finally load it themselves."""
        token, deadline = (
            self._runtime.new_lease_token(),
            self._runtime.clock() + self._policy.lease_wait,
        )
        while not self._cache.lease([lookup.key], token, self._policy.lease_ttl)[0].is_held:
            if self._runtime.clock() >= deadline:
                return lookup.load()
            self._runtime.sleep(self._policy.lease_poll)
            if entry := lookup.codec.decode(self._cache.get([lookup.key])[0]):
                return lookup.codec.to_domain(entry, FeatureSource.CACHE)
        try:
            # The environment that held the lease before may just have written the entry.
            if entry := lookup.codec.decode(self._cache.get([lookup.key])[0]):
                return lookup.codec.to_domain(entry, FeatureSource.CACHE)
            return self._load(lookup)
        finally:
            self._release(lookup.key, token)

    def _load(self, lookup: _Lookup[Entry, Value]) -> Value:
        """Load the value from the wrapped repository and, if possible, write it to the cache."""
        start = self._runtime.clock()
        value = lookup.load()
        load_seconds = max(self._runtime.clock() - start, 0.0)
        jitter = 1 + self._policy.jitter * (2 * self._runtime.random() - 1)
        expires_at = self._runtime.clock() + lookup.ttl(value) * jitter
        with suppress(CacheUnavailable):
            raw = lookup.codec.encode(value, expires_at, load_seconds)
            self._cache.put({lookup.codec.key(value): raw}, self._policy.stale_if_error)
        return value

    def _release(self, key: str, token: str) -> None:
        with suppress(CacheUnavailable):
            self._cache.release([key], token)

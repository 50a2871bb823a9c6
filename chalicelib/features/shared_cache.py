"""The feature repository behind a cache that all environments share.

Nothing about a cached place reaches the database, so that the database can sleep. A new dataset
is announced through the cache: the command that activates it writes it there. The environments
look at that entry, not at the database.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from chalicelib.domain import Dataset, PlaceFeatures, TaxonPresences
from chalicelib.errors import CacheReadOnly, CacheUnavailable, FeaturesUnavailable
from chalicelib.features.cache_aside import CacheAside
from chalicelib.features.cache_codec import DATASET_KEY, DatasetCodec, PlaceCodec, RangeCodec
from chalicelib.ports import Chain, FeatureRepository

DATASET: DatasetCodec = DatasetCodec()


class SharedCachedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that caches another one's answers.

    It remembers the dataset that :meth:`dataset` returned last. The memory cache in front of it
    calls that method every half minute, in the background.
    """

    def __init__(self, repository: FeatureRepository, aside: CacheAside) -> None:
        self._repository = repository
        self._aside = aside
        self._known: Dataset | None = None
        self._is_unpublished = False

    def dataset(self) -> Dataset:
        """Return the dataset that the cache names, else the database's.

        Once a day, one environment asks the database, in case nobody has announced a new dataset.
        Where the cache refuses writes, nobody can announce one: then each environment asks the
        database. Raises ``FeaturesUnavailable``.
        """
        token = self._aside.runtime.new_lease_token()
        try:
            # The lease chooses who asks the database, and shows whether the cache can be written.
            ((is_held, raw),) = self._aside.cache.lease(
                [DATASET_KEY], token, self._aside.policy.lease_ttl
            )
        except CacheReadOnly:
            return self._read_only_dataset()
        except CacheUnavailable:
            return self._load_dataset()
        cached = DATASET.decode(raw)
        if self._is_unpublished or (cached is None and is_held):
            return self._publish(raw, token)
        if cached is None:
            (dataset,) = self._aside.get([DATASET], lambda _: [self._repository.dataset()])
            return self._remember(dataset)
        if is_held and cached.due_at <= self._aside.runtime.clock():
            self._aside.background(partial(self._check, raw))
        return self._remember(cached.value)

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return the features from the shared cache, else from the wrapped repository.

        Raises ``FeaturesUnavailable``.
        """
        version = (self._known or self.dataset()).version
        features = self._features_of(version, chains, month)
        if all(each.dataset == version for each in features):
            return features
        # The database has a newer dataset. What the cache had of the older one is loaded again.
        return self._features_of(self._meet_newer().version, chains, month)

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return a taxon's range from the shared cache, else from the wrapped repository.

        ``cells`` are always the same: the cells of the whole world. Raises
        ``FeaturesUnavailable``.
        """
        version = (self._known or self.dataset()).version
        (presences,) = self._aside.get(
            [RangeCodec(version, month, taxon_id)],
            lambda _: [self._repository.presences(taxon_id, cells, month)],
        )
        if presences.dataset != version:
            self._meet_newer()
        return presences

    def announce(self) -> Dataset:
        """Write the database's dataset to the cache, for all environments to see.

        Raises ``FeaturesUnavailable``, and ``CacheUnavailable`` if that cannot be done.
        """
        dataset = self._repository.dataset()
        self._aside.put(DATASET, dataset, self._aside.policy.dataset_check)
        return dataset

    def open_breakers(self) -> tuple[str, ...]:
        """Return the cache's open circuit breakers, and the wrapped repository's."""
        own = ("cache",) if self._aside.cache.is_breaker_open else ()
        writes = ("cacheWrites",) if self._aside.cache.is_read_only else ()
        return own + writes + self._repository.open_breakers()

    def _features_of(
        self, version: str, chains: Sequence[Chain], month: int
    ) -> list[PlaceFeatures]:
        """Return what the cache has of a version; the repository may answer with a newer one."""
        return self._aside.get(
            [PlaceCodec(version, month, chain[0]) for chain in chains],
            lambda positions: self._repository.features([chains[at] for at in positions], month),
        )

    def _publish(self, cached: bytes | None, token: str | None = None) -> Dataset:
        """Read the dataset from the database, and write it to the cache if possible.

        ``cached`` is what the cache had before. What others announce meanwhile stays: Lambda can
        freeze this environment for an hour between the two steps.
        """
        dataset = self._load_dataset()
        with suppress(CacheUnavailable):
            seconds = self._aside.policy.dataset_check
            self._aside.replace(DATASET, cached, dataset, seconds, token)
            self._is_unpublished = False
        return dataset

    def _meet_newer(self) -> Dataset:
        """Publish the dataset, since the database has answered with another one than is known."""
        try:
            (raw,) = self._aside.cache.get([DATASET_KEY])
        except CacheUnavailable:
            return self._load_dataset()
        return self._publish(raw)

    def _check(self, cached: bytes | None) -> None:
        with suppress(FeaturesUnavailable):
            self._publish(cached)

    def _read_only_dataset(self) -> Dataset:
        """Return the database's dataset. A new environment does not wait for it."""
        cached = None
        with suppress(CacheUnavailable):
            (raw,) = self._aside.cache.get([DATASET_KEY])
            cached = DATASET.decode(raw)
        if cached is None:
            return self._load_dataset()
        if self._known is None:
            return self._remember(cached.value)
        with suppress(FeaturesUnavailable):
            return self._load_dataset()
        return self._known

    def _load_dataset(self) -> Dataset:
        """Read the dataset from the database. It stays unpublished until the cache has it."""
        dataset = self._remember(self._repository.dataset())
        self._is_unpublished = True
        return dataset

    def _remember(self, dataset: Dataset) -> Dataset:
        self._known = dataset
        return dataset

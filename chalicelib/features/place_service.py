"""Look places up: return the features of a point, also if the database is out of reach."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from chalicelib.domain import (
    Coordinates,
    Dataset,
    FeatureSource,
    GeoStatus,
    PlaceFeatures,
    PlaceLookup,
    SpeciesRange,
    Taxon,
    TaxonFeature,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features import cells
from chalicelib.ports import FeatureRepository

ATTEMPTS: Final = 2
"""A dataset may be activated between two reads: then one of them is of another dataset."""

DATASET_CHANGES: Final = "Another dataset is being activated."


class Places(Struct, frozen=True, eq=False):
    """The service that looks places up.

    ``fallback`` answers while the repository cannot: the file inside the package, which never
    sleeps. ``is_enabled`` is the operator's switch for all callers.
    """

    repository: FeatureRepository
    is_enabled: bool = True
    fallback: FeatureRepository | None = None

    def look_up(self, coordinates: Coordinates | None, month: int) -> PlaceLookup:
        """Return the features of a point, or why there are none. Never raises."""
        if not self.is_enabled or coordinates is None:
            return PlaceLookup(GeoStatus.DISABLED)
        try:
            return _look_up(self.repository, coordinates, month)
        except FeaturesUnavailable:
            return self.look_up_fallback(coordinates, month)

    def look_up_fallback(self, coordinates: Coordinates | None, month: int) -> PlaceLookup:
        """Return the features of a point without the repository. Never raises.

        A caller that has waited long enough for :meth:`look_up` uses it. It takes a few
        milliseconds.
        """
        if not self.is_enabled or coordinates is None:
            return PlaceLookup(GeoStatus.DISABLED)
        with suppress(FeaturesUnavailable):
            if self.fallback:
                return _look_up(self.fallback, coordinates, month)
        return PlaceLookup(GeoStatus.DEGRADED)

    def species_range(self, taxon: Taxon, month: int) -> SpeciesRange:
        """Return where a taxon is expected, or why that is unknown. Never raises.

        The threshold is that of predictions and species lists.
        """
        if not self.is_enabled:
            return SpeciesRange(GeoStatus.DISABLED)
        with suppress(FeaturesUnavailable):
            return _species_range(self.repository, taxon, month)
        with suppress(FeaturesUnavailable):
            if self.fallback:
                return _species_range(self.fallback, taxon, month, is_provisional=True)
        return SpeciesRange(GeoStatus.DEGRADED)

    def dataset(self) -> Dataset:
        """Return the dataset in force. Raises ``FeaturesUnavailable``."""
        return self.repository.dataset()

    def open_breakers(self) -> tuple[str, ...]:
        """Return the servers (``cache``, ``database``) whose circuit breaker is open."""
        return self.repository.open_breakers()


def _look_up(repository: FeatureRepository, coordinates: Coordinates, month: int) -> PlaceLookup:
    """Look all cells of the circle of uncertainty up at once. Raises ``FeaturesUnavailable``."""
    chains, shares = zip(*cells.weighted_chains(coordinates), strict=True)
    for _ in range(ATTEMPTS):
        entries = repository.features(chains, month)
        # Afterwards, since the features may be the first of a new dataset.
        dataset = repository.dataset()
        if all(entry.dataset == dataset.version for entry in entries):
            features = average(list(zip(entries, shares, strict=True)))
            status = GeoStatus.APPLIED if features.taxa else GeoStatus.NO_DATA
            return PlaceLookup(status, features, dataset.without(features.silent))
    raise FeaturesUnavailable(DATASET_CHANGES)


def _species_range(
    repository: FeatureRepository, taxon: Taxon, month: int, *, is_provisional: bool = False
) -> SpeciesRange:
    for _ in range(ATTEMPTS):
        dataset = repository.dataset()
        if not dataset.covers(taxon):
            return SpeciesRange(GeoStatus.NO_DATA, dataset, is_provisional=is_provisional)
        presences = repository.presences(taxon.taxon_id, cells.coarsest_cells(), month)
        if presences.dataset == dataset.version:
            least = dataset.threshold(taxon.taxon_id)
            expected = {
                cell: presence for cell, presence in presences.cells.items() if presence >= least
            }
            return SpeciesRange(GeoStatus.APPLIED, dataset, expected, is_provisional)
    raise FeaturesUnavailable(DATASET_CHANGES)


SLOWEST_LAST: Final = (
    FeatureSource.MEMORY,
    FeatureSource.CACHE,
    FeatureSource.STALE,
    FeatureSource.EMBEDDED,
    FeatureSource.DATABASE,
)


def average(entries: Sequence[tuple[PlaceFeatures, float]]) -> PlaceFeatures:
    """Return the weighted average of several places; the first is the one in the middle.

    Places without data do not count: a beach is not half as rich as its hinterland. A taxon keeps
    the status of the place where its presence is highest. ``source`` is that of the slowest
    tier that had to answer.
    """
    if len(entries) == 1:
        return entries[0][0]
    with_data = [(entry, share) for entry, share in entries if entry.taxa]
    total = sum(share for _, share in with_data)
    presences: defaultdict[str, float] = defaultdict(float)
    firmest: dict[str, TaxonFeature] = {}
    for entry, share in with_data:
        for taxon_id, feature in entry.taxa.items():
            presences[taxon_id] += feature.presence * share / total
            if taxon_id not in firmest or firmest[taxon_id].presence < feature.presence:
                firmest[taxon_id] = feature
    middle = with_data[0][0] if with_data else entries[0][0]
    return PlaceFeatures(
        dataset=middle.dataset,
        source=max((entry.source for entry, _ in entries), key=SLOWEST_LAST.index),
        cell=middle.cell,
        month=middle.month,
        effort=middle.effort,
        taxa={
            taxon_id: TaxonFeature(feature.status, presences[taxon_id], feature.prevalence)
            for taxon_id, feature in firmest.items()
        },
        silent=frozenset.intersection(*(entry.silent for entry, _ in with_data or entries)),
    )

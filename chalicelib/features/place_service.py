"""What the database knows about a place, whatever state the database is in."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from chalicelib.answer import fusion
from chalicelib.domain import (
    Coordinates,
    FeatureSource,
    GeoStatus,
    Model,
    Occurrence,
    PlaceFeatures,
    PlaceLookup,
    SpeciesRange,
    Taxon,
    TaxonFeature,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features import cells
from chalicelib.ports import FeatureRepository


class Places(NamedTuple):
    """Looks places up. ``enabled`` is the operator's switch for all callers.

    ``weight_bounds`` say how far a place may speak against an animal, and for it.
    """

    repository: FeatureRepository
    weight_bounds: fusion.WeightBounds
    enabled: bool = True

    def look_up(self, coordinates: Coordinates | None, month: int) -> PlaceLookup:
        """The features of a point, or why there are none. Never raises."""
        if not self.enabled or coordinates is None:
            return PlaceLookup(GeoStatus.DISABLED)
        try:
            features = average(
                [
                    (self.repository.features(chain, month), share)
                    for chain, share in cells.weighted_chains(coordinates)
                ]
            )
            # Afterwards, since the features may be the first of a new dataset.
            dataset = self.repository.dataset()
        except FeaturesUnavailable:
            return PlaceLookup(GeoStatus.DEGRADED)
        status = GeoStatus.APPLIED if features.taxa else GeoStatus.NO_DATA
        return PlaceLookup(status, features, dataset)

    def expected_taxa(self, geo: PlaceLookup) -> int:
        """How many taxa of the dataset are expected at the place."""
        if geo.features is None or geo.dataset is None:
            return 0
        taxa = geo.features.taxa.values()
        return sum(fusion.is_expected(feature, geo.dataset) for feature in taxa)

    def species(self, geo: PlaceLookup, model: Model) -> tuple[Occurrence, ...]:
        """The animals of the place that the model can tell, ranked."""
        return fusion.animals_of(geo, model, self.weight_bounds)

    def species_range(self, taxon: Taxon, month: int) -> SpeciesRange:
        """Where a taxon is expected, or why nobody can tell. Never raises.

        By the threshold that predictions and lists of species have.
        """
        if not self.enabled:
            return SpeciesRange(GeoStatus.DISABLED)
        try:
            dataset = self.repository.dataset()
            if not fusion.has_opinion(taxon, dataset):
                return SpeciesRange(GeoStatus.NO_DATA, dataset)
            presences = self.repository.presences(taxon.taxon_id, cells.coarsest_cells(), month)
        except FeaturesUnavailable:
            return SpeciesRange(GeoStatus.DEGRADED)
        return SpeciesRange(
            GeoStatus.APPLIED,
            dataset,
            {
                cell: presence
                for cell, presence in presences.items()
                if presence >= dataset.expected_presence
            },
        )


SLOWEST_LAST = (
    FeatureSource.MEMORY,
    FeatureSource.CACHE,
    FeatureSource.STALE,
    FeatureSource.EMBEDDED,
    FeatureSource.DATABASE,
)


def average(entries: Sequence[tuple[PlaceFeatures, float]]) -> PlaceFeatures:
    """Several places as one, each by its share; the first is the one in the middle.

    Places without data do not count: a beach is not half as rich as its hinterland.
    A taxon keeps the status of the place where it is firmest. ``source`` is that
    of the slowest tier that had to answer.
    """
    if len(entries) == 1:
        return entries[0][0]
    known = [(entry, share) for entry, share in entries if entry.taxa]
    total = sum(share for _, share in known)
    presences: defaultdict[str, float] = defaultdict(float)
    firmest: dict[str, TaxonFeature] = {}
    for entry, share in known:
        for taxon_id, feature in entry.taxa.items():
            presences[taxon_id] += feature.presence * share / total
            if taxon_id not in firmest or firmest[taxon_id].presence < feature.presence:
                firmest[taxon_id] = feature
    first = known[0][0] if known else entries[0][0]
    return first._replace(
        source=max((entry.source for entry, _ in entries), key=SLOWEST_LAST.index),
        taxa={
            taxon_id: feature._replace(presence=presences[taxon_id])
            for taxon_id, feature in firmest.items()
        },
    )

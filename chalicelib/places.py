"""What the database knows about a place, whatever state the database is in."""

from dataclasses import dataclass

from chalicelib import cells, fusion
from chalicelib.domain import Coordinates, Geo, GeoStatus, Model, Occurrence
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import FeatureRepository


@dataclass(frozen=True, slots=True)
class Places:
    """Looks places up. ``enabled`` is the operator's switch for all callers.

    ``weight_floor`` (0 to 1) is the least that a place can leave of a score.
    """

    repository: FeatureRepository
    weight_floor: float
    enabled: bool = True

    def geo(self, coordinates: Coordinates | None, month: int) -> Geo:
        """The features of a point, or why there are none. Never raises."""
        if not self.enabled or coordinates is None:
            return Geo(GeoStatus.DISABLED)
        try:
            dataset = self.repository.dataset()
            features = self.repository.features(cells.chain(coordinates), month)
        except FeaturesUnavailable:
            return Geo(GeoStatus.DEGRADED)
        status = GeoStatus.APPLIED if features.taxa else GeoStatus.NO_DATA
        return Geo(status, features, dataset)

    def expected_taxa(self, geo: Geo) -> int:
        """How many taxa of the dataset are expected at the place."""
        taxa = geo.features.taxa.values() if geo.features else ()
        return sum(map(fusion.is_expected, taxa))

    def species(self, geo: Geo, model: Model) -> tuple[Occurrence, ...]:
        """The animals of the place that the model can tell, ranked."""
        return fusion.animals_of(geo, model, self.weight_floor)

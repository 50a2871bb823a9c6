"""A feature store whose animals have other identifiers in the service than in the file.

An animal that a specialist shares with the general model has the general model's ``taxonID``. The
specialist's own file knows it by the specialist's.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from msgspec.structs import replace

from chalicelib.domain import Dataset, PlaceFeatures, TaxonPresences
from chalicelib.ports import Chain, FeatureRepository


class RenamedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` that renames the taxa of another one.

    ``identifiers`` returns the service's identifiers by those of the file, where they differ. It is
    asked at the first lookup, since the models are described only then.
    """

    def __init__(
        self, repository: FeatureRepository, identifiers: Callable[[], Mapping[str, str]]
    ) -> None:
        self._repository = repository
        self._find_identifiers = identifiers
        self._renamed: tuple[Dataset, Dataset] | None = None

    @cached_property
    def _identifiers(self) -> Mapping[str, str]:
        return self._find_identifiers()

    def dataset(self) -> Dataset:
        """Return the dataset in force. Raises ``FeaturesUnavailable``."""
        dataset = self._repository.dataset()
        if self._renamed is None or self._renamed[0] is not dataset:
            taxa = frozenset(self._identifiers.get(taxon_id, taxon_id) for taxon_id in dataset.taxa)
            self._renamed = dataset, replace(dataset, taxa=taxa)
        return self._renamed[1]

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return the features of several places. Raises ``FeaturesUnavailable``."""
        return [
            replace(
                entry,
                taxa={
                    self._identifiers.get(taxon_id, taxon_id): feature
                    for taxon_id, feature in entry.taxa.items()
                },
            )
            for entry in self._repository.features(chains, month)
        ]

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the presence of one taxon in many cells. Raises ``FeaturesUnavailable``."""
        own = {joined: own for own, joined in self._identifiers.items()}
        return self._repository.presences(own.get(taxon_id, taxon_id), cells, month)

    def open_breakers(self) -> tuple[str, ...]:
        """Return those of the file: none."""
        return self._repository.open_breakers()

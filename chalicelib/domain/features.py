"""The features of a place: which animals live there and how often they are seen."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Self

from msgspec import Meta, Struct, structs

from chalicelib.domain.model import Geography, Taxon

UnitInterval = Annotated[float, Meta(ge=0, le=1)]
"""A number from 0 to 1. The cache's decoder checks it; NaN and infinity are outside, too."""


class Status(StrEnum):
    """The status of a taxon in a region, from native to extirpated.

    ``recorded`` means that occurrences report it; they do not say whether it is native.
    """

    NATIVE = "native"
    INTRODUCED = "introduced"
    MARGINAL = "marginal"
    EXTIRPATED = "extirpated"
    RECORDED = "recorded"


PRESENCE_BY_STATUS: Final[Mapping[Status, float]] = MappingProxyType(
    {
        Status.NATIVE: 1.0,
        Status.INTRODUCED: 0.5,
        Status.MARGINAL: 0.15,
        Status.EXTIRPATED: 0.01,
    }
)
"""The presence that each status of a range stands for."""


class TaxonFeature(Struct, frozen=True, array_like=True):
    """One taxon at one place.

    ``presence`` says how firmly it is expected there; ``prevalence`` is the mean of that over
    all cells of the dataset. Their ratio is what the place adds to the picture. The shared
    cache stores it as an array.
    """

    status: Status
    presence: UnitInterval
    prevalence: UnitInterval


class FeatureSource(StrEnum):
    """The tier that answered."""

    MEMORY = "memory"
    CACHE = "cache"
    STALE = "stale"
    DATABASE = "database"
    EMBEDDED = "embedded"


class PlaceFeatures(Struct, frozen=True):
    """The animals of a place, as the database holds them for one chain of cells.

    ``cell`` is the finest cell of the chain that has data, or ``None``;
    ``effort`` counts the observers behind the entry, 0 if it rests on range facts;
    ``month`` is ``WHOLE_YEAR`` if the dataset knows no seasons;
    ``silent`` are the parts of a joined dataset (0 is the main one) that have no data here.
    """

    dataset: str
    source: FeatureSource
    cell: str | None
    month: int
    effort: int
    taxa: Mapping[str, TaxonFeature]
    silent: frozenset[int] = frozenset()

    def from_source(self, source: FeatureSource) -> Self:
        """Return the same features, as another tier answers them."""
        return type(self)(
            self.dataset, source, self.cell, self.month, self.effort, self.taxa, self.silent
        )


class TaxonPresences(Struct, frozen=True):
    """The presence of one taxon by cell, where it has one, by one version of the dataset."""

    dataset: str
    cells: Mapping[str, float]


EXPECTED_IN_RANGE: Final = 0.05
"""The presence from which an animal counts as expected, in a dataset of ranges."""


class Dataset(Struct, frozen=True):
    """The source of features, and the taxa that it covers.

    ``expected_presence`` is the presence from which an animal counts as expected at a place. In a
    dataset of ranges, presence says where an animal lives; in a dataset of occurrences, which
    share of all observers has seen it.
    ``others`` are the datasets that specialists bring: each says more of its own taxa, which are
    among ``taxa``, too. ``main`` are then the taxa without theirs.
    """

    version: str
    title: str
    licence: str
    citation: str
    taxa: frozenset[str]
    expected_presence: float = EXPECTED_IN_RANGE
    others: "tuple[Dataset, ...]" = ()
    main: frozenset[str] = frozenset()

    def without(self, silent: frozenset[int]) -> "Dataset":
        """Return a joined dataset without the parts that say nothing about a place."""
        if not silent or not self.others:
            return self
        others = tuple(
            other for part, other in enumerate(self.others, start=1) if part not in silent
        )
        taxa = frozenset() if 0 in silent else self.main
        return structs.replace(
            self, taxa=taxa.union(*(other.taxa for other in others)), others=others
        )

    def covers(self, taxon: Taxon) -> bool:
        """Return whether a place can speak for or against the taxon.

        It cannot for domestic, cosmopolitan and extinct animals, nor for a taxon outside
        ``taxa``: that a place does not list such an animal says nothing.
        """
        return taxon.geography is Geography.RANGE and taxon.taxon_id in self.taxa

    def expects(self, taxon_id: str, feature: TaxonFeature) -> bool:
        """Return whether a taxon with this feature is one of the animals of the place.

        Predictions, species lists and ranges share this threshold.
        """
        return feature.presence >= self.threshold(taxon_id)

    def threshold(self, taxon_id: str) -> float:
        """Return the presence from which a taxon counts as expected, by its own dataset."""
        if self.others:
            for other in self.others:
                if taxon_id in other.taxa:
                    return other.expected_presence
        return self.expected_presence


class GeoStatus(StrEnum):
    """The outcome of looking a place up. Every answer has it: no fallback is silent."""

    APPLIED = "applied"
    NO_DATA = "noData"
    DEGRADED = "degraded"
    DISABLED = "disabled"


class PlaceLookup(Struct, frozen=True):
    """The result of looking a place up: the outcome, and the features if there are any."""

    status: GeoStatus
    features: PlaceFeatures | None = None
    dataset: Dataset | None = None


class SpeciesRange(Struct, frozen=True):
    """The cells of the world where a taxon is expected, with its presence in each.

    The cells have the coarsest resolution. There are none unless ``status`` is ``applied``.
    ``is_provisional``: the fallback gave it, and the database may say something else.
    """

    status: GeoStatus
    dataset: Dataset | None = None
    presences: Mapping[str, float] = MappingProxyType({})
    is_provisional: bool = False

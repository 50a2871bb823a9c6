"""Several feature stores as one: that of the general model, and those of specialists.

A specialist's directory may bring the places of its own animals. They stay in its file, so that
nobody builds a store anew to add a model.
"""

from collections.abc import Sequence
from contextlib import suppress
from operator import is_

from msgspec import structs

from chalicelib.domain import Dataset, PlaceFeatures, TaxonPresences
from chalicelib.errors import FeaturesUnavailable
from chalicelib.ports import Chain, FeatureRepository


class JoinedFeatures:
    """A :class:`~chalicelib.ports.FeatureRepository` over a main one and others.

    Where another one covers a taxon, what it says holds, unless it has no data about the place.
    One that is out of reach costs what it knows, not the answer; without the main one there is
    none.
    """

    def __init__(self, main: FeatureRepository, others: Sequence[FeatureRepository]) -> None:
        self._main = main
        self._others = tuple(others)
        self._joined: tuple[tuple[Dataset, ...], Dataset] | None = None

    def dataset(self) -> Dataset:
        """Return the datasets in force as one. Raises ``FeaturesUnavailable``."""
        return self._join((self._main.dataset(), *(dataset for _, dataset in self._reachable())))

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return what all of them know of several places. Raises ``FeaturesUnavailable``."""
        joined = [
            entry if entry.taxa else structs.replace(entry, silent=frozenset({0}))
            for entry in self._main.features(chains, month)
        ]
        for part, (repository, dataset) in enumerate(self._reachable(), start=1):
            with suppress(FeaturesUnavailable):
                entries = repository.features(chains, month)
                joined = [
                    _add(one, other, dataset, part)
                    for one, other in zip(joined, entries, strict=True)
                ]
        return joined

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the presences of a taxon, by the one that knows it best.

        Raises ``FeaturesUnavailable``.
        """
        version = self.dataset().version
        for repository, dataset in self._reachable():
            if taxon_id in dataset.taxa:
                found = repository.presences(taxon_id, cells, month)
                return TaxonPresences(version, found.cells)
        main = self._main.dataset().version
        found = self._main.presences(taxon_id, cells, month)
        # If another dataset is being activated, the caller sees it by the version.
        return TaxonPresences(version if found.dataset == main else found.dataset, found.cells)

    def faults(self) -> list[str]:
        """Return why others are out of reach."""
        faults = []
        for repository in self._others:
            try:
                repository.dataset()
            except FeaturesUnavailable as error:
                faults.append(str(error))
        return faults

    def open_breakers(self) -> tuple[str, ...]:
        """Return the main one's: the others are files."""
        return self._main.open_breakers()

    def _reachable(self) -> list[tuple[FeatureRepository, Dataset]]:
        reachable = []
        for repository in self._others:
            with suppress(FeaturesUnavailable):
                reachable.append((repository, repository.dataset()))
        return reachable

    def _join(self, parts: tuple[Dataset, ...]) -> Dataset:
        """Return the parts as one, the same object for the same parts: it is the key of caches."""
        if self._joined is not None and _are_same(self._joined[0], parts):
            return self._joined[1]
        main, *others = parts
        joined = main
        if others:
            joined = Dataset(
                version=_version(main.version, *(other.version for other in others)),
                title="; ".join(dict.fromkeys(part.title for part in parts)),
                licence="; ".join(dict.fromkeys(part.licence for part in parts)),
                citation=" ".join(dict.fromkeys(part.citation for part in parts)),
                taxa=frozenset().union(*(part.taxa for part in parts)),
                expected_presence=main.expected_presence,
                others=tuple(others),
                main=main.taxa,
            )
        self._joined = parts, joined
        return joined


def _are_same(parts: Sequence[Dataset], others: Sequence[Dataset]) -> bool:
    return len(parts) == len(others) and all(map(is_, parts, others))


def _version(*versions: str) -> str:
    return "+".join(versions)


def _add(main: PlaceFeatures, other: PlaceFeatures, dataset: Dataset, part: int) -> PlaceFeatures:
    """Return a place with what another store says of its own taxa; ``part`` is its number."""
    version = _version(main.dataset, other.dataset)
    if not other.taxa:
        return structs.replace(main, dataset=version, silent=main.silent | {part})
    kept = {
        taxon_id: feature for taxon_id, feature in main.taxa.items() if taxon_id not in dataset.taxa
    }
    first = main if main.taxa else other
    return PlaceFeatures(
        dataset=version,
        source=main.source,
        cell=first.cell,
        month=first.month,
        effort=first.effort,
        taxa=kept | dict(other.taxa),
        silent=main.silent,
    )

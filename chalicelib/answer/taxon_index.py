"""Index arrays that sum class scores by taxon in one vectorised step.

They are made once for each model. A loop over 398 taxa for each prediction takes a millisecond,
a third of what the service adds to decoding and the model.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chalicelib.domain import HIGHER_RANKS, Model, Taxon


class NameGroups(NamedTuple):
    """Animals grouped by name: animal ``members[i]`` has the name ``names[codes[i]]``.

    A name comes with its rank. Several animals may share one, as the breeds of dog do.
    """

    names: tuple[tuple[str, str], ...]
    members: NDArray[np.intp]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, named_animals: Iterable[tuple[int, tuple[str, str]]]) -> Self:
        """Group animals, given by their index, by their names."""
        code_by_name: dict[tuple[str, str], int] = {}
        pairs = [
            (member, code_by_name.setdefault(name, len(code_by_name)))
            for member, name in named_animals
        ]
        members, codes = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        return cls(tuple(code_by_name), members, codes)

    def scores_by_name(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return for each name the sum of its members' scores, shape (names,).

        ``scores`` has one score for each animal of the model, shape (animals,).
        """
        sums = np.bincount(self.codes, scores[self.members], len(self.names))
        return sums.astype(np.float64, copy=False)  # bincount's types do not say so


class TaxonIndex:
    """The outputs of a model that stand for animals, in the model's order.

    ``taxa[i]`` is the taxon of output ``outputs[i]``. ``names`` groups the animals by their own
    names, ``higher_ranks`` by their names of each rank of ``HIGHER_RANKS``. A higher taxon with
    one name in the model is not among these: it would be no surer than that name. Neither is one
    that holds every animal of the model: a model of birds would be sure of the birds in any photo.
    ``indices_by_taxon_id`` holds the indices of the animals with a ``taxonID``.
    """

    def __init__(self, taxa: Sequence[Taxon | None]) -> None:
        self.outputs = np.array(
            [output for output, taxon in enumerate(taxa) if taxon], dtype=np.intp
        )
        self.taxa = tuple(taxon for taxon in taxa if taxon)
        self.names = NameGroups.of(
            (index, (taxon.scientific_name, taxon.taxon_rank))
            for index, taxon in enumerate(self.taxa)
        )
        by_name = {taxon.scientific_name: taxon for taxon in self.taxa}
        shared = Counter(
            (rank, higher) for taxon in by_name.values() for rank, higher in taxon.higher.items()
        )
        says_something = {taxon for taxon, names in shared.items() if 1 < names < len(by_name)}
        self.higher_ranks = tuple(
            NameGroups.of(
                (index, (taxon.higher[rank], rank))
                for index, taxon in enumerate(self.taxa)
                if (rank, taxon.higher.get(rank)) in says_something
            )
            for rank in HIGHER_RANKS
        )
        self._masks: dict[tuple[str, str, str], NDArray[np.bool_]] = {}
        self.indices_by_taxon_id: dict[str, list[int]] = {}
        for index, taxon in enumerate(self.taxa):
            self.indices_by_taxon_id.setdefault(taxon.taxon_id, []).append(index)

    def holds_all(self, rank: str, name: str) -> bool:
        """Return whether every animal of the model belongs to a higher taxon."""
        return bool(self.is_inside(rank, name).all())

    def is_called(self, rank: str, name: str) -> NDArray[np.bool_]:
        """Return which animals have that name, shape (animals,); breeds share one."""
        return self._mask(
            ("called", rank, name),
            lambda taxon: (taxon.taxon_rank, taxon.scientific_name) == (rank, name),
        )

    def is_inside(self, rank: str, name: str) -> NDArray[np.bool_]:
        """Return which animals belong to a higher taxon, shape (animals,)."""
        return self._mask(("inside", rank, name), lambda taxon: taxon.higher.get(rank) == name)

    def _mask(self, key: tuple[str, str, str], holds: Callable[[Taxon], bool]) -> NDArray[np.bool_]:
        """Return which animals meet a condition. There are as many masks as names."""
        if key not in self._masks:
            self._masks[key] = np.array([holds(taxon) for taxon in self.taxa], np.bool_)
        return self._masks[key]


@lru_cache(maxsize=4)
def taxon_index(model: Model) -> TaxonIndex:
    """Return the index of a model; the first call makes it, which takes a millisecond."""
    return TaxonIndex(model.taxa)

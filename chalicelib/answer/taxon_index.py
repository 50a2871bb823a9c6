"""A model's animals, arranged so that their scores are added up by name all at once.

Done once for each model. Walking 398 taxa for each prediction takes a millisecond, a third of
all that the service adds to decoding and the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from chalicelib.domain import Taxon

HIGHER_RANKS: Final = ("genus", "family", "order", "class")
"""Finest first. Above the class there is little that a visitor could use."""


class Group(NamedTuple):
    """Some animals and their names: animal ``members[i]`` has the name ``names[codes[i]]``.

    A name comes with its rank. Several animals may share one.
    """

    names: tuple[tuple[str, str], ...]
    members: NDArray[np.intp]
    codes: NDArray[np.intp]

    @classmethod
    def of(cls, named: Iterable[tuple[int, tuple[str, str]]]) -> Group:
        """Gather animals, by their numbers, under their names."""
        known: dict[tuple[str, str], int] = {}
        pairs = [(member, known.setdefault(name, len(known))) for member, name in named]
        members, codes = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        return cls(tuple(known), members, codes)

    def sums(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """For each name the scores of its members, added up; ``scores`` are of all animals."""
        sums = np.bincount(self.codes, scores[self.members], len(self.names))
        return sums.astype(np.float64, copy=False)  # which its types do not tell


class Animals:
    """Those of a model's outputs that stand for an animal, in the model's order.

    ``taxa[i]`` is what output ``outputs[i]`` stands for. ``names`` has all of them under
    their own names; ``higher`` under those of each rank of :data:`HIGHER_RANKS`, as far as they
    have one. ``with_taxon_id`` tells which of them have a ``taxonID``.
    """

    def __init__(self, taxa: Sequence[Taxon | None]) -> None:
        self.outputs = np.array([at for at, taxon in enumerate(taxa) if taxon], dtype=np.intp)
        self.taxa = tuple(taxon for taxon in taxa if taxon)
        self.names = Group.of(
            (at, (taxon.scientific_name, taxon.taxon_rank)) for at, taxon in enumerate(self.taxa)
        )
        self.higher = tuple(
            Group.of(
                (at, (taxon.higher[rank], rank))
                for at, taxon in enumerate(self.taxa)
                if rank in taxon.higher
            )
            for rank in HIGHER_RANKS
        )
        self.with_taxon_id: dict[str, list[int]] = {}
        for at, taxon in enumerate(self.taxa):
            self.with_taxon_id.setdefault(taxon.taxon_id, []).append(at)

"""How much to believe a small place, and how much its surroundings.

Few looks at a cell say little about it; the wider cells around it say more. Each level
is therefore drawn towards the one above it, the more the less it rests on.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

RANGE_PRIOR_STRENGTH: Final = 0.5
"""Looks that the wider cell's word is worth where looks are sampled points of a range.

Such a point is no chance find: a single one nearly settles it. Each dataset has its own.
"""

Key = TypeVar("Key")


class CellCounts(NamedTuple, Generic[Key]):
    """One cell of a chain: how often it was looked at, and how often each taxon was there.

    What a look is, the dataset says: an observer, or a sampled point of a range.
    """

    effort: float
    counts: Mapping[Key, float]


def smooth(levels: Sequence[CellCounts[Key]], prior_strength: float) -> dict[Key, float]:
    """Presence (0 to 1) of each taxon in the finest of ``levels``, which come finest first.

    ``p = (n + k * parent) / (N + k)`` from the widest level down, where ``k`` is
    ``prior_strength``, what the parent's word is worth: additive smoothing towards a prior
    mean (Jelinek and Mercer 1980, as in language models that back off).
    """
    presences: dict[Key, float] = {}
    for level in reversed(levels):
        if level.effort:
            total = level.effort + prior_strength if presences else level.effort
            presences = {
                taxon: (level.counts.get(taxon, 0) + prior_strength * presences.get(taxon, 0))
                / total
                for taxon in presences.keys() | level.counts.keys()
            }
    return presences

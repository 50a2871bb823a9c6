"""Additive smoothing: how much to believe a small cell, and how much its wider cells.

A few observations in a cell say little about it; the wider cells around it say more. Each cell
is therefore drawn towards the next wider one, the more strongly the fewer observations it has.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

RANGE_PRIOR_STRENGTH: Final = 0.25
"""Weight of the wider cell, in observations, for datasets made from range polygons.

Such an observation is a sampled point of a range and not a chance find, so a single one nearly
settles the question. A cell with all its points speaks for itself: an animal that lives only
beside it stays below the presence at which it is expected. Each dataset has its own strength.
"""

Key = TypeVar("Key")


class CellCounts(NamedTuple, Generic[Key]):
    """The sampling effort in one cell of a chain, and the observations of each taxon there.

    The dataset says what an observation is: a distinct observer, or a sampled point of a range.
    """

    effort: float
    counts: Mapping[Key, float]


def smooth(levels: Sequence[CellCounts[Key]], prior_strength: float) -> dict[Key, float]:
    """Return the presence (0 to 1) of each taxon in the finest of ``levels``.

    ``levels`` come finest first. From the widest level down,
    ``p = (n + k * parent) / (N + k)``, where ``n`` counts the observations of the taxon, ``N``
    is the sampling effort and ``k`` is ``prior_strength``, the weight of the parent: additive
    smoothing towards a prior mean (Jelinek and Mercer 1980, as in language models that back off).
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

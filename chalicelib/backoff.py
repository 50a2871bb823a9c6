"""How much to believe a small place, and how much its surroundings.

Few looks at a cell say little about it; the wider cells around it say more. Each level
is therefore drawn towards the one above it, the more the less it rests on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

STRENGTH: Final = 0.5
"""Looks that the parent's word is worth (``k`` below)."""


@dataclass(frozen=True, slots=True)
class Level:
    """One cell of a chain: how often it was looked at, and how often each taxon was there.

    What a look is, the dataset says: an observer, or a sampled point of a range.
    """

    effort: float
    counts: Mapping[str, float]


def back_off(levels: Sequence[Level], strength: float = STRENGTH) -> dict[str, float]:
    """Presence (0 to 1) of each taxon in the finest of ``levels``, which come finest first.

    ``p = (n + k * parent) / (N + k)`` from the widest level down: additive smoothing
    towards a prior mean (Jelinek and Mercer 1980, as in language models that back off).
    """
    presences: dict[str, float] = {}
    for level in reversed(levels):
        if level.effort:
            total = level.effort + strength if presences else level.effort
            presences = {
                taxon_id: (level.counts.get(taxon_id, 0) + strength * presences.get(taxon_id, 0))
                / total
                for taxon_id in presences.keys() | level.counts.keys()
            }
    return presences

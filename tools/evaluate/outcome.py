"""The outcome of one labelled photo: how the answers compare with the truth."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.domain import Coordinates, Taxon
from tools.evaluate.decisions import Decided


@dataclass(frozen=True, slots=True)
class Judgement:
    """The quality of one ranking: the rank of the truth (0 is first) and the first score."""

    rank: int
    score: float
    brier: float

    @property
    def is_right(self) -> bool:
        """Whether the truth came first."""
        return self.rank == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a row.

    ``level`` is the decision: a taxon rank, or the reason why there is no name. ``steps`` counts
    the ranks from the truth's own up to the decision's. ``together`` is ``None`` for a photo
    without a place.
    """

    row: Mapping[str, str]
    truth: Taxon
    alone: Judgement
    together: Judgement | None
    level: str
    steps: int | None
    is_decision_right: bool
    coordinates: Coordinates | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A row with its answer. ``outcome`` is ``None`` if the model has no class for the animal."""

    decided: Decided
    outcome: Outcome | None

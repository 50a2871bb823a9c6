"""What comes of look and place together: every animal of the model, best first."""

from collections.abc import Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.taxon_index import Animals
from chalicelib.domain import Candidate


class Opinions(NamedTuple):
    """What a place makes of each animal, in the model's order.

    ``weights`` multiply what the picture says. ``is_expected`` counts only where the place
    ``has_opinion``; where it has none, the weight is 1.
    """

    weights: NDArray[np.float64]
    has_opinion: NDArray[np.bool_]
    is_expected: NDArray[np.bool_]


class Ranking(Sequence[Candidate]):
    """The candidates, best first. Each is made when somebody looks at it.

    ``scores`` and ``vision_scores`` are of all ``animals``, in the model's order; of two equal
    ones the first of that order comes first.
    """

    def __init__(
        self,
        animals: Animals,
        scores: NDArray[np.float64],
        vision_scores: NDArray[np.float64],
        opinions: Opinions,
    ) -> None:
        self.animals = animals
        self.scores = scores
        self.vision_scores = vision_scores
        self.opinions = opinions
        self._order = np.argsort(-scores, kind="stable")

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | list[Candidate]:
        if isinstance(index, slice):
            return [self._candidate(at) for at in self._order[index].tolist()]
        return self._candidate(int(self._order[index]))

    def first_by_look(self) -> Candidate:
        """The one that the picture alone would put first; of equal ones the better by both."""
        return self[int(self.vision_scores[self._order].argmax())]

    def _candidate(self, at: int) -> Candidate:
        weights, has_opinion, is_expected = self.opinions
        return Candidate(
            taxon=self.animals.taxa[at],
            score=float(self.scores[at]),
            vision_score=float(self.vision_scores[at]),
            geo_weight=float(weights[at]),
            expected_here=bool(is_expected[at]) if has_opinion[at] else None,
        )

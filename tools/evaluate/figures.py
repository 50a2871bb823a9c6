"""The figures of an evaluation: accuracy, calibration, gain by the place, decisions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chalicelib.domain import HIGHER_RANKS, DecisionKind, Geography
from tools.build.regions import Regions
from tools.evaluate.metrics import Interval, bootstrap, expected_calibration_error
from tools.evaluate.outcome import Judgement, Outcome

SEED: Final = 20261124


class Figures:
    """Computes figures of outcomes, each with a bootstrap interval."""

    def __init__(self, outcomes: Sequence[Outcome], cluster: str | None) -> None:
        self._outcomes = outcomes
        self._clusters = [
            number if cluster is None else outcome.row.get(cluster)
            for number, outcome in enumerate(outcomes)
        ]
        self._generator = np.random.default_rng(SEED)

    def of(self, figure: Callable[[NDArray[np.intp]], float]) -> Interval:
        """Return a figure; ``figure`` gets the numbers of the outcomes to use."""
        return bootstrap(figure, self._clusters, self._generator)

    def mean(self, values: Iterable[float]) -> Interval:
        """Return the mean of one value for each outcome."""
        array = np.array(list(values), dtype=np.float64)
        return self.of(lambda rows: float(array[rows].mean()))

    def ratio(self, part: Iterable[bool], whole: Iterable[bool]) -> Interval:
        """Return the share of the outcomes in ``whole`` that are also in ``part``."""
        inside = np.array(list(whole), dtype=np.float64)
        both = np.array(list(part), dtype=np.float64) * inside
        return self.of(
            lambda rows: (
                float(both[rows].sum() / inside[rows].sum()) if inside[rows].any() else float("nan")
            )
        )

    def accuracy(self, judgements: Sequence[Judgement]) -> dict[str, Interval]:
        """Return how often the truth comes first, and how well scores are calibrated."""
        scores = np.array([judgement.score for judgement in judgements])
        right = np.array([judgement.is_right for judgement in judgements])
        return {
            "top1": self.mean(judgement.rank < 1 for judgement in judgements),
            "top5": self.mean(judgement.rank < 5 for judgement in judgements),
            "meanReciprocalRank": self.mean(1 / (judgement.rank + 1) for judgement in judgements),
            "expectedCalibrationError": self.of(
                lambda rows: expected_calibration_error(scores[rows], right[rows])
            ),
            "brierScore": self.mean(judgement.brier for judgement in judgements),
        }

    def decisions(self) -> dict[str, dict[str, Interval]]:
        """Return coverage and precision of each level of the decision."""
        levels = [outcome.level for outcome in self._outcomes]
        right = [outcome.is_decision_right for outcome in self._outcomes]
        named = [
            level not in (DecisionKind.UNKNOWN, DecisionKind.NOT_AN_ANIMAL) for level in levels
        ]
        near = [outcome.steps is not None and outcome.steps <= 1 for outcome in self._outcomes]
        table: dict[str, dict[str, Interval]] = {
            level: {
                "coverage": self.mean(reached == level for reached in levels),
                "precision": self.ratio(right, [reached == level for reached in levels]),
            }
            for level in (DecisionKind.SPECIES, *HIGHER_RANKS)
            if level in levels
        }
        table["named at any level"] = {
            "coverage": self.mean(named),
            "precision": self.ratio(right, named),
        }
        table["species or one rank above"] = {
            "coverage": self.mean(near),
            "precision": self.ratio(right, near),
        }
        for level in (DecisionKind.UNKNOWN, DecisionKind.NOT_AN_ANIMAL):
            table[level] = {"coverage": self.mean(reached == level for reached in levels)}
        return table


def summarise(outcomes: Sequence[Outcome], cluster: str | None) -> dict[str, Any]:
    """Return all figures, as they go into the JSON file."""
    placed = [outcome for outcome in outcomes if outcome.together is not None]
    ranged = [outcome for outcome in placed if outcome.truth.geography is Geography.RANGE]
    groups = {"all": list(outcomes), "placed": placed, "placed, with a range": ranged}
    result: dict[str, Any] = {"photos": len(outcomes), "accuracy": {}, "place": {}}
    for name, members in groups.items():
        if not members:
            continue
        figures = Figures(members, cluster)
        alone = [member.alone for member in members]
        together = [member.together for member in members if member.together is not None]
        result["accuracy"][name] = {"photos": len(members), "alone": figures.accuracy(alone)}
        if len(together) == len(members):
            result["accuracy"][name]["together"] = figures.accuracy(together)
            gains = list(zip(alone, together, strict=True))
            result["place"][name] = {
                "gain": figures.mean(after.is_right - before.is_right for before, after in gains),
                "turnedRight": sum(after.is_right > before.is_right for before, after in gains),
                "turnedWrong": sum(after.is_right < before.is_right for before, after in gains),
            }
    result["decisions"] = Figures(outcomes, cluster).decisions()
    return result


def by_group(outcomes: Iterable[Outcome], key: Callable[[Outcome], str | None]) -> dict[str, Any]:
    """Return photos, and top-1 without and with the place, for each group."""
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.together is not None and (name := key(outcome)) is not None:
            groups[name].append(outcome)
    return {
        name: {
            "photos": len(members),
            "alone": float(np.mean([member.alone.is_right for member in members])),
            "together": float(
                np.mean([bool(member.together and member.together.is_right) for member in members])
            ),
        }
        for name, members in sorted(groups.items())
    }


def by_continent(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return :func:`by_group` by the continent of the photo's place."""
    placed = [outcome for outcome in outcomes if outcome.coordinates is not None]
    points = [outcome.coordinates for outcome in placed if outcome.coordinates is not None]
    names = Regions.read().continents(
        [point.latitude for point in points], [point.longitude for point in points]
    )
    continents = {id(outcome): name for outcome, name in zip(placed, names, strict=True)}
    return by_group(placed, lambda outcome: continents[id(outcome)])


def named_intervals(value: Any) -> Any:
    """Return the value with each interval as a JSON object."""
    if isinstance(value, Interval):
        return {
            name: None if np.isnan(number) else number for name, number in value._asdict().items()
        }
    if isinstance(value, dict):
        return {name: named_intervals(member) for name, member in value.items()}
    return value

"""Draw the diagrams of ``make evaluate`` and ``make bench-spike``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import matplotlib as mpl
import numpy as np

from tools.evaluate.metrics import calibration_bins
from tools.evaluate.outcome import Outcome

mpl.use("agg")
from matplotlib import pyplot as plt

DOTS_PER_INCH = 120


class QueryCount(Protocol):
    """The queries that a database server has answered after some seconds."""

    @property
    def seconds(self) -> float:
        """Seconds since the first reading."""

    @property
    def queries(self) -> int:
        """Queries since the first reading."""


def reliability_diagram(outcomes: Sequence[Outcome], target: Path) -> None:
    """Draw how often answers of each score are right; on the diagonal, scores are probabilities.

    The area of a dot is its number of photos (DeGroot and Fienberg 1983).
    """
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    rankings = {
        "picture alone": [outcome.alone for outcome in outcomes],
        "picture and place": [
            outcome.together for outcome in outcomes if outcome.together is not None
        ],
    }
    for name, judgements in rankings.items():
        if judgements:
            bins = calibration_bins(
                np.array([judgement.score for judgement in judgements]),
                np.array([judgement.is_right for judgement in judgements]),
            )
            scores, shares, counts = zip(*bins, strict=True)
            axes.plot(scores, shares, alpha=0.5)
            axes.scatter(
                scores, shares, s=[400 * count / max(counts) for count in counts], label=name
            )
    axes.set(
        xlabel="score of the first answer", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1)
    )
    axes.legend(loc="upper left")
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)


def accuracy_by_region(groups: Mapping[str, Mapping[str, Any]], target: Path) -> None:
    """Draw top-1 by continent, without and with the place."""
    names = list(groups)
    places = np.arange(len(names))
    figure, axes = plt.subplots(figsize=(7, 4))
    for offset, ranking, label in (
        (-0.2, "alone", "picture alone"),
        (0.2, "together", "picture and place"),
    ):
        axes.bar(places + offset, [groups[name][ranking] for name in names], width=0.4, label=label)
    axes.set_xticks(places, [f"{name}\n{groups[name]['photos']}" for name in names])
    axes.set(ylabel="top-1", ylim=(0, 1))
    axes.legend()
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)


def database_load(runs: Mapping[str, Sequence[QueryCount]], target: Path) -> None:
    """Draw how many queries the database got in each second of each run."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for name, readings in runs.items():
        seconds = np.array([reading.seconds for reading in readings])
        queries = np.array([reading.queries for reading in readings])
        whole = np.arange(np.floor(seconds[-1]) + 1)
        axes.step(whole[1:], np.diff(np.interp(whole, seconds, queries)), where="pre", label=name)
    axes.set(xlabel="seconds", ylabel="database queries a second", ylim=(-5, None))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)

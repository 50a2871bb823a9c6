"""The pictures of ``make evaluate`` and ``make bench-spike``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from tools.evaluate.metrics import calibration_bins

mpl.use("agg")
from matplotlib import pyplot as plt

if TYPE_CHECKING:
    from bench.watch import Reading
    from tools.evaluate.__main__ import Outcome

DOTS_PER_INCH = 120


def reliability_diagram(outcomes: Sequence["Outcome"], target: Path) -> None:
    """How often answers of a score are right: on the diagonal, scores are probabilities.

    The area of a dot is its number of photos (DeGroot and Fienberg 1983).
    """
    figure, axes = plt.subplots(figsize=(5, 5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    kinds = {
        "picture alone": [one.alone for one in outcomes],
        "picture and place": [one.together for one in outcomes if one.together is not None],
    }
    for name, judged in kinds.items():
        if judged:
            bins = calibration_bins(
                np.array([one.score for one in judged]), np.array([one.right for one in judged])
            )
            scores, shares, counts = zip(*bins, strict=True)
            axes.plot(scores, shares, alpha=0.5)
            axes.scatter(scores, shares, s=[400 * one / max(counts) for one in counts], label=name)
    axes.set(
        xlabel="score of the first answer", ylabel="share that is right", xlim=(0, 1), ylim=(0, 1)
    )
    axes.legend(loc="upper left")
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)


def accuracy_by_region(groups: Mapping[str, Mapping[str, Any]], target: Path) -> None:
    """Top-1 by continent, without and with the place."""
    names = list(groups)
    places = np.arange(len(names))
    figure, axes = plt.subplots(figsize=(7, 4))
    for offset, kind, label in (
        (-0.2, "alone", "picture alone"),
        (0.2, "together", "picture and place"),
    ):
        axes.bar(places + offset, [groups[name][kind] for name in names], width=0.4, label=label)
    axes.set_xticks(places, [f"{name}\n{groups[name]['photos']}" for name in names])
    axes.set(ylabel="top-1", ylim=(0, 1))
    axes.legend()
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)


def database_load(runs: Mapping[str, Sequence["Reading"]], target: Path) -> None:
    """Queries that the database got in each second of each run."""
    figure, axes = plt.subplots(figsize=(8, 4))
    for name, readings in runs.items():
        seconds = np.array([reading.at for reading in readings])
        queries = np.array([reading.queries for reading in readings])
        whole = np.arange(np.floor(seconds[-1]) + 1)
        axes.step(whole[1:], np.diff(np.interp(whole, seconds, queries)), where="pre", label=name)
    axes.set(xlabel="seconds", ylabel="database queries a second", ylim=(-5, None))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(target, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close(figure)

"""Print the figures of an evaluation as tables."""

from collections.abc import Mapping
from typing import Any

from tools.evaluate.metrics import Interval


def percent(figure: Interval) -> str:
    """Return a figure with its interval: ``41.2% (38.0 to 44.1)``."""
    return f"{figure.value:6.1%} ({figure.low * 100:.1f} to {figure.high * 100:.1f})"


def print_report(report: Mapping[str, Any]) -> None:
    """Print the figures as tables."""
    names = ("top1", "top5", "meanReciprocalRank", "expectedCalibrationError", "brierScore")
    titles = ("top-1", "top-5", "mean reciprocal rank", "calibration error", "Brier score")
    for group, figures in report["accuracy"].items():
        print(f"\n{group}: {figures['photos']} photos")
        rankings = [name for name in ("alone", "together") if name in figures]
        heads = {"alone": "picture alone", "together": "picture and place"}
        print(f"  {'measure':24}" + "".join(f"{heads[ranking]:26}" for ranking in rankings))
        for name, title in zip(names, titles, strict=True):
            cells = "".join(f"{percent(figures[ranking][name]):26}" for ranking in rankings)
            print(f"  {title:24}{cells}".rstrip())
        if group in report["place"]:
            place = report["place"][group]
            print(
                f"  the place adds {percent(place['gain']).strip()} to top-1: it turned "
                f"{place['turnedRight']} wrong answers right and {place['turnedWrong']} "
                f"right ones wrong"
            )
    print(f"\n{'decision':28}{'coverage':26}precision")
    for level, figures in report["decisions"].items():
        precision = percent(figures["precision"]) if "precision" in figures else ""
        print(f"  {level:26}{percent(figures['coverage']):26}{precision}".rstrip())
    for title, groups in report["groups"].items():
        print(f"\n{title:28}photos  top-1 alone  top-1 with place")
        for name, group in groups.items():
            top1 = f"{group['alone']:13.1%}{group['together']:17.1%}"
            print(f"  {name:26}{group['photos']:6}{top1}")


def print_decisions(report: Mapping[str, Any]) -> None:
    """Print how often the decision gives a wrong, a right and the animal's own name."""
    titles = {
        "wrong": "wrong name",
        "right": "right name",
        "own": "own name",
        "precision": "names right",
    }
    heads = "".join(f"{title:26}" for title in titles.values())
    print(f"\n{'names':34}photos  {heads}".rstrip())
    for group, figures in report.items():
        cells = "".join(
            f"{percent(figures[name]) if name in figures else '':26}" for name in titles
        )
        print(f"  {group:32}{figures['photos']:6}  {cells}".rstrip())

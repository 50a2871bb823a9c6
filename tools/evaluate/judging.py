"""How good the answers are, with and without the place, on labelled photos.

``make evaluate LABELS=file.csv`` with the columns ``file`` and ``scientificName`` or
``classIndex``, and as far as they are known ``decimalLatitude``, ``decimalLongitude``,
``coordinateUncertaintyInMeters`` and ``eventDate``; paths are relative to the table. The
real pipeline does the work. Photos without a place count for the picture alone. Rows that
cannot be read are listed and left out. docs/accuracy.md explains the figures.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from chalicelib.bootstrap import Services
from chalicelib.domain import (
    HIGHER_RANKS,
    Candidate,
    Coordinates,
    Decision,
    DecisionKind,
    EventDate,
    Geography,
    GeoStatus,
    Taxon,
)
from chalicelib.errors import LocationRequired, RangefinderError
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tools.build.facts import read_table
from tools.build.regions import Regions
from tools.evaluate.metrics import Interval, bootstrap, brier_score, expected_calibration_error

SEED: Final = 20261124


@dataclass(frozen=True, slots=True)
class Judged:
    """How an answer did: where the truth came (0 is first), and how sure it was."""

    rank: int
    score: float
    brier: float

    @property
    def right(self) -> bool:
        """Whether the truth came first."""
        return self.rank == 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row. ``level`` is the decision: a rank, or that there was none.

    ``steps`` counts the ranks from the truth's own up to the decision's.
    """

    row: Mapping[str, str]
    truth: Taxon
    alone: Judged
    together: Judged | None
    level: str
    steps: int | None
    decided_right: bool
    coordinates: Coordinates | None


class Labels:
    """Finds the classes that a row's label means."""

    def __init__(self, taxa: Sequence[Taxon | None]) -> None:
        self._taxa = taxa
        self._synonyms = {
            row["synonym"]: row["scientificName"] for row in read_table("synonyms.csv")
        }

    def find(self, row: Mapping[str, str]) -> list[Taxon]:
        """By ``classIndex``, else by ``scientificName``: a name may cover several classes.

        Raises ``ValueError`` where it means no animal of the model.
        """
        if row.get("classIndex"):
            number = int(row["classIndex"])
            taxon = self._taxa[number] if 0 <= number < len(self._taxa) else None
            if taxon is None:
                raise ValueError(f"class {number} is no animal of the model")
            return [taxon]
        name = row.get("scientificName") or ""
        name = self._synonyms.get(name, name)
        found = [taxon for taxon in self._taxa if taxon and taxon.scientific_name == name]
        if not found:
            raise ValueError(f"no animal of the model is named {name!r}")
        return found


def judge(
    candidates: Sequence[Candidate],
    truth: Sequence[Taxon],
    score_of: Callable[[Candidate], float],
) -> Judged:
    """Compare scores with the truth; classes that the label does not tell apart are one."""
    accepted = {taxon.taxon_id for taxon in truth}
    inside = [score_of(one) for one in candidates if one.taxon.taxon_id in accepted]
    outside = [score_of(one) for one in candidates if one.taxon.taxon_id not in accepted]
    return Judged(
        rank=sum(score > max(inside) for score in outside),
        score=min(max(*inside, *outside), 1.0),
        brier=brier_score(sum(inside), outside),
    )


def judge_decision(decision: Decision, truth: Taxon) -> tuple[str, int | None, bool]:
    """Its level, how many ranks above the truth's own that is, and whether it is right."""
    if decision.name is None:
        return decision.kind, None, False
    if decision.kind is DecisionKind.SPECIES:
        right = decision.name.scientific_name == truth.scientific_name
        return DecisionKind.SPECIES, 0, right
    rank = decision.name.taxon_rank
    own = [one for one in HIGHER_RANKS if one in truth.higher]
    if truth.taxon_rank in own:
        own = own[own.index(truth.taxon_rank) + 1 :]
    steps = own.index(rank) + 1 if rank in own else None
    return rank, steps, truth.higher.get(rank) == decision.name.scientific_name


def identify(
    row: Mapping[str, str], directory: Path, services: Services, labels: Labels
) -> Outcome:
    """Run the pipeline on a row. Raises what a request would, or ``ValueError``."""
    truth = labels.find(row)
    photo = (directory / row["file"]).read_bytes()
    point = None
    if row.get("decimalLatitude"):
        point = Coordinates(float(row["decimalLatitude"]), float(row["decimalLongitude"]))
    uncertainty = row.get("coordinateUncertaintyInMeters")
    date = row.get("eventDate") or ""
    query = IdentifyRequest(
        photo,
        coordinates=point,
        uncertainty=float(uncertainty) if uncertainty else None,
        event_date=EventDate(date, int(date[5:7]) if len(date) >= len("2026-11") else None)
        if date
        else None,
    )
    try:
        found = services.identify(query)
    except LocationRequired:
        found = services.identify(IdentifyRequest(photo, use_geo=False))
    level, steps, right = judge_decision(found.decision, truth[0])
    return Outcome(
        row=row,
        truth=truth[0],
        # visionScore is what the answer without the place would have for its score.
        alone=judge(found.candidates, truth, lambda one: one.vision_score),
        together=judge(found.candidates, truth, lambda one: one.score)
        if found.geo.status is not GeoStatus.DISABLED
        else None,
        level=level,
        steps=steps,
        decided_right=right,
        coordinates=found.location.coordinates,
    )


def evaluate(labels: Path, services: Services, only: Sequence[str] = ()) -> Iterator[Outcome | str]:
    """An outcome for each row that meets the conditions, or what is wrong with the row."""
    finder = Labels(services.classifier.model.taxa)
    with labels.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    numbered = [
        (number, row)
        for number, row in enumerate(rows, start=2)
        if all(meets(row, condition) for condition in only)
    ]
    for number, row in tqdm(numbered, unit="photo", disable=None):
        try:
            yield identify(row, labels.parent, services, finder)
        except (OSError, ValueError, KeyError, TypeError, RangefinderError) as error:
            yield f"row {number} ({row.get('file')}): {error}"


def meets(row: Mapping[str, str], condition: str) -> bool:
    """Whether a row is as ``column=value`` or ``column!=value`` says."""
    column, _, value = condition.partition("=")
    if column.endswith("!"):
        return row.get(column[:-1]) != value
    return row.get(column) == value


class Figures:
    """The figures of some outcomes, each with a bootstrap interval."""

    def __init__(self, outcomes: Sequence[Outcome], cluster: str | None) -> None:
        self._outcomes = outcomes
        self._clusters = [
            number if cluster is None else one.row.get(cluster)
            for number, one in enumerate(outcomes)
        ]
        self._generator = np.random.default_rng(SEED)

    def of(self, figure: Callable[[NDArray[np.intp]], float]) -> Interval:
        """A figure that is told the numbers of the outcomes to use."""
        return bootstrap(figure, self._clusters, self._generator)

    def mean(self, values: Iterable[float]) -> Interval:
        """The mean of a value of each outcome."""
        array = np.array(list(values), dtype=np.float64)
        return self.of(lambda rows: float(array[rows].mean()))

    def ratio(self, part: Iterable[bool], whole: Iterable[bool]) -> Interval:
        """Of the outcomes that are in ``whole``, the share that are in ``part``."""
        inside = np.array(list(whole), dtype=np.float64)
        both = np.array(list(part), dtype=np.float64) * inside
        return self.of(
            lambda rows: (
                float(both[rows].sum() / inside[rows].sum()) if inside[rows].any() else float("nan")
            )
        )

    def accuracy(self, judged: Sequence[Judged]) -> dict[str, Interval]:
        """How often the truth comes first, and whether scores mean what they say."""
        scores = np.array([one.score for one in judged])
        right = np.array([one.right for one in judged])
        return {
            "top1": self.mean(one.rank < 1 for one in judged),
            "top5": self.mean(one.rank < 5 for one in judged),
            "meanReciprocalRank": self.mean(1 / (one.rank + 1) for one in judged),
            "expectedCalibrationError": self.of(
                lambda rows: expected_calibration_error(scores[rows], right[rows])
            ),
            "brierScore": self.mean(one.brier for one in judged),
        }

    def decisions(self) -> dict[str, dict[str, Interval]]:
        """For each level: how often it is reached, and how often it is right then."""
        levels = [one.level for one in self._outcomes]
        right = [one.decided_right for one in self._outcomes]
        named = [
            level not in (DecisionKind.UNKNOWN, DecisionKind.NOT_AN_ANIMAL) for level in levels
        ]
        near = [one.steps is not None and one.steps <= 1 for one in self._outcomes]
        table: dict[str, dict[str, Interval]] = {
            level: {
                "coverage": self.mean(one == level for one in levels),
                "precision": self.ratio(right, [one == level for one in levels]),
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
            table[level] = {"coverage": self.mean(one == level for one in levels)}
        return table


def report(outcomes: Sequence[Outcome], cluster: str | None) -> dict[str, Any]:
    """All figures, as they go into the JSON file."""
    placed = [one for one in outcomes if one.together is not None]
    ranged = [one for one in placed if one.truth.geography is Geography.RANGE]
    groups = {"all": list(outcomes), "placed": placed, "placed, with a range": ranged}
    result: dict[str, Any] = {"photos": len(outcomes), "accuracy": {}, "place": {}}
    for name, members in groups.items():
        if not members:
            continue
        figures = Figures(members, cluster)
        alone = [one.alone for one in members]
        together = [one.together for one in members if one.together is not None]
        result["accuracy"][name] = {"photos": len(members), "alone": figures.accuracy(alone)}
        if len(together) == len(members):
            result["accuracy"][name]["together"] = figures.accuracy(together)
            gains = list(zip(alone, together, strict=True))
            result["place"][name] = {
                "gain": figures.mean(after.right - before.right for before, after in gains),
                "turnedRight": sum(after.right > before.right for before, after in gains),
                "turnedWrong": sum(after.right < before.right for before, after in gains),
            }
    result["decisions"] = Figures(outcomes, cluster).decisions()
    return result


def by_group(outcomes: Iterable[Outcome], key: Callable[[Outcome], str | None]) -> dict[str, Any]:
    """Photos and top-1 without and with the place, for each group."""
    groups: defaultdict[str, list[Outcome]] = defaultdict(list)
    for one in outcomes:
        if one.together is not None and (name := key(one)) is not None:
            groups[name].append(one)
    return {
        name: {
            "photos": len(members),
            "alone": float(np.mean([one.alone.right for one in members])),
            "together": float(
                np.mean([bool(one.together and one.together.right) for one in members])
            ),
        }
        for name, members in sorted(groups.items())
    }


def continents(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """:func:`by_group` by the continent of the photo's place."""
    placed = [one for one in outcomes if one.coordinates is not None]
    points = [one.coordinates for one in placed if one.coordinates is not None]
    names = Regions.read().continents(
        [point.latitude for point in points], [point.longitude for point in points]
    )
    known = {id(one): name for one, name in zip(placed, names, strict=True)}
    return by_group(placed, lambda one: known[id(one)])


def percent(figure: Interval) -> str:
    """``41.2% (38.0 to 44.1)``."""
    return f"{figure.value:6.1%} ({figure.low * 100:.1f} to {figure.high * 100:.1f})"


def show(result: Mapping[str, Any]) -> None:
    """The figures as tables."""
    names = ("top1", "top5", "meanReciprocalRank", "expectedCalibrationError", "brierScore")
    titles = ("top-1", "top-5", "mean reciprocal rank", "calibration error", "Brier score")
    for group, figures in result["accuracy"].items():
        print(f"\n{group}: {figures['photos']} photos")
        kinds = [kind for kind in ("alone", "together") if kind in figures]
        heads = {"alone": "picture alone", "together": "picture and place"}
        print(f"  {'':24}" + "".join(f"{heads[kind]:26}" for kind in kinds))
        for name, title in zip(names, titles, strict=True):
            shown = "".join(f"{percent(figures[kind][name]):26}" for kind in kinds)
            print(f"  {title:24}{shown}".rstrip())
        if group in result["place"]:
            place = result["place"][group]
            print(
                f"  the place adds {percent(place['gain']).strip()} to top-1: it turned "
                f"{place['turnedRight']} wrong answers right and {place['turnedWrong']} "
                f"right ones wrong"
            )
    print(f"\n{'decision':28}{'coverage':26}precision")
    for level, figures in result["decisions"].items():
        precision = percent(figures["precision"]) if "precision" in figures else ""
        print(f"  {level:26}{percent(figures['coverage']):26}{precision}".rstrip())
    for title, groups in result["groups"].items():
        print(f"\n{title:28}photos  alone  with the place")
        for name, one in groups.items():
            print(f"  {name:26}{one['photos']:6}{one['alone']:7.1%}{one['together']:9.1%}")


def main() -> int:
    """Evaluate, print, and write; 1 where no row could be read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="CSV table of labelled photos")
    parser.add_argument("--only", metavar="COLUMN=VALUE", action="append", default=[], help="or !=")
    parser.add_argument("--by", metavar="COLUMN", help="top-1 for each value of a column, too")
    parser.add_argument("--cluster", metavar="COLUMN", help="rows that are not independent")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--plots", type=Path, help="write two pictures to this directory")
    arguments = parser.parse_args()
    services = Services.build(Settings.from_environment())
    results = list(evaluate(arguments.labels, services, arguments.only))
    outcomes = [one for one in results if isinstance(one, Outcome)]
    for one in results:
        if isinstance(one, str):
            print(one, file=sys.stderr)
    if not outcomes:
        return 1
    result = report(outcomes, arguments.cluster)
    result["groups"] = {"continent": continents(outcomes)}
    if arguments.by:
        result["groups"][arguments.by] = by_group(outcomes, lambda one: one.row.get(arguments.by))
    show(result)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(named_intervals(result), indent=2) + "\n")
    if arguments.plots:
        # matplotlib takes a second to import.
        from tools.evaluate.plots import accuracy_by_region, reliability_diagram  # noqa: PLC0415

        arguments.plots.mkdir(parents=True, exist_ok=True)
        reliability_diagram(outcomes, arguments.plots / "reliability.png")
        accuracy_by_region(result["groups"]["continent"], arguments.plots / "regions.png")
    return 0


def named_intervals(value: Any) -> Any:
    """The same with each interval as a JSON object."""
    if isinstance(value, Interval):
        return {
            name: None if np.isnan(number) else number for name, number in value._asdict().items()
        }
    if isinstance(value, dict):
        return {name: named_intervals(one) for name, one in value.items()}
    return value


if __name__ == "__main__":
    sys.exit(main())

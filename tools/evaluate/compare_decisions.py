"""Compare rules that decide on a name, on photos of animals on the model's list and off it.

``python -m tools.evaluate.compare_decisions LABELS.csv [MORE.csv ...]`` prints a table for each
file of labels, which may be any that ``make evaluate`` takes. Each photo is classified once, and
looked up at its own place and at one where most animals live only in zoos (``--away``).
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from chalicelib.answer import decision
from chalicelib.answer.ranking import Ranking, fuse
from chalicelib.bootstrap import Services
from chalicelib.classifier.looks import look
from chalicelib.domain import Coordinates, Decision, Geography, PlaceLookup, Scores, Thresholds
from chalicelib.settings import Settings
from tools.evaluate.decisions import UNLISTED, Decided, figures, pooled
from tools.evaluate.judging import judge_name
from tools.evaluate.labels import (
    ClassFinder,
    LabelsError,
    Truth,
    labelled_photos,
    place_and_month,
)

NEVER: Final = 2.0
"""A threshold that no score passes."""

LOOKALIKES: Final = ((0.4, 0.02), (0.8, 0.02), (1.6, 0.02), (1.6, 0.1))
"""Strengths of close and loose lookalikes to compare."""

UNFAMILIARITY: Final = (1.0, 2.3, 4.0)
"""Strengths of the doubt about a strange photo to compare."""

ONE: Final = Thresholds(animal=0.5, not_an_animal=0.1, named=0.77, rolled_up=0.94)
"""The thresholds that were fitted on listed animals only."""

Rule = Callable[[Ranking, float], Decision]


def by_look(thresholds: Thresholds) -> Rule:
    """Return the rule of the service with these thresholds."""
    return partial(decision.decide, thresholds=thresholds)


def by_look_and_place(thresholds: Thresholds) -> Rule:
    """Return the rule that rolls up by picture and place, as a name of the model is given."""

    def decide(candidates: Ranking, animal_score: float) -> Decision:
        placed = Ranking(
            candidates.animals,
            candidates.scores,
            candidates.scores,
            candidates.place,
            candidates.lookalikes,
        )
        placed.spread = candidates.spread
        return decision.decide(placed, animal_score, thresholds)

    return decide


def rules(ours: Thresholds) -> dict[str, Rule]:
    """Return the rules of the table by name."""
    plain = replace(ours, unfamiliarity=None)
    alone = replace(plain, lookalikes=None)
    no_zoo = replace(alone, not_living_here=NEVER)
    same = replace(no_zoo, named_by_geography={})
    by_geography = dict(ours.named_by_geography)
    ranged = by_geography.get(Geography.RANGE, ours.named)
    return {
        "named 0.77, roll-up 0.94 of both": by_look_and_place(replace(ONE, not_living_here=NEVER)),
        "named 0.85": by_look_and_place(replace(ONE, named=0.85, not_living_here=NEVER)),
        "named 0.85, roll-up by look 0.80": by_look(
            replace(ONE, named=0.85, rolled_up=0.80, not_living_here=NEVER)
        ),
        "named 0.85, ranks apart": by_look(replace(same, named=0.85)),
        "named 0.87, ranks apart": by_look(replace(same, named=0.87)),
        "named 0.90, ranks apart": by_look(replace(same, named=0.90)),
        f"{ranged:.2f} wild, ranks and kinds apart": by_look(no_zoo),
        **{
            f"and not living here {score:.2f}": by_look(replace(alone, not_living_here=score))
            for score in (0.90, 0.80, 0.65)
        },
        **{
            f"and lookalikes {close:.1f} close, {loose:.2f} loose": by_look(
                replace(plain, lookalikes=replace(ours.lookalikes, close=close, loose=loose))
            )
            for close, loose in LOOKALIKES
            if ours.lookalikes
        },
        **{
            f"and unfamiliar photos {strength:.1f}": by_look(
                replace(ours, unfamiliarity=replace(ours.unfamiliarity, strength=strength))
            )
            for strength in UNFAMILIARITY
            if ours.unfamiliarity
        },
        "the model's thresholds": by_look(ours),
    }


class Photo(NamedTuple):
    """The model's scores for one photo, their spread, what it shows, its place and one far away."""

    truth: Truth
    damage: str
    scores: Scores
    spread: float | None
    home: PlaceLookup
    away: PlaceLookup


def read(labels: Path, services: Services, away: Coordinates) -> Iterator[Photo]:
    """Classify every photo that has a place; raises ``LabelsError``."""
    finder = ClassFinder(services.classifier.model.taxa)
    columns = ("decimalLatitude", "decimalLongitude")
    for row, truth in labelled_photos(labels, finder, columns):
        photo = services.identify.photos.open((labels.parent / row["file"]).read_bytes())
        seen = look(services.classifier, photo, 1, services.identify.looks)
        point, month = place_and_month(row)
        yield Photo(
            truth,
            row.get("damage", ""),
            seen.scores,
            seen.spread,
            services.places.look_up(point, month),
            services.places.look_up(away, month),
        )


def line(name: str, rule: Rule, photos: Sequence[Photo], services: Services) -> str:
    """Return the rule's row of the table."""
    model, bounds = services.classifier.model, services.identify.weight_bounds

    def decided(photo: Photo, place: PlaceLookup) -> Decided:
        candidates, animal_score = fuse(photo.scores, model, place, bounds, photo.spread)
        return judge_name(rule(candidates, animal_score), photo.truth, photo.damage)

    home = [decided(photo, photo.home) for photo in photos]
    away = [decided(photo, photo.away) for photo in photos]
    unlisted = [one for one in home if one.group == UNLISTED]
    listed = [one for one in home if one.group != UNLISTED]
    cells = [
        *_cells(unlisted, "wrong", "right"),
        *_cells(pooled(unlisted), "wrong"),
        *_cells(listed, "own", "precision"),
        *_cells([one for one in listed if one.group == Geography.RANGE], "own", "precision"),
        *_cells([one for one in away if one.group != UNLISTED], "own", "precision"),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def divide(photos: Sequence[Photo]) -> dict[str, list[Photo]]:
    """Return the undamaged and the damaged photos, as far as there are any."""
    states: dict[str, list[Photo]] = {}
    for photo in photos:
        state = "undamaged" if photo.damage in ("", "none") else "damaged"
        states.setdefault(state, []).append(photo)
    return states


def _cells(photos: Sequence[Decided], *names: str) -> list[str]:
    found = figures(photos)
    values = [found[name].value if name in found else np.nan for name in names]
    return ["" if np.isnan(value) else f"{value:.1%}" for value in values]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="tables of labelled photos")
    parser.add_argument(
        "--away", default="51.5,-0.1", help="a place with zoos; default %(default)s (London)"
    )
    arguments = parser.parse_args()
    away = Coordinates(*map(float, arguments.away.split(",")))
    services = Services.build(Settings.from_environment())
    for labels in arguments.labels:
        photos = list(read(labels, services, away))
        for state, some in divide(photos).items():
            print(f"\n{labels.parent.name}: {len(some)} {state} photos\n")
            print(
                "| rule | unlisted: wrong | right | wrong, by kind | listed: own | names right "
                "| wild: own | names right | away: own | names right |"
            )
            print("|---" * 10 + "|")
            for name, rule in rules(services.classifier.model.thresholds).items():
                print(line(name, rule, some, services))


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

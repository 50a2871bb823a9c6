"""Compare rules that look at a photo a second time, and what each costs.

``python -m tools.evaluate.compare_looks LABELS.csv [MORE.csv ...]`` prints a table for each file of
labels and kind of damage. The model looks at every photo at all of its views; the rules then choose
from what it saw. ``--only damage=distant`` leaves rows out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import fuse
from chalicelib.bootstrap import Services
from chalicelib.classifier.looks import Groups, classes, names, soften, spread
from chalicelib.domain import Decision, LookRule, Model, PlaceLookup, Scores, Taxon
from chalicelib.settings import Settings
from tools.evaluate.decisions import Decided, figures
from tools.evaluate.judging import judge_name
from tools.evaluate.labels import (
    ClassFinder,
    Condition,
    LabelsError,
    Truth,
    labelled_photos,
    place_and_month,
)

NEVER: Final = 2.0
"""A threshold that no score passes."""

CONFIRMED: Final = 0.7
"""What a name must have in the tighter middle, where that must confirm a species."""


class Photo(NamedTuple):
    """The scores of the first look and of all views, what the photo shows, and its place."""

    truth: Truth
    damage: str
    looks: list[Scores]
    place: PlaceLookup


class Rule(NamedTuple):
    """A rule of the table: ``by`` says of which groups the first look must be sure."""

    name: str
    by: str
    rule: LookRule
    is_confirmed: bool = False


def rules(ours: LookRule) -> list[Rule]:
    """Return the rules of the table."""
    always = replace(ours, unsure=NEVER, sure=0.0, surer=0.0, temperature=1.0)
    plain = replace(ours, temperature=1.0)
    warmer = f"temperature {ours.temperature}"
    return [
        Rule("one look", "name", replace(ours, views=())),
        Rule("the surest of all views", "surest", always),
        *(
            Rule(
                f"name below {unsure}, then {sure} and {surer} surer",
                "name",
                replace(plain, unsure=unsure, sure=sure, surer=surer),
            )
            for unsure, sure, surer in ((0.5, 0.6, 0.1), (0.5, 0.8, 0.3), (0.7, 0.7, 0.1))
        ),
        *(
            Rule(
                f"class below {unsure}, then {sure} and {surer} surer",
                "class",
                replace(plain, unsure=unsure, sure=sure, surer=surer),
            )
            for unsure, sure, surer in (
                (0.5, 0.65, 0.2), (0.6, 0.5, 0.2), (0.6, 0.6, 0.2), (0.6, 0.65, 0.2),
                (0.6, 0.7, 0.2),
                (0.6, 0.8, 0.2), (0.7, 0.65, 0.2),
            )
        ),
        Rule("the model's, no tighter middle", "class", replace(ours, views=ours.views[1:])),
        Rule("the model's, 3 looks", "class", replace(ours, views=ours.views[:2])),
        Rule("the model's, 4 looks", "class", replace(ours, views=ours.views[:3])),
        *(
            Rule(f"the model's, temperature {t}", "class", replace(ours, temperature=t))
            for t in (1.1, 1.5)
        ),
        Rule(f"the model's: {warmer}", "class", ours),
        Rule("one look, middle confirms", "name", replace(ours, views=()), is_confirmed=True),
        Rule("the model's, middle confirms", "class", ours, is_confirmed=True),
    ]  # fmt: skip


def read(labels: Path, services: Services, only: Sequence[Condition]) -> Iterator[Photo]:
    """Look at every photo at all views; raises ``LabelsError``."""
    classifier = services.classifier
    model, finder = classifier.model, ClassFinder(services.classifier.model.taxa)
    for row, truth in labelled_photos(labels, finder, only=only):
        photo = services.identify.photos.open((labels.parent / row["file"]).read_bytes())
        looks = [classifier.classify(photo.pixels(model.input_size, 1))]
        views = model.look_rule.views if model.look_rule else ()
        seen = [photo.view(model.input_size, 1, view) for view in views]
        looks += [classifier.classify(pixels) for pixels, _ in filter(None, seen)]
        point, month = place_and_month(row)
        yield Photo(truth, row.get("damage", ""), looks, services.places.look_up(point, month))


def chosen(
    photo: Photo, rule: Rule, views: Sequence[int], groups: Groups, own: Groups
) -> tuple[Scores, float, int]:
    """Return the scores that a rule uses, their spread, and how often the model looked."""
    first, numbers = photo.looks[0], [view for view in views if view < len(photo.looks)]
    if rule.by == "surest":
        surest = max((photo.looks[view] for view in (0, *numbers)), key=own.best)
        return surest, spread(surest), 1 + len(numbers)
    if groups.best(first) >= rule.rule.unsure:
        return first, spread(first), 1
    least = max(rule.rule.sure, own.best(first) + rule.rule.surer)
    for count, view in enumerate(numbers, start=2):
        if own.best(photo.looks[view]) >= least:
            scores = photo.looks[view]
            return soften(scores, rule.rule.temperature), spread(scores), count
    return first, spread(first), 1 + len(numbers)


def confirm(decision: Decision, photo: Photo, model: Model) -> tuple[bool, bool]:
    """Return whether a name of the model is given, and whether the tighter middle confirms it."""
    name = decision.name.scientific_name if decision.name else None
    same = [
        number for number, taxon in enumerate(model.taxa) if taxon and taxon.scientific_name == name
    ]
    return bool(same), bool(same) and float(photo.looks[1][same].sum()) >= CONFIRMED


def line(rule: Rule, photos: Sequence[Photo], services: Services, *, alone: bool) -> str:
    """Return the rule's row of the table."""
    model, bounds = services.classifier.model, services.identify.weight_bounds
    thresholds = model.thresholds
    unsure = replace(thresholds, named=NEVER, named_by_geography={}, not_living_here=NEVER)
    ours = model.look_rule
    views = [1 + ours.views.index(view) for view in rule.rule.views] if ours else []
    own = names(model)
    groups = classes(model) if rule.by == "class" else own
    nowhere = services.places.look_up(None, 0)
    decided: list[Decided] = []
    hits = looks = again = 0
    for photo in photos:
        scores, width, count = chosen(photo, rule, views, groups, own)
        again += count > 1
        by_look, animal_score = fuse(scores, model, nowhere, bounds, width)
        hits += is_hit(by_look[0].taxon, photo.truth)
        candidates = by_look if alone else fuse(scores, model, photo.place, bounds, width)[0]
        decision = decide(candidates, animal_score, thresholds)
        if rule.is_confirmed and len(photo.looks) > 1:
            is_own, is_confirmed = confirm(decision, photo, model)
            count += is_own
            if is_own and not is_confirmed:
                decision = decide(candidates, animal_score, unsure)
        decided.append(judge_name(decision, photo.truth, photo.damage))
        looks += count
    found = figures(decided)
    cells = [
        f"{looks / len(photos):.2f}",
        f"{again / len(photos):.1%}",
        f"{hits / len(photos):.1%}",
    ]
    cells += [
        f"{found[name].value:.1%}" if name in found else "" for name in ("own", "right", "wrong")
    ]
    return f"| {rule.name} | {' | '.join(cells)} |"


def is_hit(first: Taxon, truth: Truth) -> bool:
    """Return whether the first animal is the photo's, or shares a name with it."""
    if truth.classes:
        return first in truth.classes
    return bool(truth.names & {first.scientific_name, *first.higher.values()})


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="tables of labelled photos")
    parser.add_argument("--only", metavar="COLUMN=VALUE", action="append", default=[])
    parser.add_argument("--alone", action="store_true", help="decide by the picture alone")
    arguments = parser.parse_args()
    services = Services.build(Settings.from_environment())
    rule = services.classifier.model.look_rule
    if rule is None:
        raise LabelsError("model.json has no secondLooks: add the views to compare")
    only = [Condition(text) for text in arguments.only]
    for labels in arguments.labels:
        by_damage: dict[str, list[Photo]] = {}
        for photo in read(labels, services, only):
            by_damage.setdefault(photo.damage, []).append(photo)
        for damage, photos in by_damage.items():
            print(f"\n{labels.parent.name}: {len(photos)} photos {damage}\n")
            print("| rule | looks | looked again | top-1 alone | own name | right | wrong |")
            print("|---" * 7 + "|")
            for each in rules(rule):
                print(line(each, photos, services, alone=arguments.alone), flush=True)


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

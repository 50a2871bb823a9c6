"""Compare rules by which specialists help the general model, on labelled photos.

``RANGEFINDER_SPECIALISTS=DIRECTORY,... python -m tools.evaluate.compare_specialists LABELS.csv``
prints a table for each file of labels, which may be any that ``make evaluate`` takes. Each model
looks at each photo once; the photos are those inside the specialists' taxa, and the others.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import fuse
from chalicelib.bootstrap import Services
from chalicelib.classifier.looks import look
from chalicelib.classifier.specialist import Specialist
from chalicelib.classifier.specialists import join, see
from chalicelib.domain import SPECIES_RANKS, Decision, Model, PlaceLookup, Scores
from chalicelib.settings import Settings
from tools.evaluate.labels import ClassFinder, LabelsError, Row, labelled_photos, place_and_month

Rule = Callable[[Specialist, Scores, Scores], Scores]


def alone(specialist: Specialist, scores: Scores, own: Scores) -> Scores:
    """Do not ask the specialist."""
    del specialist, own
    return scores


def replace_all(specialist: Specialist, scores: Scores, own: Scores) -> Scores:
    """Give the whole share of the taxon to the specialist's animals."""
    divided = scores.copy()
    divided[specialist.is_inside] = 0
    shares = own[specialist.outputs]
    np.add.at(
        divided, specialist.places, shares / shares.sum() * scores[specialist.is_inside].sum()
    )
    return divided


def replace_known(specialist: Specialist, scores: Scores, own: Scores) -> Scores:
    """Give the specialist's animals the share of the classes that it knows."""
    known = specialist.general[specialist.is_member.any(axis=0)]
    divided = scores.copy()
    divided[known] = 0
    shares = own[specialist.outputs]
    np.add.at(divided, specialist.places, shares / shares.sum() * scores[known].sum())
    return divided


RULES: dict[str, Rule] = {
    "the general model alone": alone,
    "the specialist's shares replace the taxon's": replace_all,
    "they replace those of the classes that it knows": replace_known,
    "both by Bayes' rule, where that is sure (the service)": Specialist.divide,
}


class Photo(NamedTuple):
    """What the models give for one photo, its place, and its right names, finest first."""

    names: Sequence[str]
    scores: Scores
    spread: float | None
    own: Sequence[Scores]
    place: PlaceLookup


def read(labels: Path, services: Services, specialists: Sequence[Specialist]) -> Iterator[Photo]:
    """Classify every photo by all models; raises ``LabelsError``."""
    model = services.classifier.model
    for row, truth in labelled_photos(labels, ClassFinder(model.taxa)):
        photo = services.identify.photos.open((labels.parent / row["file"]).read_bytes())
        seen = look(services.classifier, photo, 1, services.identify.looks)
        own = [
            one.classifier.classify(see(photo, one.classifier.model.input_size, 1, seen))
            for one in specialists
        ]
        place = services.places.look_up(*place_and_month(row))
        yield Photo(right_names(row, truth.classes[0].scientific_name if truth.classes else "",
                                truth.names), seen.scores, seen.spread, own, place)  # fmt: skip


def right_names(row: Row, own_name: str, names: frozenset[str]) -> list[str]:
    """Return all right names; the first is the finest that the label knows."""
    finest = row.get("taxa", "").split("|")[0] or own_name
    return [finest, *sorted(names - {finest})]


def is_right(decision: Decision, names: Sequence[str], model: Model) -> bool:
    """Return whether a name is right: it is on the label, or belongs to the finest name there."""
    if decision.name is None:
        return False
    name = decision.name.scientific_name
    finer = next((one for one in model.taxa if one and one.scientific_name == name), None)
    return name in names or bool(finer and names[0] in finer.higher.values())


def decide_by(
    rule: Rule, photo: Photo, services: Services, specialists: Sequence[Specialist]
) -> Decision:
    """Return the decision that a rule leads to."""
    scores = photo.scores
    for specialist, own in zip(specialists, photo.own, strict=True):
        if specialist.is_needed(scores):
            scores = rule(specialist, scores, own)
    model = services.classifier.model
    bounds = services.identify.weight_bounds
    candidates, animal_score = fuse(scores, model, photo.place, bounds, photo.spread)
    return decide(candidates, animal_score, model.thresholds)


def print_table(
    photos: Sequence[Photo], services: Services, specialists: Sequence[Specialist]
) -> None:
    """Print how many photos each rule names, rightly and as species."""
    model = services.classifier.model
    taxa = {one.speciality.scientific_name for one in specialists}
    groups = {
        "inside": [photo for photo in photos if taxa & set(photo.names)],
        "outside": [photo for photo in photos if not taxa & set(photo.names)],
    }
    before = {
        group: [decide_by(alone, photo, services, specialists) for photo in some]
        for group, some in groups.items()
    }
    for group, some in groups.items():
        print(f"\n{len(some)} photos {group} {', '.join(sorted(taxa))}\n")
        print("| rule | named | right | species | right species | other name than before |")
        print("|---|---|---|---|---|---|")
        for name, rule in RULES.items():
            decided = [decide_by(rule, photo, services, specialists) for photo in some]
            right = [
                is_right(one, photo.names, model) for one, photo in zip(decided, some, strict=True)
            ]
            species = [bool(one.name and one.name.taxon_rank in SPECIES_RANKS) for one in decided]
            changed = [
                (one.name and one.name.scientific_name) != (old.name and old.name.scientific_name)
                for one, old in zip(decided, before[group], strict=True)
            ]
            counts = (
                sum(one.name is not None for one in decided),
                sum(right),
                sum(species),
                sum(map(all, zip(right, species, strict=True))),
                sum(changed),
            )
            print(f"| {name} | {' | '.join(map(str, counts))} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, nargs="+", help="tables of labelled photos")
    arguments = parser.parse_args()
    services = Services.build(Settings.from_environment())
    general = services.classifier.model
    if not general.specialists:
        raise LabelsError("RANGEFINDER_SPECIALISTS names no specialist that can be read")
    # The joined model is the general one here: its own outputs come first.
    specialists = join(general, services.specialists).specialists
    for labels in arguments.labels:
        photos = list(read(labels, services, specialists))
        print(f"\n{labels.parent.name}")
        print_table(photos, services, specialists)


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

"""Fit the temperature of the scores and the thresholds of the decision.

``python -m tools.evaluate.calibrate DEVELOPMENT/labels.csv --write`` fits both on one half of the
classes, reports them on the other half, and stores them in ``model.json`` with their provenance.
It uses the place as the service does. The table is one of labelled photos, as ``make evaluate``
takes it, or one of :mod:`tools.evaluate.make_development_set`.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from chalicelib.answer.decision import decide
from chalicelib.answer.ranking import Ranking, fuse, place_weights
from chalicelib.answer.taxon_index import taxon_index
from chalicelib.bootstrap import Services
from chalicelib.domain import DecisionKind, NamedTaxon, Scores, Taxon, Thresholds
from chalicelib.errors import InvalidSettings, RangefinderError
from chalicelib.settings import Settings
from tools.build.model_directory import write_card
from tools.evaluate.basis import Basis, basis_of
from tools.evaluate.development_set import DevelopmentSet, fit_of_spread, fit_temperature, read
from tools.evaluate.labels import LabelsError
from tools.evaluate.metrics import Flags, Floats, expected_calibration_error

PRECISION: Final = 0.95
"""The target for the names that a decision gives."""

AIM: Final = 0.97
"""The target on the fitted half: thresholds look better there than on other animals."""

GRID: Final = np.arange(0.50, 1.0, 0.01)

NEVER: Final = 2.0
"""A threshold that no score passes."""

CHOSEN: Final = frozenset({"namedByGeography", "rolledUpByRank", "notLivingHere"})
"""Members of a description's decision that :mod:`tools.evaluate.compare_decisions` is for."""


class Photo(NamedTuple):
    """The pipeline's result for one photo, before the decision."""

    truth: Taxon
    candidates: Ranking
    animal_score: float


def combine(
    photos: DevelopmentSet, services: Services, temperature: float, of_spread: float | None
) -> list[Photo]:
    """Run the service's own fusion on each photo."""
    model = replace(services.classifier.model, of_spread=of_spread)
    bounds = services.identify.weight_bounds
    fused = []
    for number, logits in enumerate(photos.logits):
        exponentials = np.exp((logits - logits.max()) / temperature)
        scores: Scores = (exponentials / exponentials.sum()).astype(np.float32)
        candidates, animal_score = fuse(
            scores, model, photos.geos[number], bounds, float(photos.spreads[number])
        )
        fused.append(Photo(photos.taxa[photos.truth[number]], candidates, animal_score))
    return fused


def is_right(name: NamedTaxon | None, truth: Taxon) -> bool:
    """Return whether the decision's name is right for the animal in the photo."""
    names = {truth.scientific_name, *truth.higher.values()}
    return name is not None and name.scientific_name in names


def precision(photos: Sequence[Photo], thresholds: Thresholds, *, own: bool) -> float:
    """Return the share of right names; 1 if there are none.

    ``own`` chooses the names of the model's classes, else those of wider taxa count.
    """
    decided = []
    for photo in photos:
        name = decide(photo.candidates, photo.animal_score, thresholds).name
        if name and ((name.scientific_name, name.taxon_rank) in _own_names(photo)) is own:
            decided.append(is_right(name, photo.truth))
    return float(np.mean(decided)) if decided else 1.0


def _own_names(photo: Photo) -> tuple[tuple[str, str], ...]:
    return photo.candidates.animals.names.names


def fit_thresholds(photos: Sequence[Photo], start: Thresholds) -> Thresholds:
    """Return the lowest thresholds that reach ``AIM``: first for species, then for roll-up.

    Every higher threshold of the grid must reach it, too. One threshold holds for every kind of
    animal and for every rank.
    """
    own_only = Thresholds(start.animal, start.not_an_animal, named=NEVER, rolled_up=NEVER)
    for named in reversed(GRID.round(2).tolist()):
        attempt = replace(own_only, named=named)
        if precision(photos, attempt, own=True) < AIM:
            break
        own_only = attempt
    thresholds = own_only
    for rolled_up in reversed(GRID.round(2).tolist()):
        attempt = replace(own_only, rolled_up=rolled_up)
        if precision(photos, attempt, own=False) < AIM:
            break
        thresholds = attempt
    return thresholds


def report(name: str, photos: Sequence[Photo], thresholds: Thresholds) -> None:
    """Print how often each decision is made, and how often it is right."""
    decisions = [decide(photo.candidates, photo.animal_score, thresholds) for photo in photos]
    right = np.array(
        [
            is_right(decision.name, photo.truth)
            for decision, photo in zip(decisions, photos, strict=True)
        ]
    )
    print(f"{name}: {len(photos)} photos")
    for kind in DecisionKind:
        chosen = np.array([decision.kind is kind for decision in decisions])
        precision_text = (
            f", right {right[chosen].mean():.1%}" if chosen.any() and right[chosen].any() else ""
        )
        print(f"  {kind:12} {chosen.mean():6.1%}{precision_text}")
    first = np.array([photo.candidates.shown[0].score for photo in photos])
    hit = np.array([photo.candidates.shown[0].taxon == photo.truth for photo in photos])
    print(f"  calibration error {expected_calibration_error(first, hit):.3f}")


def weights_of(photos: DevelopmentSet, services: Services) -> Floats:
    """Return the service's own weights, shape (photos, animals)."""
    bounds = services.identify.weight_bounds
    animals = taxon_index(services.classifier.model)
    return np.array([place_weights(animals, geo, bounds).weights for geo in photos.geos])


def described(
    card: dict[str, Any], temperature: float, thresholds: Thresholds, basis: Basis
) -> dict[str, Any]:
    """Return the model's description with the fitted values and their provenance.

    Thresholds that were chosen on animals that the model lacks, too, stay: these photos have none.
    """
    provenance = basis.provenance
    calibration = {
        "method": "temperature",
        "temperature": temperature,
        "provenance": f"{provenance}: least negative log-likelihood, look and place together.",
    }
    if card["decision"].keys() & CHOSEN:
        return {**card, "calibration": calibration}
    return {
        **card,
        "calibration": calibration,
        "decision": {
            **card["decision"],
            "animal": thresholds.animal,
            "notAnAnimal": thresholds.not_an_animal,
            "named": thresholds.named,
            "rolledUp": thresholds.rolled_up,
            "provenance": f"named, rolledUp: {provenance[0].lower()}{provenance[1:]}, for "
            f"{PRECISION:.0%} precision each. animal, notAnAnimal: set by hand.",
        },
    }


def run(labels: Path, *, is_writing: bool) -> None:
    """Fit, print and store.

    Raises ``LabelsError`` if the table cannot be used, or has too few photos to write.
    """
    settings = Settings.from_environment()
    services = Services.build(settings)
    photos = read(labels, services, required=("file",))
    basis = basis_of(photos, labels)

    def select(rows: Flags) -> list[Photo]:
        return [photo for photo, is_selected in zip(fused, rows, strict=True) if is_selected]

    fitted = ~photos.reported
    factors = weights_of(photos, services)
    of_spread = (model := services.classifier.model).of_spread
    if of_spread is None:
        temperature = fit_temperature(photos, factors, np.zeros_like(factors), fitted)
    else:
        # The thresholds of the decision hold for the temperature that they were chosen with.
        temperature = float(model.card["calibration"]["temperature"])
        of_spread = fit_of_spread(photos, factors, temperature, fitted)
    fused = combine(photos, services, temperature, of_spread)
    thresholds = model.thresholds
    if not model.card["decision"].keys() & CHOSEN:
        thresholds = fit_thresholds(select(fitted), thresholds)
    print(f"temperature {temperature}, of the spread {of_spread}, {thresholds}")
    for name, rows in (
        ("fitted on", fitted),
        ("held out, all", photos.reported),
        ("held out, damaged", photos.reported & photos.damaged),
        ("held out, undamaged", photos.reported & ~photos.damaged),
        ("held out, looked at once", photos.reported & ~photos.again),
        ("held out, looked at again", photos.reported & photos.again),
    ):
        if rows.any():
            report(name, select(rows), thresholds)
    if basis.shortage and is_writing:
        raise LabelsError(f"Nothing is written: {basis.shortage}")
    if basis.shortage:
        print(f"warning: {basis.shortage}; --write would refuse", file=sys.stderr)
    if is_writing:
        directory = settings.model_directory
        card = json.loads((directory / "model.json").read_bytes())
        card = described(card, temperature, thresholds, basis)
        if of_spread is not None:
            card["calibration"]["ofSpread"] = of_spread
        write_card(directory, card)


def main() -> int:
    """Fit; return 2 if the table, the model or a setting cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="table of labelled photos")
    parser.add_argument("--write", action="store_true", help="store the result in model.json")
    arguments = parser.parse_args()
    try:
        run(arguments.labels, is_writing=arguments.write)
    except (LabelsError, InvalidSettings, RangefinderError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

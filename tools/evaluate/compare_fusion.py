"""Compare rules that combine picture and place, on a development set.

``python -m tools.evaluate.compare_fusion DEVELOPMENT/labels.csv`` prints the table of
docs/accuracy.md. Each rule gets the temperature that fits it best on one half of the classes;
the table reports the other half.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from chalicelib.answer.ranking import WeightBounds, place_weight
from chalicelib.bootstrap import Services
from chalicelib.domain import Status, TaxonFeature
from chalicelib.settings import Settings
from tools.evaluate.development_set import DevelopmentSet, fit_temperature, normalised, read
from tools.evaluate.labels import LabelsError
from tools.evaluate.metrics import Floats, expected_calibration_error

SURE: Final = 0.9
EXPECTED_PRESENCE: Final = 0.05
SEED: Final = 20261124

Rule = Callable[[Floats, Floats], Floats]
"""Maps presence and prevalence, shapes (photos, animals) and (animals,), to weights."""


def ours(floor: float, ceiling: float) -> Rule:
    """Return the rule of the service."""
    bounds = WeightBounds(floor, ceiling)
    weigh = np.vectorize(
        lambda presence, prevalence: place_weight(
            TaxonFeature(Status.NATIVE, presence, prevalence), bounds
        )
    )
    return lambda presence, prevalence: np.asarray(weigh(presence, prevalence))


def saturating(presence: Floats, prevalence: Floats) -> Floats:
    """Return weights from 0.05 to 1, so that no class outweighs a neutral one."""
    return np.asarray(0.05 + 0.95 * presence / (presence + prevalence))


RULES: Final[dict[str, Rule]] = {
    "no place": lambda presence, _: np.ones_like(presence),
    "product with presence": lambda presence, _: presence,
    "product with presence / prevalence": lambda presence, prevalence: presence / prevalence,
    "floor of 0.005 (iNaturalist)": lambda presence, _: np.maximum(presence, 0.005),
    "hard fence (SpeciesNet)": lambda presence, _: (presence >= EXPECTED_PRESENCE).astype(
        np.float64
    ),
    "0.05 more if in range (observ-ing)": lambda presence, _: np.ones_like(presence),
    "saturating, 0.05 to 1": saturating,
    "ours, 0.05 to 4": ours(0.05, 4),
    "ours, 0.05 to 10": ours(0.05, 10),
    "ours, 0.1 to 4": ours(0.1, 4),
    "ours, 0.1 to 10": ours(0.1, 10),
    "ours, 0.1 to 20": ours(0.1, 20),
    "ours, 0.2 to 10": ours(0.2, 10),
}
BOOSTED: Final = "0.05 more if in range (observ-ing)"


@dataclass(frozen=True)
class Comparison:
    """The scores of a rule with its own temperature."""

    photos: DevelopmentSet
    name: str

    def weights(self, presence: Floats) -> tuple[Floats, Floats]:
        """Return the factors of the rule and the scores that it adds."""
        filled = np.nan_to_num(presence)
        factors = RULES[self.name](filled, self.photos.prevalence)
        boost = np.where(filled >= EXPECTED_PRESENCE, 0.05 if self.name == BOOSTED else 0.0, 0.0)
        return np.where(np.isnan(presence), 1.0, factors), boost

    def scores(self, temperature: float, presence: Floats) -> Floats:
        """Return the scores of the photos at these places."""
        factors, boost = self.weights(presence)
        return normalised(normalised(self.photos.vision(temperature)) * factors + boost)

    def line(self) -> str:
        """Return the rule's row of the table."""
        photos, reported = self.photos, self.photos.reported
        temperature = fit_temperature(photos, *self.weights(photos.presence), ~reported)
        scores = self.scores(temperature, photos.presence)
        right = scores.argmax(axis=1) == photos.truth
        vision = normalised(photos.vision(temperature))
        alone = vision.argmax(axis=1) == photos.truth
        damaged, undamaged = reported & photos.damaged, reported & ~photos.damaged
        away = self.scores(temperature, photos.elsewhere(np.random.default_rng(SEED)))
        sure = photos.ranged & (vision.max(axis=1) > SURE)
        loss = (away.argmax(axis=1) == photos.truth)[sure].mean() - alone[sure].mean()
        certain = np.zeros_like(scores)
        certain[np.arange(len(scores)), photos.truth] = 1
        brier = ((scores - certain) ** 2).sum(axis=1)
        gains = [
            right[rows].mean() - alone[rows].mean()
            for rows in (damaged, damaged & photos.ranged, undamaged)
        ]
        error = expected_calibration_error(scores.max(axis=1)[damaged], right[damaged])
        return (
            f"| {self.name} | {temperature:.2f} | "
            + " | ".join(f"{gain * 100:+.1f}" for gain in gains)
            + f" | {(right & ~alone)[reported].sum()} : {(~right & alone)[reported].sum()}"
            + f" | {error:.3f} | {brier[damaged].mean():.3f} | {loss * 100:+.1f} |"
        )


def main() -> None:
    """Print the table of rules."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="labels.csv of a development set")
    photos = read(parser.parse_args().labels, Services.build(Settings.from_environment()))
    print(
        "| rule | T | top-1, damaged | with a range | undamaged | right : wrong "
        "| calibration error | Brier | sure, wrong place |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in RULES:
        print(Comparison(photos, name).line())


if __name__ == "__main__":
    try:
        main()
    except LabelsError as error:
        sys.exit(str(error))

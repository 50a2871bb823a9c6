"""Simulate a Lambda environment: a process with its own connections and one request at a time.

``python -m bench.environment`` reads its job as a line of JSON, prints that it is ready, waits for
another line, and then prints a line of JSON for each visit. Settings come from environment
variables, as on Lambda. Everything is the service's own except the model, which would slow the
crowd down; a spike is about lookups.
"""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final, NamedTuple

import numpy as np
from msgspec.structs import replace
from PIL import Image

from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates, Model, Pixels, Scores
from chalicelib.identify import Identify, IdentifyRequest
from chalicelib.settings import Settings

FAILED: Final = "failed"


class Visit(NamedTuple):
    """One prediction: its start (:func:`time.monotonic`), and the result of its lookup.

    ``status`` is ``geo.status``, or ``failed`` without a prediction. ``lookup`` has the
    milliseconds of the lookup, ``waited`` those that the answer waited for it.
    """

    began: float
    status: str
    source: str | None
    lookup: float
    waited: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """A classifier that returns the same score for all classes."""

    model: Model

    def load(self) -> None:
        """Do nothing: there is no model to load."""

    def classify(self, pixels: Pixels) -> Scores:
        """Return equal scores."""
        del pixels
        count = len(self.model.taxa)
        return np.full(count, 1 / count, dtype=np.float32)


def service() -> Identify:
    """Return the service of the settings, without the model."""
    services = Services.build(Settings.from_environment())
    return replace(services.identify, classifier=Undecided(services.classifier.model))


def any_photo() -> bytes:
    """Return a small photo, which is fast to decode."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    return file.getvalue()


def visit(identify: Identify, query: IdentifyRequest) -> Visit:
    """Make a prediction and return its result."""
    began = time.monotonic()
    try:
        answer = identify(query)
    except Exception as error:  # after any error, the user has no answer
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return Visit(began, FAILED, None, 0.0, 0.0)
    source = answer.geo.features.source if answer.geo.features else None
    timings = answer.timings
    return Visit(began, answer.geo.status, source, timings["features"], timings["wait"])


def run(places: Sequence[tuple[float, float]], pace: float) -> None:
    """Visit the places in turn, one each ``pace`` seconds at most."""
    identify, photo = service(), any_photo()
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    for number, (latitude, longitude) in enumerate(places):
        time.sleep(max(start + number * pace - time.monotonic(), 0))
        # An accuracy of one metre in the middle of a cell needs that cell only.
        query = IdentifyRequest(photo, Coordinates(latitude, longitude, 1.0))
        print(json.dumps(visit(identify, query)), flush=True)


if __name__ == "__main__":
    run(**json.loads(sys.stdin.readline()))

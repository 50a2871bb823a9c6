"""One Lambda environment, as a process: its own connections, one request at a time.

``python -m bench.environment`` reads what to do as a line of JSON, says that it is ready,
waits for another line, and then prints a line of JSON for each visit. Settings come from
the environment variables, as on Lambda. Everything is the service's own but the model: it
would only slow the crowd down, and it is the lookups that a spike is about.
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
    """One prediction: when it began (:func:`time.monotonic`), and what became of the place.

    ``status`` is ``geo.status``, or ``failed`` where there was no prediction at all;
    ``lookup`` the milliseconds of the lookup, ``waited`` those that the answer waited for it.
    """

    began: float
    status: str
    source: str | None
    lookup: float
    waited: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """A classifier that finds all animals equally likely, at once."""

    model: Model

    def load(self) -> None:
        """There is nothing to load."""

    def classify(self, pixels: Pixels) -> Scores:
        """The same for every photo."""
        del pixels
        count = len(self.model.taxa)
        return np.full(count, 1 / count, dtype=np.float32)


def service() -> Identify:
    """The service as settings have it, without the model."""
    services = Services.build(Settings.from_environment())
    return replace(services.identify, classifier=Undecided(services.classifier.model))


def any_photo() -> bytes:
    """A small one, so that decoding it costs little."""
    file = BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    return file.getvalue()


def visit(identify: Identify, query: IdentifyRequest) -> Visit:
    """Make a prediction and note what became of it."""
    began = time.monotonic()
    try:
        found = identify(query)
    except Exception as error:  # whatever it is, a visitor got no answer
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return Visit(began, FAILED, None, 0.0, 0.0)
    source = found.geo.features.source if found.geo.features else None
    return Visit(began, found.geo.status, source, found.timings["features"], found.timings["wait"])


def run(places: Sequence[tuple[float, float]], pace: float) -> None:
    """Visit the places in turn, ``pace`` seconds from one to the next at the least."""
    identify, photo = service(), any_photo()
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.monotonic()
    for number, (latitude, longitude) in enumerate(places):
        time.sleep(max(start + number * pace - time.monotonic(), 0))
        # A metre: whoever is in the middle of a cell asks for that cell only.
        query = IdentifyRequest(photo, Coordinates(latitude, longitude, 1.0))
        print(json.dumps(visit(identify, query)), flush=True)


if __name__ == "__main__":
    run(**json.loads(sys.stdin.readline()))

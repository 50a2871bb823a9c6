"""The handler beside the floor and the tutorial, in turns in one process.

``python -m bench.handler DIRECTORY SECONDS`` times each photo of the directory for so many
seconds and prints all times as JSON; run by :mod:`bench.latency`, which sets the threads. The
events are real ones of API Gateway: a form in base64. The place's features are in memory, where
the embedded store's come from.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pi_heif import register_heif_opener

from app import app, settings
from bench.floor import Floor
from bench.tutorial import handler as tutorial
from chalicelib.settings import available_cpus
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tools.mute_telemetry import quiet

WARM_UPS = 3
SLOWEST = 12.0
"""Megapixels; larger photos are for :mod:`bench.memory`."""

ROUND = ("handler", "floor", "floor", "handler", "tutorial")
"""Handler and floor follow each other equally often. An untimed floor ends the round, since
neither shall find the memory as the tutorial's full-size picture has left it."""

Times = dict[str, list[float]]
"""Milliseconds by what took them."""


def compare(photo: bytes, media_type: str, floor: Floor, seconds: float) -> Times:
    """Milliseconds of each contestant, and of the handler's own stages."""
    asked = event("POST", "/v1/predictions", form(("photo", photo)), {"Content-Type": FORM_TYPE})
    plain = event("POST", "/v1/predictions", photo, {"Content-Type": media_type})
    contestants: dict[str, Callable[[], Any]] = {
        "handler": lambda: app(asked, None),
        "floor": lambda: floor(photo),
        "tutorial": lambda: tutorial(plain, None),
    }
    times: Times = defaultdict(list)
    answers: list[dict[str, Any]] = []
    for contestant in list(contestants.values()) * WARM_UPS:
        contestant()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name in ROUND:
            start = time.perf_counter()
            answer = contestants[name]()
            times[name].append(1000 * (time.perf_counter() - start))
            if name == "handler":
                answers.append(json.loads(answer["body"]))
        floor(photo)
    assert {answer["geo"]["source"] for answer in answers} <= {"memory", "embedded"}
    for stage in answers[0]["timings"]:
        times[f"stage {stage}"] = [answer["timings"][stage] for answer in answers]
    return times


def main() -> None:
    """Time all photos; nothing but the result goes to standard output."""
    directory, seconds = Path(sys.argv[1]), float(sys.argv[2])
    register_heif_opener()
    floor = Floor(settings.classifier_threads or available_cpus())
    found = {}
    with quiet():
        for path in sorted(directory.iterdir(), key=lambda path: (path.suffix, float(path.stem))):
            if float(path.stem) <= SLOWEST:
                media_type = "image/jpeg" if path.suffix == ".jpg" else "image/heic"
                found[path.name] = compare(path.read_bytes(), media_type, floor, seconds)
    print(json.dumps(found))


if __name__ == "__main__":
    main()

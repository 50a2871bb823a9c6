"""Time the handler, the baseline and the tutorial in turns, in one process.

``python -m bench.handler DIRECTORY SECONDS`` times each photo of the directory for that many
seconds and prints all times as JSON. :mod:`bench.latency` runs it and sets the threads. The events
are those of API Gateway: a form in base64. The features of the place are in memory and come from
the embedded store.
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
from bench.baseline import Baseline
from bench.tutorial import handler as tutorial
from chalicelib.settings import available_cpus
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tools.mute_telemetry import quiet

WARM_UPS = 3
LARGEST_MEGAPIXELS = 12.0
"""Larger photos are for :mod:`bench.memory`."""

ROUND = ("handler", "baseline", "baseline", "handler", "tutorial")
"""Handler and baseline follow each other equally often. An untimed baseline ends the round, because
the tutorial decodes the whole picture and leaves the memory in another state."""

Times = dict[str, list[float]]
"""Milliseconds of each run, by contestant or stage."""


def compare(photo: bytes, media_type: str, baseline: Baseline, seconds: float) -> Times:
    """Return milliseconds of each contestant, and of the handler's own stages."""
    request = event("POST", "/v1/predictions", form(("photo", photo)), {"Content-Type": FORM_TYPE})
    plain = event("POST", "/v1/predictions", photo, {"Content-Type": media_type})
    contestants: dict[str, Callable[[], Any]] = {
        "handler": lambda: app(request, None),
        "baseline": lambda: baseline(photo),
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
        baseline(photo)
    assert {answer["geo"]["source"] for answer in answers} <= {"memory", "embedded"}
    for stage in answers[0]["timings"]:
        times[f"stage {stage}"] = [answer["timings"][stage] for answer in answers]
    return times


def main() -> None:
    """Time all photos; standard output gets the result only."""
    directory, seconds = Path(sys.argv[1]), float(sys.argv[2])
    register_heif_opener()
    baseline = Baseline(settings.classifier_threads or available_cpus())
    times = {}
    with quiet():
        for path in sorted(directory.iterdir(), key=lambda path: (path.suffix, float(path.stem))):
            if float(path.stem) <= LARGEST_MEGAPIXELS:
                media_type = "image/jpeg" if path.suffix == ".jpg" else "image/heic"
                times[path.name] = compare(path.read_bytes(), media_type, baseline, seconds)
    print(json.dumps(times))


if __name__ == "__main__":
    main()

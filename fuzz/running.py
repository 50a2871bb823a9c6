"""Send uploads through the deployed entry point, and measure CPU and memory of each."""

import ctypes
import json
import math
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple, Self

from app import app
from chalicelib.http.body import JSON
from chalicelib.photo.formats import detect_format, name_format
from fuzz.bucket import KEY, holding
from fuzz.uploads import PLACE, RAW, Upload
from tests import contract
from tests.gateway import event
from tools.mute_telemetry import quiet

ROUTE: Final = "/v1/predictions"
MAXIMUM_TIMES_ITS_SAMPLE: Final = 3.0
MAXIMUM_PEAK_BYTES: Final = 250_000_000
TRIES: Final = 5
"""Tries of a slow upload: the machine may be busy once, but an attack is slow each time."""


class Bound(NamedTuple):
    """A bound on CPU that a slow machine moves: the larger of both counts."""

    milliseconds: float
    times_12_megapixels: float
    """In times of what a JPEG of 12 megapixels takes in the same run."""

    def allowed(self, reference: float) -> float:
        """Return the milliseconds; ``reference`` is those of the JPEG."""
        return max(self.milliseconds, self.times_12_megapixels * reference)


class Bounds(NamedTuple):
    """What an upload may cost by its status."""

    answered: Bound
    refused: Bound
    """Beyond the CPU to read a body of this size."""


ANY_UPLOAD: Final = Bound(1_000, 5)
DENSEST_HEIC: Final = Bound(1_300, 6.5)
"""For a HEIC at the limits. libde265 needs up to 105 ns for a pixel in blocks of 4 by 4, each with
a coefficient, where those of a camera take 40 ns. A limit that holds such a photo to a second would
refuse photos of 12 megapixels that are one image, as the encoders of libheif write them."""
SMALL_UPLOAD: Final = Bound(250, MAXIMUM_TIMES_ITS_SAMPLE)
REFUSAL: Final = Bound(50, 0.25)
STORED_REFUSAL: Final = Bound(100, 0.5)
"""For a photo of 25 MB in the bucket: its bytes are looked through before it is refused."""

UNLIMITED: Final = Bound(math.inf, 0)


class Outcome(NamedTuple):
    """The result of one upload; the peak is counted above the idle process."""

    name: str
    body_bytes: int
    format: str
    status: int
    milliseconds: float
    peak_bytes: int


def status_bytes(name: str) -> int:
    """Return ``VmRSS`` or ``VmHWM`` of this process: proc(5)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def idle_bytes() -> int:
    """Return the memory of the idle process, and reset its peak (``VmHWM``)."""
    ctypes.CDLL(None).malloc_trim(0)  # returns free memory to the system: malloc_trim(3)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status_bytes("VmRSS")


def send(upload: Upload) -> tuple[int, float]:
    """Send an upload; return the status and the milliseconds of CPU from event to answer.

    The CPU is that of all threads. The answer must match the contract.
    """
    body, content_type = upload.body, upload.content_type
    if upload.is_stored:
        body, content_type = json.dumps({"upload": KEY, **dict(PLACE)}).encode(), JSON
    request = event("POST", f"{ROUTE}{upload.query}", body, {"Content-Type": content_type})
    request = json.loads(json.dumps(request))
    with holding(upload.body) if upload.is_stored else nullcontext() as bucket:
        start = time.process_time()
        answer = app(request, None)
        milliseconds = 1000 * (time.process_time() - start)
    assert not (bucket and bucket.photos), f"{upload.name}: the photo is still in the bucket"
    status, media_type = answer["statusCode"], answer["headers"]["Content-Type"]
    contract.check("POST", ROUTE, status, media_type, json.loads(answer["body"]))
    return status, milliseconds


@cache
def reading_milliseconds(size: int, *, is_stored: bool) -> float:
    """Return the CPU to read a photo: that of zeros, which no format begins with."""
    zeros = Upload("zeros", bytes(size), RAW, is_stored=is_stored)
    return min(send(zeros)[1] for _ in range(TRIES))


@dataclass
class Run:
    """The uploads so far, and those that passed a bound."""

    honest: dict[str, float]
    """Milliseconds of the honest photos that other uploads are compared with, by name."""

    reference: float = 0
    """Milliseconds of a JPEG of 12 megapixels."""

    bounds: Bounds = Bounds(UNLIMITED, UNLIMITED)  # noqa: RUF009 - a tuple is immutable
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, honest: Iterable[Upload], reference: str) -> Self:
        """Start a run: warm up with honest photos and take their times.

        Args:
            honest: the photos, of which one has the name ``reference``.
            reference: the JPEG of 12 megapixels.
        """
        uploads = list(honest)
        with quiet():
            times = {upload.name: min(send(upload)[1] for _ in range(TRIES)) for upload in uploads}
        return cls(times, times[reference])

    def again(self, bounds: Bounds) -> Self:
        """Return an empty run with the same honest photos."""
        return replace(self, bounds=bounds, statuses=Counter(), outcomes=[], faults=[])

    def add(self, upload: Upload) -> Outcome:
        """Send an upload and judge it."""
        with quiet():
            idle = idle_bytes()
            status, milliseconds = send(upload)
            peak = status_bytes("VmHWM") - idle
            allowed = self._allowed(upload, status, milliseconds)
            for _ in range(TRIES - 1):
                if milliseconds > allowed:
                    milliseconds = min(milliseconds, send(upload)[1])
        photo_format = detect_format(upload.body) or name_format(upload.body)
        size = len(upload.body)
        outcome = Outcome(upload.name, size, photo_format, status, milliseconds, peak)
        self.statuses[status] += 1
        self.outcomes.append(outcome)
        if status >= 500:
            self.faults.append(f"{status}: {upload.name}")
        if milliseconds > allowed:
            self.faults.append(
                f"{status} after {milliseconds:.0f} ms of CPU, {allowed:.0f} allowed: {upload.name}"
            )
        if peak > MAXIMUM_PEAK_BYTES:
            self.faults.append(f"{peak / 1e6:.0f} MB above idle: {upload.name}")
        return outcome

    def _allowed(self, upload: Upload, status: int, milliseconds: float) -> float:
        if status >= 400:
            allowed = self.bounds.refused.allowed(self.reference)
            if milliseconds > allowed:
                allowed += reading_milliseconds(len(upload.body), is_stored=upload.is_stored)
            return allowed
        allowed = self.bounds.answered.allowed(self.reference)
        if upload.like in self.honest:
            allowed = max(allowed, MAXIMUM_TIMES_ITS_SAMPLE * self.honest[upload.like])
        return allowed

"""Send uploads through the deployed entry point, and measure time and memory of each."""

import ctypes
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NamedTuple, Self

from fuzz.uploads import Upload
from tests.gateway import call
from tools.mute_telemetry import quiet

MAXIMUM_MILLISECONDS: Final = 250.0
MAXIMUM_TIMES_ITS_SAMPLE: Final = 3.0
MAXIMUM_PEAK_BYTES: Final = 250_000_000
TRIES: Final = 5
"""Tries of a slow upload: the machine may be busy once, but an attack is slow each time."""


class Outcome(NamedTuple):
    """The result of one upload; the peak is counted above the idle process."""

    name: str
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
    """Send an upload; return the status and the milliseconds from event to answer."""
    headers = {"Content-Type": upload.content_type}
    start = time.perf_counter()
    answer = call("POST", f"/v1/predictions{upload.query}", upload.body, headers)
    return answer.status, 1000 * (time.perf_counter() - start)


@dataclass
class Run:
    """The uploads so far, and those that passed a bound."""

    honest: dict[str, float]
    """Milliseconds of the honest photos that other uploads are compared with, by name."""

    milliseconds: float = MAXIMUM_MILLISECONDS
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, honest: Iterable[Upload], milliseconds: float = MAXIMUM_MILLISECONDS) -> Self:
        """Start a run: warm up with honest photos and take their times."""
        uploads = list(honest)
        with quiet():
            times = {upload.name: min(send(upload)[1] for _ in range(TRIES)) for upload in uploads}
        return cls(times, milliseconds)

    def again(self) -> Self:
        """Return an empty run with the same honest photos."""
        return replace(self, statuses=Counter(), outcomes=[], faults=[])

    def add(self, upload: Upload) -> Outcome:
        """Send an upload and judge it."""
        allowed = self.milliseconds
        if upload.like in self.honest:
            allowed = max(allowed, MAXIMUM_TIMES_ITS_SAMPLE * self.honest[upload.like])
        with quiet():
            idle = idle_bytes()
            status, duration = send(upload)
            peak = status_bytes("VmHWM") - idle
            for _ in range(TRIES - 1):
                if duration > allowed:
                    duration = min(duration, send(upload)[1])
        outcome = Outcome(upload.name, status, duration, peak)
        self.statuses[status] += 1
        self.outcomes.append(outcome)
        if status >= 500:
            self.faults.append(f"{status}: {upload.name}")
        if duration > allowed:
            self.faults.append(f"{duration:.0f} ms, {allowed:.0f} allowed: {upload.name}")
        if peak > MAXIMUM_PEAK_BYTES:
            self.faults.append(f"{peak / 1e6:.0f} MB above idle: {upload.name}")
        return outcome

    def report(self, title: str) -> None:
        """Print counts by status, the slowest uploads, the largest peak, and the faults."""
        if not self.outcomes:
            print(f"{title}: nothing to send")
            return
        by_time = sorted(self.outcomes, key=lambda outcome: outcome.milliseconds, reverse=True)
        by_memory = max(self.outcomes, key=lambda outcome: outcome.peak_bytes)
        counts = ", ".join(
            f"{count:,} x {status}" for status, count in sorted(self.statuses.items())
        )
        median = by_time[len(by_time) // 2].milliseconds
        print(f"{title}: {len(self.outcomes):,} uploads: {counts}")
        print(f"  median {median:.0f} ms; the slowest:")
        for outcome in by_time[:5]:
            print(f"    {outcome.milliseconds:6.0f} ms  {outcome.status}  {outcome.name}")
        print(f"  most memory: {by_memory.peak_bytes / 1e6:.0f} MB above idle, {by_memory.name}")
        for fault in self.faults:
            print(f"  OUT OF BOUNDS: {fault}")

"""Sends uploads through the deployed entry point, and watches what each costs."""

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
"""A slow one gets another try: the machine may have been busy, an attack always is slow."""


class Outcome(NamedTuple):
    """What one upload came to; the peak is above what the idle process holds."""

    name: str
    status: int
    milliseconds: float
    peak_bytes: int


def status_bytes(name: str) -> int:
    """``VmRSS`` or ``VmHWM`` of this process: proc(5)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def idle_bytes() -> int:
    """What the process holds between requests; its peak, ``VmHWM``, begins anew from here."""
    ctypes.CDLL(None).malloc_trim(0)  # what is free counts as taken anew: malloc_trim(3)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status_bytes("VmRSS")


def send(upload: Upload) -> tuple[int, float]:
    """The status, and milliseconds from event to answer."""
    headers = {"Content-Type": upload.content_type}
    start = time.perf_counter()
    answer = call("POST", f"/v1/predictions{upload.query}", upload.body, headers)
    return answer.status, 1000 * (time.perf_counter() - start)


@dataclass
class Run:
    """Uploads so far, and which of them passed a bound."""

    honest: dict[str, float]
    """Milliseconds of the photos that others are compared with, by name."""

    milliseconds: float = MAXIMUM_MILLISECONDS
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: list[Outcome] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, honest: Iterable[Upload], milliseconds: float = MAXIMUM_MILLISECONDS) -> Self:
        """Warm up with honest photos, and take their times."""
        uploads = list(honest)
        with quiet():
            times = {one.name: min(send(one)[1] for _ in range(TRIES)) for one in uploads}
        return cls(times, milliseconds)

    def again(self) -> Self:
        """A run of its own with what this one began with."""
        return replace(self, statuses=Counter(), outcomes=[], faults=[])

    def add(self, upload: Upload) -> Outcome:
        """Send one and judge it."""
        allowed = self.milliseconds
        if upload.like in self.honest:
            allowed = max(allowed, MAXIMUM_TIMES_ITS_SAMPLE * self.honest[upload.like])
        with quiet():
            idle = idle_bytes()
            status, spent = send(upload)
            peak = status_bytes("VmHWM") - idle
            for _ in range(TRIES - 1):
                if spent > allowed:
                    spent = min(spent, send(upload)[1])
        outcome = Outcome(upload.name, status, spent, peak)
        self.statuses[status] += 1
        self.outcomes.append(outcome)
        if status >= 500:
            self.faults.append(f"{status}: {upload.name}")
        if spent > allowed:
            self.faults.append(f"{spent:.0f} ms, {allowed:.0f} allowed: {upload.name}")
        if peak > MAXIMUM_PEAK_BYTES:
            self.faults.append(f"{peak / 1e6:.0f} MB above idle: {upload.name}")
        return outcome

    def report(self, title: str) -> None:
        """Counts by status, the slowest, the hungriest, and what passed a bound."""
        if not self.outcomes:
            print(f"{title}: nothing to send")
            return
        by_time = sorted(self.outcomes, key=lambda one: one.milliseconds, reverse=True)
        by_memory = max(self.outcomes, key=lambda one: one.peak_bytes)
        counts = ", ".join(
            f"{count:,} x {status}" for status, count in sorted(self.statuses.items())
        )
        median = by_time[len(by_time) // 2].milliseconds
        print(f"{title}: {len(self.outcomes):,} uploads: {counts}")
        print(f"  median {median:.0f} ms; the slowest:")
        for one in by_time[:5]:
            print(f"    {one.milliseconds:6.0f} ms  {one.status}  {one.name}")
        print(f"  most memory: {by_memory.peak_bytes / 1e6:.0f} MB above idle, {by_memory.name}")
        for fault in self.faults:
            print(f"  OUT OF BOUNDS: {fault}")

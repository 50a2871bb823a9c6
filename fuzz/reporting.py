"""Print the outcomes of uploads as tables in Markdown."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import TypeVar

from fuzz.running import Outcome, Run

_Key = TypeVar("_Key")

WORST_HEAD = ("family", "worst", "upload", "bytes", "status", "CPU ms", "MB")
FORMATS_HEAD = ("status", "format", "count", "slowest, ms", "its name", "largest, bytes")


def family(outcome: Outcome) -> str:
    """Return the first word of a name: a format, a part of a request, or "mutant"."""
    return outcome.name.partition(" ")[0].rstrip(":")


def status_and_format(outcome: Outcome) -> tuple[int, str]:
    """Return what files of a directory are counted by."""
    return outcome.status, outcome.format


def report(title: str, run: Run, *, by_format: bool) -> None:
    """Print counts by status, a table, and the faults.

    Args:
        title: a name of the run.
        run: its outcomes.
        by_format: count files by status and format; else print the worst of each family.
    """
    if not run.outcomes:
        print(f"{title}: nothing to send")
        return
    counts = ", ".join(f"{count:,} x {status}" for status, count in sorted(run.statuses.items()))
    times = sorted(outcome.milliseconds for outcome in run.outcomes)
    print(f"{title}: {len(run.outcomes):,} uploads: {counts}")
    print(f"median {times[len(times) // 2]:.0f} ms of CPU\n")
    if by_format:
        _print_table(FORMATS_HEAD, _formats(run.outcomes))
    else:
        _print_table(WORST_HEAD, _worst(run.outcomes))
    for fault in run.faults:
        print(f"OUT OF BOUNDS: {fault}")
    print()


def _worst(outcomes: Iterable[Outcome]) -> Iterable[tuple[str, ...]]:
    for name, members in _grouped(outcomes, family).items():
        for label, measure in (("CPU", "milliseconds"), ("memory", "peak_bytes")):
            worst = max(members, key=attrgetter(measure))
            yield (
                name, label, worst.name, f"{worst.body_bytes:,}", str(worst.status),
                f"{worst.milliseconds:.0f}", f"{worst.peak_bytes / 1e6:.0f}",
            )  # fmt: skip


def _formats(outcomes: Iterable[Outcome]) -> Iterable[tuple[str, ...]]:
    for (status, photo_format), members in sorted(_grouped(outcomes, status_and_format).items()):
        slowest = max(members, key=attrgetter("milliseconds"))
        largest = max(member.body_bytes for member in members)
        yield (
            str(status), photo_format, f"{len(members):,}", f"{slowest.milliseconds:.0f}",
            slowest.name, f"{largest:,}",
        )  # fmt: skip


def _grouped(
    outcomes: Iterable[Outcome], key: Callable[[Outcome], _Key]
) -> dict[_Key, list[Outcome]]:
    groups = defaultdict(list)
    for outcome in outcomes:
        groups[key(outcome)].append(outcome)
    return dict(groups)


def _print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    for row in (head, ("---",) * len(head), *rows):
        print(f"| {' | '.join(row)} |")

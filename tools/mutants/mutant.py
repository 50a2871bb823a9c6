"""A mutant: one change of one module, and how a list or a report names it."""

from dataclasses import dataclass
from pathlib import Path

from tools.mutants.changes import Change, changes


@dataclass(frozen=True)
class Mutant:
    """One change of the module at ``path``, which is relative to the root of the repository."""

    path: str
    line: int
    function: str
    was: str
    becomes: str
    change: Change

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Name it without a line number, so that the name outlives changes further up."""
        return self.path, self.function, self.was, self.becomes


def mutants_of(root: Path, path: str) -> list[Mutant]:
    """Return all mutants of a module."""
    source = (root / path).read_bytes()
    return [_mutant(path, source, change) for change in changes(source)]


def _mutant(path: str, source: bytes, change: Change) -> Mutant:
    first = source.rfind(b"\n", 0, change.start) + 1
    last = source.find(b"\n", change.end)
    last = len(source) if last < 0 else last
    was = source[first:last]
    becomes = source[first : change.start] + change.text.encode() + source[change.end : last]
    line = source.count(b"\n", 0, change.start) + 1
    return Mutant(path, line, change.function, _one_line(was), _one_line(becomes), change)


def _one_line(text: bytes) -> str:
    return " ".join(text.decode().split())

"""What adoption finds out, and what stops it."""

from collections.abc import Callable
from typing import NamedTuple


class AdoptionError(ValueError):
    """A model that cannot be adopted: one line says what is wrong, and what to do."""


class Finding(NamedTuple):
    """A fact, and who says so: a file, a trial, or a convention that may be wrong."""

    what: str
    value: str
    source: str

    def __str__(self) -> str:
        return f"{self.what:<14} {self.value}  [{self.source}]"


class Findings(list[Finding]):
    """All findings in order; each is told as soon as it is there."""

    def __init__(self, tell: Callable[[str], None] = print) -> None:
        super().__init__()
        self._tell = tell

    def add(self, what: str, value: str, source: str) -> None:
        """Keep a finding, and tell it."""
        finding = Finding(what, value, source)
        self.append(finding)
        self._tell(str(finding))

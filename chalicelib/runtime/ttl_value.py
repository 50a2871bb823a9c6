"""A value that is asked for now and then, rather than each time it is wanted."""

from collections.abc import Callable
from typing import Generic, TypeVar

from chalicelib.ports import Clock

Value = TypeVar("Value")


class TtlValue(Generic[Value]):
    """Asks when first called, and again only after ``seconds``.

    Where asking raises one of ``forgiven``, what was known before stays in use for as long
    again; without anything known, and for any other exception, the caller gets it.
    """

    def __init__(
        self,
        ask: Callable[[], Value],
        seconds: float,
        clock: Clock,
        forgiven: tuple[type[Exception], ...] = (),
    ) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._forgiven = forgiven
        self._known: Value | None = None
        self._until = 0.0

    def __call__(self) -> Value:
        """The value, at most ``seconds`` old unless it could not be had anew."""
        if self._known is None or self._clock() >= self._until:
            try:
                self._known = self._ask()
            except self._forgiven:
                if self._known is None:
                    raise
            self._until = self._clock() + self._seconds
        return self._known

    def invalidate_unless(self, is_right: Callable[[Value], bool]) -> None:
        """Ask at the next call already, if what is known now is not ``is_right``."""
        if self._known is not None and not is_right(self._known):
            self._until = 0.0

"""A value that is fetched once and cached for a while."""

from collections.abc import Callable
from typing import Generic, TypeVar

from chalicelib.ports import Clock

Value = TypeVar("Value")


class TtlValue(Generic[Value]):
    """Fetches a value on the first call, and again after ``seconds`` (its time to live).

    If the fetch raises one of ``stale_on`` and there is an old value, the old value is kept for
    another ``seconds`` (stale-if-error). Otherwise the exception propagates.

    Not synchronised: two threads may fetch at the same time. The last result stays.
    """

    def __init__(
        self,
        fetch: Callable[[], Value],
        seconds: float,
        clock: Clock,
        stale_on: tuple[type[Exception], ...] = (),
    ) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._clock = clock
        self._stale_on = stale_on
        self._value: Value | None = None
        self._expires_at = 0.0

    def __call__(self) -> Value:
        """Return the value: at most ``seconds`` old, unless a fetch has failed."""
        if self._value is None or self._clock() >= self._expires_at:
            try:
                self._value = self._fetch()
            except self._stale_on:
                if self._value is None:
                    raise
            self._expires_at = self._clock() + self._seconds
        return self._value

    def invalidate_unless(self, is_current: Callable[[Value], bool]) -> None:
        """Fetch again on the next call, unless ``is_current(value)``."""
        if self._value is not None and not is_current(self._value):
            self._expires_at = 0.0

"""A value that is fetched once and cached for a while."""

from collections.abc import Callable
from typing import Generic, TypeVar

from chalicelib.ports import Clock

Value = TypeVar("Value")


class TtlValue(Generic[Value]):
    """Fetches a value on the first call, and again after ``seconds`` (its time to live).

    What the fetch raises propagates: the value may be a password that has expired.
    :class:`~chalicelib.runtime.refreshed_value.RefreshedValue` keeps an old value instead.

    Not synchronised: two threads may fetch at the same time. The last result stays.
    """

    def __init__(self, fetch: Callable[[], Value], seconds: float, clock: Clock) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._clock = clock
        self._value: Value | None = None
        self._expires_at = 0.0

    def __call__(self) -> Value:
        """Return the value: at most ``seconds`` old."""
        if self._value is None or self._clock() >= self._expires_at:
            self._value = self._fetch()
            self._expires_at = self._clock() + self._seconds
        return self._value

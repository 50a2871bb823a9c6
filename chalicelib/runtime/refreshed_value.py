"""A value that is served at once and refreshed in the background (stale-while-revalidate)."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from chalicelib.ports import Background, Clock

Value = TypeVar("Value")


class RefreshedValue(Generic[Value]):
    """Fetches a value on the first call. Later calls never wait: they return what is known.

    Once the value is ``seconds`` old, the next call starts one fetch in the background. A fetch
    that raises one of ``kept_on`` leaves the value as it is, and ``is_confirmed`` becomes false
    until a fetch succeeds. Only the first call, and :meth:`refresh`, raise what ``fetch`` raises.
    See RFC 5861. Thread-safe.
    """

    def __init__(
        self,
        fetch: Callable[[], Value],
        seconds: float,
        clock: Clock,
        background: Background,
        kept_on: type[Exception],
    ) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._clock = clock
        self._background = background
        self._kept_on = kept_on
        self._lock = Lock()
        self._value: Value | None = None
        self._expires_at = 0.0
        self._started = self._finished = 0
        self.is_confirmed = True

    def __call__(self) -> Value:
        """Return the value that is known, or fetch the first one."""
        if self._value is None:
            return self.refresh()
        with self._lock:
            is_due = self._clock() >= self._expires_at
            if is_due:  # one fetch is enough, also if it fails
                self._expires_at = self._clock() + self._seconds
        if is_due:
            self._background(self._try_refresh)
        return self._value

    def refresh(self) -> Value:
        """Fetch the value now, and return it.

        Lambda can freeze a fetch in the background for an hour. So the fetch that started last
        wins, and not the one that ends last.
        """
        with self._lock:
            self._started += 1
            number = self._started
        try:
            value = self._fetch()
        except self._kept_on:
            self._finish(number, is_confirmed=False)
            raise
        self._finish(number, is_confirmed=True, value=value)
        return value

    def _finish(self, number: int, *, is_confirmed: bool, value: Value | None = None) -> None:
        with self._lock:
            if number < self._finished:
                return
            self._finished, self.is_confirmed = number, is_confirmed
            if value is not None:
                self._value = value
                self._expires_at = self._clock() + self._seconds

    def _try_refresh(self) -> None:
        try:
            self.refresh()
        except self._kept_on:
            return

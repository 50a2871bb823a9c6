"""A circuit breaker: who does not answer is left alone for a while.

Waiting for a server that is gone costs every visitor a timeout. After some failures in a
row the breaker opens and calls fail at once; after a while one call probes whether the
server is back. pybreaker does the work; only its clock is ours, so that no test sleeps.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import pybreaker

from chalicelib.ports import Clock

Result = TypeVar("Result")


class ClockedStorage(pybreaker.CircuitMemoryStorage):
    """Keeps when the breaker opened on our clock, and tells it on pybreaker's."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(pybreaker.STATE_CLOSED)
        self._clock = clock
        self._opened: float | None = None

    @property
    def opened_at(self) -> datetime | None:
        """As long ago as our clock says that it was."""
        if self._opened is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=self._clock() - self._opened)

    @opened_at.setter
    def opened_at(self, moment: datetime) -> None:
        del moment
        self._opened = self._clock()


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """After so many ``failures`` in a row a server is left alone for so many ``seconds``."""

    failures: int = 3
    seconds: float = 5.0


DEFAULT_BREAKER_POLICY: Final = BreakerPolicy()


class Breaker:
    """Lets calls through until some of them in a row have raised one of ``errors``.

    Then none for a while, and after that one at a time until one succeeds. Calls that
    are held back, and those that raise ``errors``, raise ``unavailable`` instead. Other
    exceptions are no fault of the server and pass as they are.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        errors: tuple[type[Exception], ...],
        unavailable: type[Exception],
        patience: BreakerPolicy,
    ) -> None:
        self._name = name
        self._errors = errors
        self._unavailable = unavailable
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=patience.failures,
            reset_timeout=patience.seconds,
            exclude=[lambda error: not isinstance(error, errors)],
            state_storage=ClockedStorage(clock),
            throw_new_error_on_trip=False,
        )

    @property
    def is_open(self) -> bool:
        """Whether calls are held back just now."""
        return bool(self._breaker.current_state == pybreaker.STATE_OPEN)

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Call, one thread at a time, unless the breaker is open."""
        try:
            return self._breaker.call(function, *arguments)
        except pybreaker.CircuitBreakerError as held_back:
            raise self._unavailable(f"{self._name} is left alone for a while.") from held_back
        except self._errors as failure:
            # Their messages may hold addresses and keys; their kind is enough.
            kind = type(failure).__name__
            raise self._unavailable(f"{self._name} failed: {kind}.") from failure

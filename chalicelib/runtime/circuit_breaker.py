"""A circuit breaker: after repeated failures, calls to a server fail at once for a few seconds.

Without it, every visitor would wait for the timeout of a server that is gone. See Michael
Nygard, *Release It!*, and https://martinfowler.com/bliki/CircuitBreaker.html. This is our own code
because pybreaker imports redis even if only MySQL is used: 100 modules, 65 to 90 ms of a cold
start.
"""

import logging
from collections.abc import Callable
from threading import RLock
from typing import Any, Final, TypeVar

from msgspec import Struct

from chalicelib.errors import RangefinderError
from chalicelib.ports import Clock

Result = TypeVar("Result")

logger = logging.getLogger("rangefinder.breaker")
"""Its lines go where those of ``http/telemetry.py`` go."""


class BreakerPolicy(Struct, frozen=True):
    """Open after this many ``failures`` in a row, and stay open for this many ``seconds``."""

    failures: int = 3
    seconds: float = 5.0


DEFAULT_BREAKER_POLICY: Final = BreakerPolicy()


class Explained(Exception):
    """A failure whose text says what to do, and holds no address, no key and no secret."""


class Breaker:
    """Guards the calls to one server. Thread-safe.

    Closed, it lets calls through; failures in a row open it. Open, it refuses calls. After
    ``policy.seconds`` it is half-open: the next call is a probe, which closes the breaker or
    opens it again. A call fails if it raises one of ``errors``. An error of another breaker
    inside the call passes and changes nothing. Any other exception is an answer of the server, and
    passes unchanged.

    The first failure that opens it is logged, with its reason.

    Calls run one at a time. Many threads therefore wait for a broken server no more often
    than one thread would. A call may make another one: the lock is reentrant. So ``function``
    must end after one timeout if the server is silent, and must not sleep: a visitor then waits
    for a slow call in the background no longer than that timeout.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        errors: tuple[type[Exception], ...],
        unavailable: type[Exception],
        policy: BreakerPolicy,
    ) -> None:
        self._name = name
        self._clock = clock
        self._errors: tuple[type[Exception], ...] = (*errors, Explained)
        self._unavailable = unavailable
        self._policy = policy
        self._lock = RLock()
        self._failures = 0
        self._opened_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the server has failed, and no probe has succeeded since."""
        return self._opened_at is not None

    def call(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Return ``function(*arguments)``.

        Raises:
            unavailable: the breaker is open, or the call raised one of ``errors``.
        """
        with self._lock:
            if self._is_refusing():
                raise self._unavailable(f"{self._name}'s circuit breaker is open; not calling it.")
            try:
                result = function(*arguments)
            except self._errors as error:
                reason = f"{self._name} failed: {_reason(error)}."
                self._count_failure(reason)
                raise self._unavailable(reason) from error
            except RangefinderError:
                # A breaker inside has spoken; of this one's server we know nothing new.
                raise
            except BaseException:
                self._close()
                raise
            self._close()
            return result

    def _is_refusing(self) -> bool:
        if self._opened_at is None:
            return False
        return self._clock() < self._opened_at + self._policy.seconds

    def _count_failure(self, reason: str) -> None:
        self._failures += 1
        if self.is_open or self._failures >= self._policy.failures:
            if not self.is_open:
                logger.warning("%s Its circuit breaker opens.", reason)
            self._opened_at = self._clock()

    def _close(self) -> None:
        self._failures, self._opened_at = 0, None


def _reason(error: Exception) -> str:
    """Return what may be shown of an error: messages can hold addresses and keys."""
    if isinstance(error, Explained):
        return str(error)
    code = error.args[0] if error.args else None
    # Servers' numbers tell a wrong password from a server that is gone.
    number = f" {code}" if isinstance(code, int) else ""
    return type(error).__name__ + number

"""A shared cache in a dictionary."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.errors import CacheReadOnly, CacheUnavailable
from chalicelib.ports import Leased
from tests.fakes import FakeClock


@dataclass
class FakeSharedCache:
    """A cache with a fake clock. It can be out of reach or read-only, and counts round trips."""

    clock: FakeClock
    is_down: bool = False
    is_read_only: bool = False
    trips: int = 0
    values: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def is_breaker_open(self) -> bool:
        return self.is_down

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        self._travel()
        return [self._value(key) for key in keys]

    def put(self, values: Mapping[str, bytes], seconds: float, token: str | None = None) -> None:
        self._travel(is_write=True)
        for key, value in values.items():
            self.values[key] = value, self.clock() + seconds
            self._end_lease(key, token)

    def replace(
        self, key: str, known: bytes | None, value: bytes, seconds: float, token: str | None = None
    ) -> None:
        self._travel(is_write=True)
        if self._value(key) == known:
            self.values[key] = value, self.clock() + seconds
        self._end_lease(key, token)

    def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[Leased]:
        self._travel(is_write=True)
        leases = []
        for key in keys:
            is_free = self.clock() >= self.leases.get(key, ("", -math.inf))[1]
            if is_free:
                self.leases[key] = token, self.clock() + seconds
            leases.append(Leased(is_free, self._value(key)))
        return leases

    def release(self, keys: Sequence[str], token: str) -> None:
        self._travel(is_write=True)
        for key in keys:
            self._end_lease(key, token)

    def _value(self, key: str) -> bytes | None:
        value, until = self.values.get(key, (None, math.inf))
        return value if self.clock() < until else None

    def _end_lease(self, key: str, token: str | None) -> None:
        if token and self.leases.get(key, ("", 0.0))[0] == token:
            del self.leases[key]

    def _travel(self, is_write: bool = False) -> None:
        self.trips += 1
        if self.is_down:
            raise CacheUnavailable("down")
        if is_write and self.is_read_only:
            raise CacheReadOnly("READONLY")

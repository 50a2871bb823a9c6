"""The shared cache on Redis or Valkey: one server, or a cluster like ElastiCache's.

A call waits tens of milliseconds at most for its answer, whatever the server does. After repeated
failures a circuit breaker stops calls for a while. Another one stops only writes: a server can
refuse them and still answer reads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import (
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from chalicelib.errors import CacheReadOnly, CacheUnavailable
from chalicelib.features.redis_nodes import Command, RedisAddress, RedisNodes
from chalicelib.ports import Clock, Leased
from chalicelib.runtime.circuit_breaker import DEFAULT_BREAKER_POLICY, Breaker, BreakerPolicy

RELEASE: Final = """
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0
"""
"""Only the holder of a lease may release it (https://redis.io/docs/latest/commands/set/)."""

REPLACE: Final = """
local known = redis.pcall("GET", KEYS[1])
if type(known) ~= "string" then known = "" end
if known ~= ARGV[1] then return 0 end
return redis.call("SET", KEYS[1], ARGV[2], "PX", ARGV[3])
"""
"""Store a value, if the key still holds what the caller knows. Another type counts as nothing."""

REFUSALS: Final = ("READONLY", "OOM", "NOPERM", "MISCONF", "NOREPLICAS")
"""Codes of the errors with which a server refuses writes, though it answers reads.

It has become a replica; its memory is full; the user may not write; it cannot save to disk; too
few replicas would receive the write."""


@dataclass(frozen=True, slots=True)
class RedisOptions(RedisAddress):
    """The address of the server, how long to wait for it, and when to stop calling it."""

    breaker: BreakerPolicy = DEFAULT_BREAKER_POLICY


class RedisCache:
    """The :class:`~chalicelib.ports.SharedCache` on Redis. Connects when first used. Thread-safe.

    Each call is one round trip, whatever the number of keys. It raises ``CacheUnavailable`` if
    the server fails, and ``CacheReadOnly`` if the server refuses writes.
    """

    def __init__(self, options: RedisOptions, clock: Clock) -> None:
        self._nodes = RedisNodes(options, clock)
        # In a cluster the braces put the lease into the slot of its key. Both are then on one
        # server, which carries commands out in their order.
        self._lease_key = "{{{}}}:lease" if options.is_cluster else "{}:lease"
        self._breaker = Breaker(
            "The cache", clock, (RedisError, OSError), CacheUnavailable, options.breaker
        )
        self._writes = Breaker(
            "Writing to the cache", clock, (ResponseError,), CacheReadOnly, options.breaker
        )

    def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each key, or ``None`` if there is none."""
        return self._breaker.call(self._read, [("GET", key) for key in keys])

    def lease(self, keys: Sequence[str], token: str, seconds: float) -> list[Leased]:
        """Take the lease of each key, if it is free (``SET NX PX``), and read the key's value."""
        milliseconds = round(seconds * 1000)
        replies = self._write(
            [
                command
                for key in keys
                for command in (
                    ("SET", self._lease_key.format(key), token, "NX", "PX", milliseconds),
                    ("GET", key),
                )
            ]
        )
        return [
            Leased(taken is not None, value)
            for taken, value in zip(replies[::2], replies[1::2], strict=True)
        ]

    def put(self, values: Mapping[str, bytes], seconds: float, token: str | None = None) -> None:
        """Store values for some seconds, and end the leases of their keys that ``token`` holds."""
        milliseconds = round(seconds * 1000)
        stores = [("SET", key, value, "PX", milliseconds) for key, value in values.items()]
        self._write([*stores, *(self._releases(values, token) if token else ())])

    def replace(
        self, key: str, known: bytes | None, value: bytes, seconds: float, token: str | None = None
    ) -> None:
        """Store a value, if the key still holds ``known``, and end the lease of ``token``."""
        store = ("EVAL", REPLACE, 1, key, known or b"", value, round(seconds * 1000))
        self._write([store, *(self._releases([key], token) if token else ())])

    def release(self, keys: Sequence[str], token: str) -> None:
        """End the leases of the keys early, if ``token`` still holds them."""
        self._write(self._releases(keys, token))

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        self._nodes.close()

    @property
    def is_breaker_open(self) -> bool:
        """Whether the circuit breaker of all calls is open."""
        return self._breaker.is_open

    @property
    def is_read_only(self) -> bool:
        """Whether the circuit breaker of writes is open."""
        return self._writes.is_open

    def _releases(self, keys: Mapping[str, bytes] | Sequence[str], token: str) -> list[Command]:
        return [("EVAL", RELEASE, 1, self._lease_key.format(key), token) for key in keys]

    def _write(self, commands: Sequence[Command]) -> list[Any]:
        return self._writes.call(self._write_if_accepted, commands)

    def _write_if_accepted(self, commands: Sequence[Command]) -> list[Any]:
        """Exchange commands. Raises redis-py's error for the first write that is refused."""
        replies = self._breaker.call(self._exchange, commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _read(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._exchange(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies

    def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies. Raises an error reply, unless it refuses a write."""
        replies = self._nodes.exchange(commands) if commands else []
        # Another program's list or hash under our key is a miss, not an outage.
        replies = [None if _is(reply, "WRONGTYPE") else reply for reply in replies]
        for reply in replies:
            if isinstance(reply, ReadOnlyError):
                # A name has come to mean a replica: look it up again.
                self._nodes.close()
            if isinstance(reply, Exception) and not _is_refusal(reply):
                raise reply
        return replies


def _is(reply: Any, code: str) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith(code)


def _is_refusal(error: Exception) -> bool:
    """Return whether a server refuses a write. Redis 6 names the cause in a script's error last."""
    return isinstance(error, (NoPermissionError, OutOfMemoryError, ReadOnlyError)) or any(
        code in str(error) for code in REFUSALS
    )

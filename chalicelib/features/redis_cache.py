"""The shared cache on Redis or Valkey: alone, or as the cluster that ElastiCache speaks.

redis-py's defaults would sink the service: with ten retries and five seconds a single GET
takes a minute where packets vanish. Here a call takes tens of milliseconds at most, is
retried once at most, and not made at all for a while after some have failed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from chalicelib.errors import CacheUnavailable
from chalicelib.ports import Clock
from chalicelib.runtime.circuit_breaker import DEFAULT_BREAKER_POLICY, Breaker, BreakerPolicy

RELEASE: Final = """
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0
"""
"""Only who holds a lease may give it back (https://redis.io/docs/latest/commands/set/)."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Where the server is, and how much patience to have with it.

    ``url`` as redis-py reads it: ``redis://`` or ``rediss://`` (TLS, certificate and host
    name checked against ``certificate_authorities``, or the system's), with user and
    password if there are any. ``timeout`` is in seconds: the longest wait of a call.
    """

    url: str
    is_cluster: bool = False
    timeout: float = 0.05
    retries: int = 1
    certificate_authorities: str | None = None
    patience: BreakerPolicy = DEFAULT_BREAKER_POLICY


class RedisCache:
    """The :class:`~chalicelib.ports.SharedCache` on Redis. Connects when first used."""

    def __init__(self, options: RedisOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._connected: Any = None

    def get(self, key: str) -> bytes | None:
        """What is there, if anything. Raises ``CacheUnavailable``."""
        found: bytes | None = self._breaker.call(self._get, key)
        return found

    def _get(self, key: str) -> Any:
        from redis.exceptions import ResponseError  # noqa: PLC0415

        try:
            return self._client().get(key)
        except ResponseError as error:
            # Somebody else's list or hash under our key: nothing of ours, and no outage.
            if str(error).startswith("WRONGTYPE"):
                return None
            raise

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Keep a value for so long. Raises ``CacheUnavailable``."""
        self._breaker.call(lambda: self._client().set(key, value, px=round(seconds * 1000)))

    def lease(self, key: str, owner: str, seconds: float) -> bool:
        """``SET NX PX``: whether ``owner`` now holds the key. Raises ``CacheUnavailable``."""
        milliseconds = round(seconds * 1000)
        return bool(
            self._breaker.call(lambda: self._client().set(key, owner, nx=True, px=milliseconds))
        )

    def release(self, key: str, owner: str) -> None:
        """Give a lease back, if ``owner`` still holds it. Raises ``CacheUnavailable``."""
        self._breaker.call(lambda: self._client().eval(RELEASE, 1, key, owner))

    def close(self) -> None:
        """Give the connections back; the next call makes others."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    @property
    def is_breaker_open(self) -> bool:
        """Whether the breaker is open."""
        return self._breaker.is_open

    @cached_property
    def _breaker(self) -> Breaker:
        from redis.exceptions import RedisClusterException, RedisError  # noqa: PLC0415

        return Breaker(
            "The cache",
            self._clock,
            (RedisError, RedisClusterException, OSError),
            CacheUnavailable,
            self._options.patience,
        )

    def _client(self) -> Any:
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def _connect(self) -> Any:
        # redis-py takes a while to import: a service without a cache never pays for it.
        import redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        options = self._options
        # Where a cluster is silent its client asks once more, for who holds which slots.
        timeout = options.timeout / (2 if options.is_cluster else 1)
        arguments: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            # A connection that has gone meanwhile is worth another; silence is not.
            "retry": Retry(NoBackoff(), options.retries, (redis.ConnectionError,)),
        }
        if options.url.startswith("rediss:"):
            arguments["ssl_cert_reqs"] = "required"
            arguments["ssl_check_hostname"] = True
            if options.certificate_authorities:
                arguments["ssl_ca_certs"] = options.certificate_authorities
        kind = redis.RedisCluster if options.is_cluster else redis.Redis
        return kind.from_url(options.url, **arguments)

"""The shared cache on Redis or Valkey: one server, or a cluster like ElastiCache's.

redis-py's defaults would stop the service: ten retries of five seconds make a single GET take a
minute if packets are lost. Here a call takes tens of milliseconds at most and is retried once at
most. After repeated failures a circuit breaker stops calls for a while.
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
"""Only the holder of a lease may release it (https://redis.io/docs/latest/commands/set/)."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """The address of the server, and how long to wait for it.

    ``url`` has redis-py's form: ``redis://``, or ``rediss://`` for TLS, with user and password
    if there are any. With TLS the client checks certificate and host name against
    ``certificate_authorities``, or the system's. ``timeout`` is the longest wait of a call, in
    seconds.
    """

    url: str
    is_cluster: bool = False
    timeout: float = 0.05
    retries: int = 1
    certificate_authorities: str | None = None
    breaker: BreakerPolicy = DEFAULT_BREAKER_POLICY


class RedisCache:
    """The :class:`~chalicelib.ports.SharedCache` on Redis. Connects when first used."""

    def __init__(self, options: RedisOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._connected: Any = None

    def get(self, key: str) -> bytes | None:
        """Return the value, or ``None`` if there is none. Raises ``CacheUnavailable``."""
        value: bytes | None = self._breaker.call(self._get, key)
        return value

    def _get(self, key: str) -> Any:
        from redis.exceptions import ResponseError  # noqa: PLC0415

        try:
            return self._client().get(key)
        except ResponseError as error:
            # Another program's list or hash under our key is a miss, not an outage.
            if str(error).startswith("WRONGTYPE"):
                return None
            raise

    def put(self, key: str, value: bytes, seconds: float) -> None:
        """Store a value for some seconds. Raises ``CacheUnavailable``."""
        self._breaker.call(lambda: self._client().set(key, value, px=round(seconds * 1000)))

    def lease(self, key: str, token: str, seconds: float) -> bool:
        """Return whether ``token`` now holds the lease: ``SET NX PX``.

        Raises ``CacheUnavailable``.
        """
        milliseconds = round(seconds * 1000)
        return bool(
            self._breaker.call(lambda: self._client().set(key, token, nx=True, px=milliseconds))
        )

    def release(self, key: str, token: str) -> None:
        """End a lease early, if ``token`` still holds it. Raises ``CacheUnavailable``."""
        self._breaker.call(lambda: self._client().eval(RELEASE, 1, key, token))

    def prepare(self) -> None:
        """Import redis-py now rather than during the first lookup. Does not connect."""
        import redis.backoff  # noqa: PLC0415
        import redis.retry  # noqa: PLC0415, F401

        _ = self._breaker

    def close(self) -> None:
        """Close the connections; the next call opens others."""
        client, self._connected = self._connected, None
        if client is not None:
            client.close()

    @property
    def is_breaker_open(self) -> bool:
        """Whether the circuit breaker is open."""
        return self._breaker.is_open

    @cached_property
    def _breaker(self) -> Breaker:
        from redis.exceptions import RedisClusterException, RedisError  # noqa: PLC0415

        return Breaker(
            "The cache",
            self._clock,
            (RedisError, RedisClusterException, OSError),
            CacheUnavailable,
            self._options.breaker,
        )

    def _client(self) -> Any:
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def _connect(self) -> Any:
        # redis-py is slow to import: a service without a cache does without.
        import redis  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        options = self._options
        # If a cluster does not answer, its client asks a second time, for its slots.
        timeout = options.timeout / (2 if options.is_cluster else 1)
        arguments: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            # A lost connection is worth a second try; a timeout is not.
            "retry": Retry(NoBackoff(), options.retries, (redis.ConnectionError,)),
        }
        if options.url.startswith("rediss:"):
            arguments["ssl_cert_reqs"] = "required"
            arguments["ssl_check_hostname"] = True
            if options.certificate_authorities:
                arguments["ssl_ca_certs"] = options.certificate_authorities
        kind = redis.RedisCluster if options.is_cluster else redis.Redis
        return kind.from_url(options.url, **arguments)

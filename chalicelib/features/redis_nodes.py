"""Connections to the servers of the cache: to one server, or to the nodes of a cluster.

redis-py's connections are used, but not its clients, because a call must wait for tens of
milliseconds at most. Its cluster client (8.1) sleeps 250 ms if a slot has no server, repeats the
commands of a failed pipeline one by one with a timeout each, and opens two connections and reads
the list of all commands before the first one.
"""

import encodings.idna  # noqa: F401 - a host name needs it: now, not in the first request
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from redis.connection import Connection, SSLConnection, parse_url
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,  # noqa: A004 - the name that redis-py gives it
    MovedError,
    ResponseError,
)

from chalicelib.ports import Clock

IDLE_SECONDS: Final = 60.0
"""A connection that was idle for longer is replaced before it is used.

While Lambda freezes an environment, its connections can be lost, and nobody tells it. The next
call would wait for its timeout, and so would a health check (``PING``). A new connection takes
some milliseconds.
"""

Command = tuple[Any, ...]
"""The name of a command, its key and its other arguments. ``EVAL`` has its key in fourth place."""

Address = tuple[str, int]
"""Host and port."""


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """The address of the server, and how long to wait for it.

    ``url`` has redis-py's form: ``redis://``, or ``rediss://`` for TLS, with user and password
    if there are any. With TLS the client checks certificate and host name against
    ``certificate_authorities``, or the system's. ``connect_timeout`` limits each step of a
    connection (to connect, to agree on TLS, to log in), ``timeout`` each wait for an answer; both
    are seconds.
    """

    url: str
    is_cluster: bool = False
    timeout: float = 0.05
    connect_timeout: float = 0.15
    certificate_authorities: str | None = None


class _TlsConnection(SSLConnection):
    """A connection with TLS whose certificates are read once, and not for each connection."""

    def __init__(self, *, tls: ssl.SSLContext, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._tls = tls

    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        return self._tls.wrap_socket(sock, server_hostname=self.host)


class _Node:
    """One server, and one connection to it, which opens at first use."""

    def __init__(self, connection: Any, timeout: float, clock: Clock) -> None:
        self._connection = connection
        self._timeout = timeout
        self._clock = clock
        self._used_at = clock()

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return bool(self._connection.is_connected)

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands; :meth:`receive` must read the reply of each."""
        if self._clock() - self._used_at > IDLE_SECONDS:
            self.close()
        self._used_at = self._clock()
        self._connection.connect()
        self._connection.send_packed_command(self._connection.pack_commands(commands))

    def receive(self) -> Any:
        """Return the next reply; an error is returned and not raised."""
        try:
            return self._connection.read_response(timeout=self._timeout)
        except ResponseError as error:
            return error

    def close(self) -> None:
        """Close the connection; the next command opens another."""
        self._connection.disconnect()


class RedisNodes:
    """Sends commands to the servers that hold their keys. Not thread-safe."""

    def __init__(self, address: RedisAddress, clock: Clock) -> None:
        self._clock = clock
        self._timeout = address.timeout
        self._is_cluster = address.is_cluster
        from_url: dict[str, Any] = parse_url(address.url)  # type: ignore[no-untyped-call]
        self._arguments: dict[str, Any] = {
            "socket_connect_timeout": address.connect_timeout,
            "socket_timeout": address.connect_timeout,
            # One round trip less each: to choose the third version of the protocol, and to name
            # the client's library.
            "protocol": 2,
            "driver_info": None,
            **from_url,
        }
        self._kind = self._arguments.pop("connection_class", Connection)
        if self._kind is SSLConnection:
            self._kind = _TlsConnection
            self._arguments["tls"] = ssl.create_default_context(
                cafile=address.certificate_authorities
            )
        self._first: Address = (
            self._arguments.pop("host", "localhost"),
            self._arguments.pop("port", 6379),
        )
        self._nodes: dict[Address, _Node] = {}
        self._slots: list[Address | None] = []

    def exchange(self, commands: Sequence[Command]) -> list[Any]:
        """Send all commands at once and return their replies, in their order.

        It is one round trip, if the slots of a cluster are known. An error reply is returned as
        an exception. A connection that turns out to be lost is replaced once; after a timeout
        there is no second try. Raises redis-py's errors, after which nothing stays open.
        """
        had_connection = any(node.is_open for node in self._nodes.values())
        try:
            try:
                return self._exchange_and_follow(commands)
            except ConnectionError:
                if not had_connection:
                    raise
                self.close()
                return self._exchange_and_follow(commands)
        except BaseException:
            # A reply may still arrive: the next command must not read it as its own.
            self.close()
            raise

    def close(self) -> None:
        """Close all connections; the next command looks the server's name up again."""
        for node in self._nodes.values():
            node.close()
        self._nodes.clear()
        self._slots = []

    def _exchange_and_follow(self, commands: Sequence[Command]) -> list[Any]:
        """Exchange, and repeat what a cluster has moved to another node."""
        replies = self._exchange(commands)
        moved = [at for at, reply in enumerate(replies) if isinstance(reply, MovedError)]
        if moved:
            self._slots = []
            for at, reply in zip(
                moved, self._exchange([commands[at] for at in moved]), strict=True
            ):
                replies[at] = reply
        for at, reply in enumerate(replies):
            if isinstance(reply, AskError) and not isinstance(reply, MovedError):
                node = self._node((reply.host or self._first[0], reply.port))
                node.send([("ASKING",), commands[at]])
                node.receive()
                replies[at] = node.receive()
            elif isinstance(reply, ClusterDownError):
                self._slots = []
        return replies

    def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        nodes = [self._node(self._address(command)) for command in commands]
        for node in dict.fromkeys(nodes):
            node.send([command for command, at in zip(commands, nodes, strict=True) if at is node])
        return [node.receive() for node in nodes]

    def _node(self, address: Address) -> _Node:
        if address not in self._nodes:
            host, port = address
            connection = self._kind(host=host, port=port, **self._arguments)
            self._nodes[address] = _Node(connection, self._timeout, self._clock)
        return self._nodes[address]

    def _address(self, command: Command) -> Address:
        """Return the address of the server that holds the key of a command."""
        if not self._is_cluster:
            return self._first
        if not self._slots:
            self._slots = self._read_slots()
        key = command[3 if command[0] == "EVAL" else 1]
        address = self._slots[key_slot(key.encode())]
        if address is None:
            self._slots = []
            raise ClusterDownError("Hash slot not served")
        return address

    def _read_slots(self) -> list[Address | None]:
        """Ask the cluster which node holds each slot (``CLUSTER SLOTS``)."""
        node = self._node(self._first)
        node.send([("CLUSTER SLOTS",)])
        reply = node.receive()
        if isinstance(reply, Exception):
            raise reply
        slots: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in reply:
            # An empty host stands for the one that was asked.
            address = (host.decode() if host else self._first[0], int(port))
            slots[first : last + 1] = [address] * (last + 1 - first)
        return slots

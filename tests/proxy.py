"""A TCP proxy that can behave as networks do when they fail."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum

DELAY_SECONDS = 1.0


class Fault(Enum):
    """The ways in which the proxy treats connections, new and open."""

    NONE = "passes everything on"
    BLACK_HOLE = "accepts, takes what it gets, and never answers"
    RESET = "resets the connection at the first byte"
    REFUSE = "accepts and closes at once"
    DELAY = "answers, but a second late"


class Proxy:
    """A proxy on a free port that passes bytes on to ``target``, unless it has a fault.

    ``round_trips`` counts the requests that follow an answer. It is exact if each fits into one
    packet: a server answers the beginning of a longer one before its end.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.fault = Fault.NONE
        self.delay_seconds = DELAY_SECONDS
        self.connections = 0
        self.round_trips = 0
        self._lost = 0
        self._was_answered = True
        self._closing = threading.Event()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def become(self, fault: Fault) -> None:
        """Switch to a fault, for new and open connections."""
        self.fault = fault
        if fault is Fault.REFUSE:
            self._drop()

    def lose_open_connections(self) -> None:
        """Never answer on connections that are open now; new ones pass everything on.

        So it is after an environment was frozen: the network has forgotten its connections.
        """
        self._lost = self.connections

    def close(self) -> None:
        """Stop listening and close all connections."""
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # Otherwise accept() would go on listening.
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            if self.fault is Fault.REFUSE:
                client.close()
                continue
            self._open.append(client)
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            self._open.append(server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(
                    target=self._pass_on,
                    args=(source, sink, self.connections, sink is client),
                    daemon=True,
                ).start()

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, number: int, is_answer: bool
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not is_answer and self._was_answered:
                    self.round_trips += 1
                self._was_answered = is_answer
                if self.fault is Fault.BLACK_HOLE or number <= self._lost:
                    continue
                if self.fault is Fault.DELAY:
                    self._closing.wait(self.delay_seconds)
                if self.fault is Fault.RESET:
                    for connection in (source, sink):
                        connection.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        connection.close()
                    return
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def proxy(target: int) -> Iterator[Proxy]:
    """Start a proxy; close it at the end."""
    running = Proxy(target)
    try:
        yield running
    finally:
        running.close()

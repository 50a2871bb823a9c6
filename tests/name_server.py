"""A DNS server that answers every question with addresses of loopback."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

HEADER = struct.Struct(">HHHHHH")
A_RECORD_OF_THE_QUESTION = struct.pack(">HHHIH", 0xC00C, 1, 1, 1, 4)  # for one second


@contextmanager
def name_server(address: str = "127.0.0.1") -> Iterator[str]:
    """Run it on a free port, and yield its address and port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                query, client = server.recvfrom(512)
                if not query:
                    return
                identifier = HEADER.unpack_from(query)[0]
                end = query.index(b"\0", HEADER.size) + 5
                head = HEADER.pack(identifier, 0x8180, 1, 1, 0, 0)
                record = A_RECORD_OF_THE_QUESTION + socket.inet_aton(address)
                server.sendto(head + query[HEADER.size : end] + record, client)

        thread = Thread(target=serve)
        thread.start()
        host, port = server.getsockname()
        try:
            yield f"{host}:{port}"
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", (host, port))
            thread.join()

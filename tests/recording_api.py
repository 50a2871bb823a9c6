"""A stand-in for API Gateway: below a stage, it records requests and answers or forwards them."""

import http.client
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

STAGE = "/api"


@dataclass
class Received:
    """A request. The path is as it came, below the stage and with the query."""

    method: str
    path: str
    headers: Message
    body: bytes = b""


@dataclass
class Response:
    """An answer."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"


Answer = Callable[[Received], Response]


@dataclass
class RecordingApi:
    """The stand-in. ``begun`` is set as soon as a request's headers have come."""

    answer: Answer
    received: list[Received] = field(default_factory=list)
    begun: Event = field(default_factory=Event)
    url: str = ""
    port: int = 0

    def paths(self) -> list[str]:
        """Return the paths of all requests so far."""
        return [request.path for request in self.received]


def forward_to(base: str) -> Answer:
    """Answer as the service at ``base`` does."""

    def answer(request: Received) -> Response:
        connection = http.client.HTTPConnection(urlsplit(base).netloc)
        headers = {
            name: value for name, value in request.headers.items()
            if name.lower() not in ("connection", "transfer-encoding", "content-length")
        }  # fmt: skip
        connection.request(request.method, request.path, request.body or None, headers)
        got = connection.getresponse()
        response = Response(got.status, dict(got.getheaders()), got.read())
        connection.close()
        return response

    return answer


class Handler(BaseHTTPRequestHandler):
    """Records a request of the stage and answers it; other paths get API Gateway's own 403."""

    protocol_version = "HTTP/1.1"
    api: RecordingApi

    def respond(self) -> None:
        self.api.begun.set()
        received = Received(self.command, self.path, self.headers, self.content())
        if not self.path.startswith(f"{STAGE}/"):
            self.finish_with(Response(403))
            return
        received.path = self.path.removeprefix(STAGE)
        self.api.received.append(received)
        self.finish_with(self.api.answer(received))

    def content(self) -> bytes:
        """Read the body, which may come in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def finish_with(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            if name.lower() not in ("connection", "content-length", "server"):
                self.send_header(name, value)
        if "Date" not in response.headers:
            self.send_header("Date", self.date_time_string())
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = respond  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@contextmanager
def recording_api(answer: Answer, certificates: Path | None = None) -> Iterator[RecordingApi]:
    """Run it on a free port of loopback, over TLS if there are certificates."""
    api = RecordingApi(answer)
    handler = type("HandlerOfOneApi", (Handler,), {"api": api})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if certificates:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        api.port = server.server_address[1]
        host = "https://localhost" if certificates else "http://127.0.0.1"
        api.url = f"{host}:{api.port}{STAGE}"
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()

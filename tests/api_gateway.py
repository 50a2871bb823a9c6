"""API Gateway in front of the app: HTTPS on a free port of loopback, below a stage.

It hands each request to the app as an event, as API Gateway does for Lambda. A path outside
the stage gets API Gateway's own 403. curl reaches it under the address that a deployment has:
``curl_home`` makes curl connect here, whatever host the address names.
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests import gateway

STAGE = "/dev"


class Handler(BaseHTTPRequestHandler):
    """Answers as the deployed service would."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        headers: dict[str, str] = {}
        status, body = 403, '{"message": "Missing Authentication Token"}'
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith(f"{STAGE}/"):
            # With a host in front, so that `//v1` stays a path.
            url = f"https://api.invalid{self.path.removeprefix(STAGE)}"
            event = gateway.event(self.command, url, content, dict(self.headers))
            status, headers, body = gateway.call_text(event)
        payload = body.encode()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, *arguments: object) -> None:
        """Print nothing."""


@contextmanager
def serving_deployment(certificates: Path) -> Iterator[int]:
    """Run it, and yield its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def curl_home(directory: Path, port: int) -> Path:
    """Write the configuration that sends curl here, and return its directory (CURL_HOME)."""
    (directory / ".curlrc").write_text(f'connect-to = "::127.0.0.1:{port}"\ninsecure\n')
    return directory

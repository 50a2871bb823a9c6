"""Patch ``chalice local`` so that it behaves as API Gateway does. Not used on Lambda.

Chalice 1.34's development server differs:

- It loses connections of a burst (its listen backlog is 5), and waits 40 ms for each kept-alive
  response (Nagle's algorithm).
- It matches ``/{proxy+}`` with one path segment only (aws/chalice#2118).
- It does not decode parts of the path: ``inat%3A1`` is no taxon.
- It does not decode request bodies (:mod:`dev_bodies`), and does not compress responses, whatever
  ``minimum_compression_size`` says.
- It passes each body on as bytes. API Gateway passes text, except for binary media types.
- It logs addresses with their queries, which have coordinates.
"""

import gzip
import socket
import time
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from chalice import local
from chalice.app import CORSConfig

from chalicelib.http import headers, problems
from chalicelib.http.dev_bodies import BodyRefused, read_body

BACKLOG: Final = 128
GREEDY: Final = "/{proxy+}"
LINGER_SECONDS: Final = 2.0
"""How long a refused client may go on sending before the connection is cut."""

OVERRIDDEN: Final = (
    (local.RouteMatcher, "match_route"),
    (local.LambdaEventConverter, "create_lambda_event"),
    (local.LambdaEventConverter, "_is_binary"),
    (local.ChaliceRequestHandler, "_parse_payload"),
    (local.ChaliceRequestHandler, "_send_http_response_with_body"),
)
"""What the classes here override. A Chalice that lacks one of them would ignore the override."""


class GreedyRouteMatcher(local.RouteMatcher):
    """A matcher that gives ``/{proxy+}`` every path without another route, as API Gateway does."""

    def __init__(self, route_urls: list[str]) -> None:
        super().__init__([url for url in route_urls if url != GREEDY])
        self.is_greedy = GREEDY in route_urls

    def match_route(self, url: str) -> local.MatchResult:
        """Return the route of a URL. Raises ``ValueError`` if there is none."""
        try:
            return super().match_route(url)
        except ValueError:
            if not self.is_greedy:
                raise
        path, _, query = url.partition("?")
        captured = {GREEDY[2:-1]: path.lstrip("/")}
        return local.MatchResult(GREEDY, captured, parse_qs(query, keep_blank_values=True))


class EventConverter(local.LambdaEventConverter):
    """A converter that makes text of each body whose Content-Type is not binary."""

    def create_lambda_event(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> dict[str, Any]:
        """Build the event. Bytes of a text that are not UTF-8 are lost, as in API Gateway."""
        event: dict[str, Any] = super().create_lambda_event(method, path, headers, body)
        event["pathParameters"] = {
            name: unquote(value) for name, value in event["pathParameters"].items()
        }
        if isinstance(event["body"], bytes):
            event["body"] = event["body"].decode(errors="replace")
        return event

    def route(self, url: str) -> str:
        """Return the route of a URL as the routes are declared, which has nothing private."""
        try:
            return str(self._route_matcher.match_route(url).route)
        except ValueError:
            return "-"

    def _is_binary(self, headers: dict[str, Any]) -> bool:
        by_name = {name.lower(): value for name, value in headers.items()}
        media_type = by_name.get("content-type", "").partition(";")[0].strip().lower()
        return media_type in self._binary_types


class RequestHandler(local.ChaliceRequestHandler):
    """A handler that reads bodies, compresses responses and logs as API Gateway does."""

    disable_nagle_algorithm = True

    def _parse_payload(self) -> tuple[dict[str, Any], bytes | None]:
        return dict(self.headers), read_body(self.headers, self.rfile)

    def handle_one_request(self) -> None:
        """Handle a request, or refuse its body."""
        try:
            super().handle_one_request()
        except BodyRefused as refusal:
            self._refuse(refusal)

    def _refuse(self, refusal: BodyRefused) -> None:
        """Answer with a problem and close: where the next request begins is not known."""
        response = problems.problem_response(refusal.problem, str(refusal))
        cors = self.local_gateway._app_object.api.cors  # noqa: SLF001
        assert isinstance(cors, CORSConfig)
        complete = headers.completed({**response.headers, "Connection": "close"}, cors)
        self._send_http_response_with_body(response.status_code, complete, response.body)
        with suppress(OSError):
            # A connection that is closed while the client sends loses the response.
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            deadline = time.monotonic() + LINGER_SECONDS
            while time.monotonic() < deadline and self.connection.recv(65_536):
                pass

    def _send_http_response_with_body(
        self, code: int, headers: dict[str, Any], body: str | bytes
    ) -> None:
        """Compress bodies from ``minimum_compression_size`` on if the client accepts gzip."""
        content = body if isinstance(body, bytes) else body.encode()
        if self.command == "HEAD":
            self.send_response(code)  # without a Content-Length: it would have to be that of GET
            self._send_headers(headers)
            return
        minimum: int | None = self.local_gateway._config.minimum_compression_size  # noqa: SLF001
        accepts_gzip = "gzip" in self.headers.get("Accept-Encoding", "")
        if accepts_gzip and minimum is not None and len(content) >= minimum:
            content = gzip.compress(content)
            headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        super()._send_http_response_with_body(code, headers, content)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log the route and the status; an address or a made-up method may have a place in it."""
        del size
        command = self.command or ""
        method = command if hasattr(self, f"do_{command}") else "-"
        converter = self.local_gateway.event_converter
        assert isinstance(converter, EventConverter)
        route = converter.route(getattr(self, "path", ""))
        self.log_message('"%s %s" %s', method, route, str(int(code)))

    def log_error(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Log the status of an error; http.server's own text quotes the request."""
        del format
        self.log_message("error %s", args[0])


class HttpServer(local.ThreadedHTTPServer):
    """A server that loses no connection of a burst."""

    request_queue_size = BACKLOG


class DevServer(local.LocalDevServer):
    """Chalice's server with the handler and the server of this module."""

    def __init__(self, app_object: Any, config: Any, host: str, port: int) -> None:
        super().__init__(app_object, config, host, port, RequestHandler, HttpServer)


def patch_dev_server() -> None:
    """Replace the development server's classes, since no setting reaches these properties.

    Raises ``RuntimeError`` if this version of Chalice lacks something that is replaced.
    """
    for owner, name in OVERRIDDEN:
        _require(owner, name)
    for name, replacement in (
        ("RouteMatcher", GreedyRouteMatcher),
        ("LambdaEventConverter", EventConverter),
        ("LocalDevServer", DevServer),
    ):
        _require(local, name)
        setattr(local, name, replacement)


def _require(owner: Any, name: str) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(
            f"This version of Chalice has no {owner.__name__}.{name}: adapt {__name__} to it."
        )

"""Patch ``chalice local`` so that it behaves as API Gateway does. Not used on Lambda.

Chalice 1.34's development server differs in four ways. It loses connections of a burst (its
listen backlog is 5). It waits 40 ms for each kept-alive response (Nagle's algorithm). It matches
``/{proxy+}`` with one path segment only (aws/chalice#2118). It does not compress, whatever
``minimum_compression_size`` says.
"""

import gzip
from typing import Any, Final
from urllib.parse import parse_qs

from chalice import local

BACKLOG: Final = 128
GREEDY: Final = "/{proxy+}"

original_send: Final = local.ChaliceRequestHandler._send_http_response_with_body  # noqa: SLF001


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


def send_compressed(
    handler: local.ChaliceRequestHandler, code: int, headers: dict[str, Any], body: str | bytes
) -> None:
    """Compress bodies from ``minimum_compression_size`` on if the client accepts gzip."""
    content = body if isinstance(body, bytes) else body.encode()
    minimum: int | None = handler.local_gateway._config.minimum_compression_size  # noqa: SLF001
    accepts_gzip = "gzip" in handler.headers.get("Accept-Encoding", "")
    if accepts_gzip and minimum is not None and len(content) >= minimum:
        content = gzip.compress(content)
        headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    original_send(handler, code, headers, content)


def patch_dev_server() -> None:
    """Patch the development server's classes, since no setting reaches these properties.

    Raises ``RuntimeError`` if this version of Chalice lacks one of them.
    """
    _replace(local.ThreadedHTTPServer, "request_queue_size", BACKLOG)
    _replace(local.ChaliceRequestHandler, "disable_nagle_algorithm", True)  # noqa: FBT003
    _replace(local.ChaliceRequestHandler, "_send_http_response_with_body", send_compressed)
    _replace(local, "RouteMatcher", GreedyRouteMatcher)


def _replace(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        raise RuntimeError(
            f"This version of Chalice has no {owner.__name__}.{name}: adapt {__name__} to it."
        )
    setattr(owner, name, value)

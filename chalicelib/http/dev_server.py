"""Makes ``chalice local`` behave as API Gateway does. Never used on Lambda.

Chalice 1.34's development server loses connections of a burst (its listen
backlog is 5), waits 40 ms for each kept-alive answer (Nagle's algorithm), lets
``/{proxy+}`` stand for one path segment only (aws/chalice#2118) and compresses
nothing, whatever ``minimum_compression_size`` says. It has a thread for each
connection, whose memory goes back to the system with the last answer.
"""

import ctypes
import gzip
from typing import Any, Final
from urllib.parse import parse_qs

from chalice import local

BACKLOG: Final = 128
GREEDY: Final = "/{proxy+}"

M_TRIM_THRESHOLD: Final = -1
M_MMAP_THRESHOLD: Final = -3
LARGEST_THRESHOLD: Final = 32 * 2**20
"""Names of ``mallopt``, and the most that it takes: malloc.h and malloc.c of glibc."""

send_plain: Final = local.ChaliceRequestHandler._send_http_response_with_body  # noqa: SLF001


class GreedyRouteMatcher(local.RouteMatcher):
    """Gives ``/{proxy+}`` whatever no other route claims, as API Gateway would."""

    def __init__(self, route_urls: list[str]) -> None:
        super().__init__([url for url in route_urls if url != GREEDY])
        self.is_greedy = GREEDY in route_urls

    def match_route(self, url: str) -> local.MatchResult:
        """The route for a URL. Raises ``ValueError`` where there is none."""
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
    """Send gzip to who takes it, as API Gateway does from ``minimum_compression_size`` on."""
    content = body if isinstance(body, bytes) else body.encode()
    least: int | None = handler.local_gateway._config.minimum_compression_size  # noqa: SLF001
    takes_it = "gzip" in handler.headers.get("Accept-Encoding", "")
    if takes_it and least is not None and len(content) >= least:
        content = gzip.compress(content)
        headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    send_plain(handler, code, headers, content)


def keep_memory() -> None:
    """Let threads keep what they are done with for those that come after them.

    Else glibc gives a thread's memory back as soon as a large photo has been answered, and the
    next one's comes page by page: 2,700 page faults and 5 ms at 12 megapixels. On Lambda all
    happens in the main thread, where it is a few hundred.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's alone
    if mallopt is not None:
        mallopt(M_TRIM_THRESHOLD, LARGEST_THRESHOLD)
        mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)


def improve() -> None:
    """Change the development server's classes; its own settings reach none of this."""
    keep_memory()
    local.ThreadedHTTPServer.request_queue_size = BACKLOG
    local.ChaliceRequestHandler.disable_nagle_algorithm = True
    local.ChaliceRequestHandler._send_http_response_with_body = send_compressed  # type: ignore[assignment, method-assign]  # noqa: SLF001
    local.RouteMatcher = GreedyRouteMatcher  # type: ignore[misc]

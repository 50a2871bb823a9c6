"""HTTP caching: ``ETag``, ``Cache-Control`` and 304 responses.

A cacheable response has a strong ETag, made from its content. A client that sends this tag back
gets 304 without a body (RFC 9110, sections 8.8.3 and 13.1.2).
"""

import re
from typing import Any, Final

import msgspec
from chalice.app import Request, Response

JSON: Final = "application/json"

MINUTE: Final = 60
HOUR: Final = 3_600
YEAR: Final = 31_536_000
"""Seconds. A year is for content that never changes under its address."""

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def cacheable_response(
    request: Request,
    content: str | bytes,
    content_type: str,
    seconds: int,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return a response that any cache may keep; 304 if the client has it already.

    Args:
        request: Its ``If-None-Match`` says what the client has.
        content: The body.
        content_type: Its media type.
        seconds: How long caches may keep it.
        headers: Further headers to send.
    """
    import hashlib  # noqa: PLC0415 - 3 ms of a cold start, and predictions are not cacheable

    raw = content.encode() if isinstance(content, str) else content
    tag = f'"{hashlib.sha256(raw).hexdigest()[:32]}"'
    immutable = ", immutable" if seconds >= YEAR else ""
    is_known = matches_etag(request, tag)
    return Response(
        "" if is_known else content,
        status_code=304 if is_known else 200,
        headers={
            **(headers or {}),
            "Content-Type": content_type,
            "Cache-Control": f"public, max-age={seconds}{immutable}",
            "ETag": tag,
        },
    )


def cacheable_json_response(
    request: Request, body: Any, seconds: int, content_type: str = JSON
) -> Response:
    """Return a cacheable response whose body is a typed model."""
    content = msgspec.json.encode(body).decode()
    return cacheable_response(request, content, content_type, seconds)


def no_store_response(body: Any, status_code: int = 200, content_type: str = JSON) -> Response:
    """Return a JSON response with ``Cache-Control: no-store``."""
    return Response(
        msgspec.json.encode(body).decode(),
        status_code=status_code,
        headers={"Content-Type": content_type, "Cache-Control": "no-store"},
    )


def matches_etag(request: Request, tag: str) -> bool:
    """Return whether the client already has the content of ``tag``.

    The comparison is weak, because a proxy that compresses a response weakens its tag.
    """
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or tag in _TAG.findall(given)

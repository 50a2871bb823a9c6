"""What stays the same for a while: who has it may keep it, and need not be sent it again.

An answer carries a strong ETag, made of its content, and says for how long it may be kept.
Who asks with that tag afterwards gets 304 and no body (RFC 9110, sections 8.8.3 and 13.1.2).
"""

import re
from typing import Any, Final

import msgspec
from chalice.app import Request, Response

JSON: Final = "application/json"

MINUTE: Final = 60
HOUR: Final = 3_600
YEAR: Final = 31_536_000
"""Seconds. A year is for what is never going to be different under its address."""

_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def cached(
    request: Request,
    content: str | bytes,
    content_type: str,
    seconds: int,
    headers: dict[str, str] | None = None,
) -> Response:
    """An answer that anybody may keep for ``seconds``; 304 where the asker has it already.

    ``headers`` are sent besides.
    """
    import hashlib  # noqa: PLC0415 - 3 ms of a cold start, and predictions are never kept

    raw = content.encode() if isinstance(content, str) else content
    tag = f'"{hashlib.sha256(raw).hexdigest()[:32]}"'
    immutable = ", immutable" if seconds >= YEAR else ""
    known = has(request, tag)
    return Response(
        "" if known else content,
        status_code=304 if known else 200,
        headers={
            **(headers or {}),
            "Content-Type": content_type,
            "Cache-Control": f"public, max-age={seconds}{immutable}",
            "ETag": tag,
        },
    )


def cached_json(request: Request, body: Any, seconds: int, content_type: str = JSON) -> Response:
    """The same, of a typed model."""
    return cached(request, msgspec.json.encode(body).decode(), content_type, seconds)


def uncached(body: Any, status_code: int = 200, content_type: str = JSON) -> Response:
    """An answer to this very question, in JSON, that nobody is to keep."""
    return Response(
        msgspec.json.encode(body).decode(),
        status_code=status_code,
        headers={"Content-Type": content_type, "Cache-Control": "no-store"},
    )


def has(request: Request, tag: str) -> bool:
    """Whether the asker has what ``tag`` stands for.

    Compared weakly, since who compresses an answer on its way weakens its tag.
    """
    given = request.headers.get("if-none-match", "")
    return given.strip() == "*" or tag in _TAG.findall(given)

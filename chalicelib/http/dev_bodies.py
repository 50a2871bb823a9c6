"""Request bodies of ``chalice local``, read as API Gateway reads them. Not used on Lambda.

Chalice reads as many bytes as Content-Length says and knows no other framing. It would take a
chunked body as the next request of the connection (request smuggling, CWE-444). Here a request
whose framing has two meanings is refused (RFC 9112, section 6.3).
"""

import re
import zlib
from email import errors as email_errors
from email.message import Message
from typing import BinaryIO, Final

from chalicelib.errors import MalformedRequest, PhotoTooLarge, UnsupportedMediaType
from chalicelib.http.problems import PROBLEMS, Problem

MAXIMUM_BODY_BYTES: Final = 10 * 1024 * 1024
"""API Gateway's quota of a payload, which no setting changes."""

MAXIMUM_LINE_BYTES: Final = 8_192
MAXIMUM_TRAILERS: Final = 100

_OF_BODIES: Final = (
    email_errors.NoBoundaryInMultipartDefect,
    email_errors.StartBoundaryNotFoundDefect,
    email_errors.CloseBoundaryNotFoundDefect,
    email_errors.MultipartInvariantViolationDefect,
)
"""Defects of a multipart body. The parser gets the headers alone, so it always finds some."""

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[^\r\n]*)?\r\n")
_WINDOW_BITS: Final = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib reads each content coding (RFC 9110, section 8.4.1)."""


class BodyRefused(Exception):
    """Raised if API Gateway would refuse the request; the connection must be closed then."""

    def __init__(self, problem: Problem, detail: str) -> None:
        super().__init__(detail)
        self.problem = problem


def read_body(headers: Message, stream: BinaryIO) -> bytes | None:
    """Read a request's body from the connection. ``None`` if there is none.

    Raises ``BodyRefused`` if the body is too large, or if its length or encoding is unclear.
    """
    _check_headers(headers)
    codings = headers.get_all("Transfer-Encoding", [])
    lengths = headers.get_all("Content-Length", [])
    if codings:
        if lengths or [coding.strip().lower() for coding in codings] != ["chunked"]:
            raise _malformed(
                "Send either Content-Length or Transfer-Encoding, which must be chunked."
            )
        content = _read_chunks(stream)
    else:
        if len(lengths) > 1 or not all(_LENGTH.fullmatch(length.strip()) for length in lengths):
            raise _malformed("Send one Content-Length: the number of bytes in the body.")
        content = _read_exactly(stream, int(lengths[0]) if lengths else 0)
    return _decoded(content, headers.get_all("Content-Encoding", [])) or None


def _check_headers(headers: Message) -> None:
    """Refuse headers that Python's parser reads otherwise than other servers do.

    It takes a line that is not a header as the end of all headers.
    """
    has_valid_names = all(_HEADER_NAME.fullmatch(name) for name in headers.keys())  # noqa: SIM118
    if not has_valid_names or any(type(defect) not in _OF_BODIES for defect in headers.defects):
        raise _malformed("A line of the request is not a valid header.")


def _read_chunks(stream: BinaryIO) -> bytes:
    """Decode a chunked body (RFC 9112, section 7.1)."""
    content = bytearray()
    while True:
        match = _CHUNK_SIZE.fullmatch(stream.readline(MAXIMUM_LINE_BYTES))
        if not match:
            raise _malformed("The chunked body is malformed.")
        size = int(match[1], 16)
        if size == 0:
            break
        content += _read_exactly(stream, size, len(content))
        if stream.read(2) != b"\r\n":
            raise _malformed("The chunked body is malformed.")
    for _ in range(MAXIMUM_TRAILERS):
        if stream.readline(MAXIMUM_LINE_BYTES) == b"\r\n":
            return bytes(content)
    raise _malformed("The chunked body has no end.")


def _read_exactly(stream: BinaryIO, size: int, size_so_far: int = 0) -> bytes:
    if size_so_far + size > MAXIMUM_BODY_BYTES:
        raise _too_large()
    content = stream.read(size)
    if len(content) < size:
        raise _malformed("The body is shorter than its headers say.")
    return content


def _decoded(content: bytes, codings: list[str]) -> bytes:
    """Undo the Content-Encoding, which API Gateway does before it calls the function."""
    coding = ", ".join(codings).strip().lower() or "identity"
    if coding == "identity":
        return content
    if coding not in _WINDOW_BITS:
        raise _unsupported(f"The Content-Encoding must be {', '.join(_WINDOW_BITS)} or identity.")
    decoder = zlib.decompressobj(_WINDOW_BITS[coding])
    try:
        decoded = decoder.decompress(content, MAXIMUM_BODY_BYTES + 1)
    except zlib.error:
        raise _unsupported(f"The body is not in the {coding} format.") from None
    if len(decoded) > MAXIMUM_BODY_BYTES:
        raise _too_large()
    if not decoder.eof or decoder.unused_data:
        raise _unsupported(f"The body is not one complete {coding} stream.")
    return decoded


def _malformed(detail: str) -> BodyRefused:
    return BodyRefused(PROBLEMS[MalformedRequest], detail)


def _unsupported(detail: str) -> BodyRefused:
    return BodyRefused(PROBLEMS[UnsupportedMediaType], detail)


def _too_large() -> BodyRefused:
    return BodyRefused(
        PROBLEMS[PhotoTooLarge],
        f"The body has more than {MAXIMUM_BODY_BYTES:,} bytes. Send a smaller copy of the photo.",
    )

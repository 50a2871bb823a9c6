import gzip
import io
import zlib
from http.client import parse_headers

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http.dev_bodies import MAXIMUM_BODY_BYTES, BodyRefused, read_body

NEXT = b"GET /next HTTP/1.1\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"


def read(headers: str | list[str], body: bytes) -> tuple[bytes | None, bytes]:
    """Return the body that is read, and what is left for the next request."""
    lines = [headers] if isinstance(headers, str) else headers
    head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")
    stream = io.BytesIO(body)
    content = read_body(parse_headers(io.BytesIO(head)), stream)
    return content, stream.read()


def refusal(headers: str | list[str], body: bytes = b"") -> int:
    with pytest.raises(BodyRefused) as caught:
        read(headers, body)
    return caught.value.problem.status


def chunks(*contents: bytes) -> bytes:
    return (
        b"".join(b"%x\r\n%b\r\n" % (len(content), content) for content in contents) + b"0\r\n\r\n"
    )


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5))
def test_a_body_has_one_end(contents):
    """By either framing, what follows the body is the next request."""
    whole = b"".join(contents)
    assert read(CHUNKED, chunks(*contents) + NEXT) == (whole or None, NEXT)
    assert read(f"Content-Length: {len(whole)}", whole + NEXT) == (whole or None, NEXT)


def test_a_request_without_a_body_takes_nothing():
    """A request without framing headers has no body."""
    assert read([], NEXT) == (None, NEXT)


def test_chunks_may_have_extensions_and_trailers():
    """Both are ignored (RFC 9112, sections 7.1.1 and 7.1.2)."""
    body = b"3;name=value\r\nabc\r\n0\r\nX-Checksum: 1\r\n\r\n"
    assert read(CHUNKED, body + NEXT) == (b"abc", NEXT)


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 3", CHUNKED],
        ["Content-Length: 3", "Content-Length: 3"],
        ["Content-Length: 3", "Content-Length: 4"],
        ["Content-Length: 3, 3"],
        ["Content-Length: -1"],
        ["Content-Length: +3"],
        ["Content-Length: 0x3"],
        ["Content-Length: 3_0"],
        ["Content-Length: \u00b3"],
        ["Content-Length: "],
        ["Content-Length: 3", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: xchunked"],
        [CHUNKED, CHUNKED],
        ["Transfer-Encoding : chunked"],
        ["Content-Length : 3"],
        ["no header", "Content-Length: 3"],
        [": no name", "Content-Length: 3"],
        ["X(): y", "Content-Length: 3"],
        [" folded: y", "Content-Length: 3"],
    ],
)
def test_a_request_with_two_meanings_is_refused(headers):
    """Another server could read another length (RFC 9112, section 6.3)."""
    assert refusal(headers, b"abc" + NEXT) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"", b"3", b"3\r\nab", b"3\r\nabcd\r\n", b"3\nabc\n0\n\n", b"-3\r\nabc\r\n",
        b"0x3\r\nabc\r\n", b" 3\r\nabc\r\n", b"3\r\nabc\r\n0\r\n", b"0\r\n" + b"X: y\r\n" * 1_000,
        b"3;" + b"x" * 10_000 + b"\r\nabc\r\n", NEXT,
    ],
)  # fmt: skip
def test_malformed_chunks_are_refused(body):
    """Chunks that are cut off, or have no size or no end, are refused."""
    assert refusal(CHUNKED, body) == 400


def test_a_body_that_is_cut_off_is_refused():
    """The client has closed the connection."""
    assert refusal("Content-Length: 9", b"abc") == 400


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (f"Content-Length: {MAXIMUM_BODY_BYTES + 1}", b""),
        ("Content-Length: 999999999999999999", b""),
        (CHUNKED, b"fffffffffffffff\r\n"),
        (CHUNKED, chunks(*[bytes(1 << 20)] * 11)),
    ],
)
def test_a_body_above_the_limit_is_refused(headers, body):
    """It is not read first if a header gives its size."""
    assert refusal(headers, body) == 413


@pytest.mark.parametrize(
    ("coding", "compress"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
def test_compressed_bodies_are_decompressed(coding, compress):
    """API Gateway does so before it calls the function."""
    body = compress(b"abc" * 100)
    headers = [f"Content-Encoding: {coding}", f"Content-Length: {len(body)}"]
    assert read(headers, body + NEXT) == (b"abc" * 100, NEXT)
    assert read([headers[0], CHUNKED], chunks(body[:5], body[5:]) + NEXT)[0] == b"abc" * 100


def test_a_compressed_body_is_not_decompressed_above_the_limit():
    """15 kB of gzip can be 15 MB."""
    body = gzip.compress(bytes(MAXIMUM_BODY_BYTES + 1))
    assert len(body) < 20_000
    assert refusal(["Content-Encoding: gzip", f"Content-Length: {len(body)}"], body) == 413
    body = gzip.compress(bytes(MAXIMUM_BODY_BYTES))
    whole, _ = read(["Content-Encoding: gzip", f"Content-Length: {len(body)}"], body)
    assert whole == bytes(MAXIMUM_BODY_BYTES)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b"abc"), ("gzip", gzip.compress(b"abc")[:-1]), ("gzip", gzip.compress(b"a") * 2),
        ("gzip", gzip.compress(b"a") + b"x"), ("br", b"abc"), ("gzip, gzip", b"abc"),
    ],
)  # fmt: skip
def test_another_encoding_than_the_declared_one_is_refused(coding, body):
    """API Gateway answers 415."""
    assert refusal([f"Content-Encoding: {coding}", f"Content-Length: {len(body)}"], body) == 415


def test_the_headers_of_a_form_are_not_taken_for_a_fault():
    """Python's parser looks for the parts of a multipart message in its headers."""
    for media_type in ("multipart/form-data", "multipart/form-data; boundary=b", "message/rfc822"):
        assert read([f"Content-Type: {media_type}", "Content-Length: 3"], b"abc")[0] == b"abc"

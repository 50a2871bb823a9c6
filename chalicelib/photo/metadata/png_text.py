"""Read EXIF and XMP from the texts of a PNG: PNG (Third Edition), section 11.3.3.

Before there was an ``eXIf`` chunk, ImageMagick put EXIF into a text of hexadecimal digits; GIMP
and libavif do so too. The text may be compressed, so it unfolds to a limited size.
"""

import binascii
import zlib
from collections.abc import Iterable
from typing import Final

from chalicelib.photo.metadata.exif_tags import MAXIMUM_EXIF_BYTES
from chalicelib.photo.metadata.xmp import MAXIMUM_XMP_BYTES

EXIF_HEADER: Final = b"Exif\0\0"
XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\0"
"""How the segments of a JPEG begin. A profile named APP1 is one of either kind."""

MAXIMUM_TEXT_BYTES: Final = 3 * MAXIMUM_EXIF_BYTES
"""Two digits for each byte, and line ends."""

MAXIMUM_TEXTS: Final = 4
"""The most texts that are read. A file has one of each kind."""


def read_texts(texts: Iterable[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """Return the EXIF block and the XMP packet; each is empty if there is none.

    Args:
        texts: type and body of the chunks with a keyword of EXIF or XMP.
    """
    exif = xmp = b""
    for chunk_type, body in list(texts)[:MAXIMUM_TEXTS]:
        keyword, _, rest = body.partition(b"\0")
        if keyword.startswith(b"XML"):
            xmp = xmp or _international_text(chunk_type, rest)
            continue
        profile = _raw_profile(_text(chunk_type, rest))
        if keyword.endswith(b" xmp") or profile.startswith(XMP_HEADER):
            xmp = xmp or profile.removeprefix(XMP_HEADER)
        else:
            exif = exif or profile.removeprefix(EXIF_HEADER)
    return exif, xmp


def _text(chunk_type: bytes, rest: bytes) -> bytes:
    if chunk_type == b"tEXt":
        return rest[:MAXIMUM_TEXT_BYTES]
    return _inflate(rest[1:], MAXIMUM_TEXT_BYTES) if chunk_type == b"zTXt" else b""


def _international_text(chunk_type: bytes, rest: bytes) -> bytes:
    """Return the text behind the two flags, the language and the translated keyword."""
    if chunk_type != b"iTXt":
        return b""
    is_compressed = rest[:1] == b"\1"
    text = rest[2:].split(b"\0", 2)[-1]
    return _inflate(text, MAXIMUM_XMP_BYTES) if is_compressed else text[:MAXIMUM_XMP_BYTES]


def _inflate(content: bytes, maximum_bytes: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, maximum_bytes)
    except zlib.error:
        return b""


def _raw_profile(text: bytes) -> bytes:
    """Return what the digits of a raw profile mean: its name and length stand before them."""
    digits = b"".join(text.split()[2:])
    try:
        return binascii.unhexlify(digits[: len(digits) // 2 * 2])
    except binascii.Error:
        return b""

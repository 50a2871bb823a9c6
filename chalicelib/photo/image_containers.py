"""Take JPEG, PNG and WebP files apart before a decoder sees them.

Besides pixels, JPEG and PNG carry profiles, previews and texts. An attacker can compress or
repeat them at will, and Pillow reads them all, some in quadratic time. Here the decoder gets
only what the pixels are made of, and EXIF goes to its own reader. Each walk through a file takes
a limited number of steps, whatever the file says.
"""

from typing import Final

from msgspec import Struct

from chalicelib.errors import UnreadablePhoto

EXIF_HEADER: Final = b"Exif\0\0"

SOI: Final = b"\xff\xd8"
SOS: Final = b"\xff\xda"
WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})
"""JPEG markers that stand alone, and padding: ITU-T T.81, table B.1."""

APPLICATION_AND_COMMENT: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
MAXIMUM_TABLE_BYTES: Final = 65_536
"""Limit for all quantisation and Huffman tables before the first scan. Real ones need 2,000."""

COLOUR_SEGMENTS: Final = {b"JFIF\0", b"Adobe"}
"""The application segments by which decoders tell YCbCr from RGB and YCCK from CMYK."""

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""The chunks that make up a PNG's default image: PNG (Third Edition), section 5.6."""


class StrippedImage(Struct, frozen=True):
    """A file without metadata for the decoder, and its EXIF block as a TIFF stream.

    ``exif`` is empty if there is none. ``scans`` is how often the decoder goes over the whole
    image. A JPEG has several scans if it is progressive or stores its colours one after the
    other. Each scan costs the same time, however few bytes it has, and all coefficients stay in
    memory until the last. With one scan, rows are decoded as they are read.
    """

    file: bytes
    exif: bytes
    scans: int = 1


def strip_jpeg(content: bytes, maximum_segments: int) -> StrippedImage:
    """Separate a JPEG from its metadata (ITU-T T.81, annex B).

    Raises:
        UnreadablePhoto: there is no scan within ``maximum_segments``.
    """
    exif, kept, offset, table_bytes = b"", [SOI], len(SOI), 0
    for _ in range(maximum_segments):
        offset = content.find(b"\xff", offset)  # bytes between segments are skipped, as by libjpeg
        if offset < 0 or offset + 4 > len(content):
            break
        marker = content[offset + 1]
        if marker in WITHOUT_LENGTH:
            offset += 1 if marker == 0xFF else 2
            continue
        end = offset + 2 + int.from_bytes(content[offset + 2 : offset + 4])
        if marker == SOS[1]:
            file = b"".join((*kept, memoryview(content)[offset:]))
            return StrippedImage(file, exif, _count_scans(content, offset, kept))
        body = content[offset + 4 : offset + 4 + len(EXIF_HEADER)]
        if marker == 0xE1 and body == EXIF_HEADER and not exif:
            exif = content[offset + 4 + len(EXIF_HEADER) : end]
        if marker not in APPLICATION_AND_COMMENT or body[:5] in COLOUR_SEGMENTS:
            kept.append(content[offset:end])
            table_bytes += len(kept[-1])
        if table_bytes > MAXIMUM_TABLE_BYTES:
            break
        offset = end
    raise UnreadablePhoto("The photo's header is damaged.")


def strip_png(content: bytes, maximum_chunks: int) -> StrippedImage:
    """Separate a PNG from its metadata, and an animated one from its frames.

    Raises:
        UnreadablePhoto: there are more than ``maximum_chunks``.
    """
    view = memoryview(content)
    exif, kept, offset = b"", [memoryview(PNG_SIGNATURE)], len(PNG_SIGNATURE)
    for _ in range(maximum_chunks):
        chunk_type = content[offset + 4 : offset + 8]
        end = offset + 12 + int.from_bytes(content[offset : offset + 4])
        if chunk_type in PNG_CHUNKS:
            kept.append(view[offset:end])
        elif chunk_type == b"eXIf":  # before the pixels; older writers put it after them
            exif = content[offset + 8 : end - 4].removeprefix(EXIF_HEADER)
        if chunk_type == b"IEND" or end >= len(content):
            return StrippedImage(b"".join(kept), exif)
        offset = end
    raise UnreadablePhoto("The photo has too many chunks.")


def webp_size(content: bytes) -> tuple[int, int]:
    """Return width and height of a WebP's canvas in pixels: RFC 9649, section 2.

    The result is (0, 0) for a header that the decoder will refuse.
    """
    chunk_type, body = content[12:16], content[20:30]
    if len(body) < 10:
        return 0, 0
    if chunk_type == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk_type == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(body[start : start + 2], "little") & 0x3FFF for start in (6, 8))
    return width, height


def _count_scans(content: bytes, offset: int, segments: list[bytes]) -> int:
    """Return the number of scans from ``offset`` on.

    Where the first scan of a baseline JPEG has all components, libjpeg refuses a second one.
    """
    frames = [
        segment
        for segment in segments
        if 0xC0 <= segment[1] <= 0xCF and segment[1] not in (0xC4, 0xC8, 0xCC)
    ]
    is_progressive = any(frame[1] in (0xC2, 0xCA) for frame in frames)
    components = frames[-1][9:10] if frames else b""
    has_all_components = content[offset + 4 : offset + 5] == components
    if has_all_components and not is_progressive:
        return 1
    return max(2, content.count(SOS, offset))

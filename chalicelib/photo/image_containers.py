"""A photo's file, taken apart before a decoder sees it.

JPEG and PNG carry much besides pixels: profiles, previews, texts, compressed or repeated as
often as an attacker likes, and Pillow reads all of it, some in quadratic time. A decoder here
gets only what pixels are made of; EXIF goes to its own reader. Each walk takes a bounded
number of steps, whatever the file says.
"""

import io
from typing import Final, NamedTuple

from chalicelib.errors import UnreadablePhoto

EXIF_HEADER: Final = b"Exif\0\0"

SOI: Final = b"\xff\xd8"
EOI: Final = b"\xff\xd9"
SOS: Final = b"\xff\xda"
WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})
"""JPEG markers that stand alone, and padding: ITU-T T.81, table B.1."""

APPLICATION_AND_COMMENT: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
MAXIMUM_TABLES: Final = 65_536
"""Bytes of all quantisation and Huffman tables before the first scan: real ones need 2,000."""

COLOUR_SEGMENTS: Final = {b"JFIF\0", b"Adobe"}
"""The application segments by which decoders tell YCbCr from RGB and YCCK from CMYK."""

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""What a PNG's first picture is made of: PNG (Third Edition), section 5.6."""


class Parts(NamedTuple):
    """A file for the decoder, and the EXIF block as a TIFF stream (empty: there is none).

    ``scans`` is how often the decoder goes over the whole picture. In a JPEG that is
    progressive, or gives its colours one by one, each time costs, however few its bytes are,
    and all coefficients are kept meanwhile; 1 says that it is decoded as it comes.
    """

    file: bytes
    exif: bytes
    scans: int = 1


class CutFile(io.BytesIO):
    """A file that ends itself: where a JPEG breaks off, the decoder gets its end marker.

    libjpeg then leaves grey what never came. Pillow's own way to the same,
    ``LOAD_TRUNCATED_IMAGES``, holds for the whole process and for every format.
    """

    is_cut = False
    """Whether the decoder wanted more than there was."""

    def read(self, size: int | None = -1, /) -> bytes:
        """As ``BytesIO.read``, and once more at the end."""
        found = super().read(size)
        if found or self.is_cut:
            return found
        self.is_cut = True
        return EOI


def jpeg(content: bytes, maximum_segments: int) -> Parts:
    """Take a JPEG apart (ITU-T T.81, annex B). Raises ``UnreadablePhoto``."""
    exif, kept, at, tables = b"", [SOI], len(SOI), 0
    for _ in range(maximum_segments):
        at = content.find(b"\xff", at)  # what stands between segments is skipped, as libjpeg does
        if at < 0 or at + 4 > len(content):
            break
        marker = content[at + 1]
        if marker in WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
        if marker == SOS[1]:
            file = b"".join((*kept, memoryview(content)[at:]))
            return Parts(file, exif, _scans(content, at, kept))
        body = content[at + 4 : at + 4 + len(EXIF_HEADER)]
        if marker == 0xE1 and body == EXIF_HEADER and not exif:
            exif = content[at + 4 + len(EXIF_HEADER) : end]
        if marker not in APPLICATION_AND_COMMENT or body[:5] in COLOUR_SEGMENTS:
            kept.append(content[at:end])
            tables += len(kept[-1])
        if tables > MAXIMUM_TABLES:
            break
        at = end
    raise UnreadablePhoto("The photo's header is damaged.")


def png(content: bytes, maximum_chunks: int) -> Parts:
    """Take a PNG apart; of an animation the default picture. Raises ``UnreadablePhoto``."""
    view = memoryview(content)
    exif, kept, at = b"", [memoryview(PNG_SIGNATURE)], len(PNG_SIGNATURE)
    for _ in range(maximum_chunks):
        kind = content[at + 4 : at + 8]
        end = at + 12 + int.from_bytes(content[at : at + 4])
        if kind in PNG_CHUNKS:
            kept.append(view[at:end])
        elif kind == b"eXIf":  # before the pixels or, as older writers have it, after them
            exif = content[at + 8 : end - 4].removeprefix(EXIF_HEADER)
        if kind == b"IEND" or end >= len(content):
            return Parts(b"".join(kept), exif)
        at = end
    raise UnreadablePhoto("The photo is made of too many chunks.")


def webp_size(content: bytes) -> tuple[int, int]:
    """Width and height of a WebP's canvas: RFC 9649, section 2.

    Its decoder takes memory for the canvas at once. (0, 0) for what it will refuse itself.
    """
    kind, body = content[12:16], content[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = (int.from_bytes(body[at : at + 2], "little") & 0x3FFF for at in (6, 8))
    return width, height


def _scans(content: bytes, at: int, kept: list[bytes]) -> int:
    """How many scans there are from ``at`` on; libjpeg refuses a second one in the plain case."""
    frames = [one for one in kept if 0xC0 <= one[1] <= 0xCF and one[1] not in (0xC4, 0xC8, 0xCC)]
    is_progressive = any(one[1] in (0xC2, 0xCA) for one in frames)
    has_all_components = content[at + 4 : at + 5] == (frames[-1][9:10] if frames else b"")
    if has_all_components and not is_progressive:
        return 1
    return max(2, content.count(SOS, at))

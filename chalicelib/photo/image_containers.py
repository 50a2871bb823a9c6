"""Take JPEG, PNG and WebP files apart before a decoder sees them.

Besides pixels, JPEG and PNG carry profiles, previews and texts. An attacker can compress or
repeat them at will, and Pillow reads them all, some in quadratic time. Here the decoder gets
only what the pixels are made of, and EXIF goes to its own reader. Each walk through a file takes
a limited number of steps, whatever the file says.
"""

from typing import Final

from msgspec import Struct

from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.jpeg_scans import (
    FRAMES,
    SOS,
    WITHOUT_LENGTH,
    Frame,
    count_scans,
    read_frame,
)

EXIF_HEADER: Final = b"Exif\0\0"

SOI: Final = b"\xff\xd8"

LENGTH_BYTES: Final = 2
"""A segment's length counts its own bytes: ITU-T T.81, B.1.1.4."""

APP1: Final = 0xE1
APPLICATION_AND_COMMENT: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
MAXIMUM_TABLE_BYTES: Final = 65_536
"""Limit for all quantisation and Huffman tables before the first scan. Real ones need 2,000."""

COLOUR_SEGMENTS: Final = {b"JFIF\0", b"Adobe"}
"""The application segments by which decoders tell YCbCr from RGB and YCCK from CMYK."""

XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\0"
"""The start of an APP1 segment with XMP: XMP specification, part 3, section 1.1.3."""

MAXIMUM_EXIF_SEGMENTS: Final = 4
"""Some editors write a second EXIF segment behind the first. Each is a block of its own."""

DAMAGED_HEADER: Final = "The photo's header is damaged."

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""The chunks that make up a PNG's default image: PNG (Third Edition), section 5.6."""

PNG_PIXELS: Final = b"IDAT"
PNG_END: Final = b"IEND"
PNG_CHUNKS_FROM_PIXELS: Final = {PNG_PIXELS, PNG_END}
"""Those of them that may stand behind the first ``IDAT``."""

PNG_TEXTS: Final = {b"tEXt", b"zTXt", b"iTXt"}
PNG_TEXT_KEYWORDS: Final = (b"Raw profile type exif\0", b"Raw profile type APP1\0",
                            b"Raw profile type xmp\0", b"XML:com.adobe.xmp\0")  # fmt: skip
"""Where programs put EXIF and XMP in a PNG; ``eXIf`` came later."""


class StrippedImage(Struct, frozen=True):
    """A file without metadata for the decoder, and its EXIF block as a TIFF stream.

    ``exif`` is empty if there is none; ``later_exif`` are more blocks. ``xmp`` is an XMP packet,
    empty if there is none. ``scans`` is how often the decoder goes over the whole image. A JPEG
    has several scans if it is progressive or stores its colours one after the other. Then all
    coefficients stay in memory until the last; with one scan, rows are decoded as they are read.
    ``seconds`` is the CPU that the scans take, if there are several.
    """

    file: bytes
    exif: bytes
    scans: int = 1
    later_exif: tuple[bytes, ...] = ()
    xmp: bytes = b""
    seconds: float = 0.0


def strip_jpeg(content: bytes, maximum_segments: int) -> StrippedImage:
    """Separate a JPEG from its metadata (ITU-T T.81, annex B).

    Raises:
        UnreadablePhoto: there is no scan within ``maximum_segments``, or no frame header that
            cameras and editors write.
    """
    header = _JpegHeader()
    offset = len(SOI)
    for _ in range(maximum_segments):
        offset = content.find(b"\xff", offset)  # bytes between segments are skipped, as by libjpeg
        if offset < 0 or offset + 4 > len(content):
            break
        marker = content[offset + 1]
        if marker in WITHOUT_LENGTH:
            offset += 1 if marker == 0xFF else 2
            continue
        if marker == SOS[1]:
            return header.with_scans(content, offset, maximum_segments)
        length = int.from_bytes(content[offset + 2 : offset + 4])
        if length < LENGTH_BYTES:  # the decoder would take the next segment for its rest
            break
        end = offset + 2 + length
        header.add(marker, content[offset:end])
        offset = end
    raise UnreadablePhoto(DAMAGED_HEADER)


class _JpegHeader:
    """The segments before the first scan."""

    def __init__(self) -> None:
        self.kept = [SOI]
        self.table_bytes = 0
        self.exif: list[bytes] = []
        self.xmp = b""
        self.frame: Frame | None = None

    def add(self, marker: int, segment: bytes) -> None:
        """Put a segment where it belongs. Raises ``UnreadablePhoto``."""
        body = segment[4:]
        if marker == APP1:
            if body.startswith(EXIF_HEADER) and len(self.exif) < MAXIMUM_EXIF_SEGMENTS:
                self.exif.append(body.removeprefix(EXIF_HEADER))
            elif body.startswith(XMP_HEADER):
                self.xmp = self.xmp or body.removeprefix(XMP_HEADER)
        elif marker not in APPLICATION_AND_COMMENT or body[:5] in COLOUR_SEGMENTS:
            self.kept.append(segment)
            self.table_bytes += len(segment)
            if self.table_bytes > MAXIMUM_TABLE_BYTES:
                raise UnreadablePhoto(DAMAGED_HEADER)
            if marker in FRAMES:
                self.frame = read_frame(segment)

    def with_scans(self, content: bytes, offset: int, maximum_segments: int) -> StrippedImage:
        """Return the image whose scans begin at ``offset``. Raises ``UnreadablePhoto``."""
        if self.frame is None or offset + 4 == len(content):
            raise UnreadablePhoto(DAMAGED_HEADER)
        scans = count_scans(content, offset, self.frame, maximum_segments)
        exif, *later_exif = self.exif or [b""]
        return StrippedImage(
            file=b"".join((*self.kept, memoryview(content)[offset : scans.end])),
            exif=exif,
            scans=scans.count,
            later_exif=tuple(later_exif),
            xmp=self.xmp,
            seconds=scans.seconds,
        )


def strip_png(content: bytes, maximum_chunks: int) -> StrippedImage:
    """Separate a PNG from its metadata, and an animated one from its frames.

    Raises:
        UnreadablePhoto: there are more than ``maximum_chunks``.
    """
    view = memoryview(content)
    exif, kept, offset = b"", [memoryview(PNG_SIGNATURE)], len(PNG_SIGNATURE)
    texts: list[tuple[bytes, bytes]] = []
    needed = PNG_CHUNKS
    for _ in range(maximum_chunks):
        chunk_type = content[offset + 4 : offset + 8]
        end = offset + 12 + int.from_bytes(content[offset : offset + 4])
        if chunk_type in needed:
            kept.append(view[offset:end])
            if chunk_type == PNG_PIXELS:
                # A colour that becomes transparent after them would not be in the estimates.
                needed = PNG_CHUNKS_FROM_PIXELS
        elif chunk_type == b"eXIf":  # before the pixels; older writers put it after them
            exif = content[offset + 8 : end - 4].removeprefix(EXIF_HEADER)
        elif chunk_type in PNG_TEXTS and content.startswith(PNG_TEXT_KEYWORDS, offset + 8):
            texts.append((chunk_type, content[offset + 8 : end - 4]))
        if chunk_type == PNG_END or end >= len(content):
            break
        offset = end
    else:
        raise UnreadablePhoto("The photo has too many chunks.")
    xmp = b""
    if texts:
        from chalicelib.photo.metadata.png_text import read_texts  # noqa: PLC0415 - few photos need it

        exif_text, xmp = read_texts(texts)
        exif = exif or exif_text
    return StrippedImage(b"".join(kept), exif, xmp=xmp)

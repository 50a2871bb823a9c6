"""Take WebP files apart, and decode them with one copy less than Pillow: RFC 9649, section 2.

The decoder gets the first picture and nothing else: no later frames, no metadata. libwebp keeps
two canvases while it decodes. Pillow would copy the picture twice more before it frees them.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import Struct
from PIL import Image, _webp
from PIL.WebPImagePlugin import WebPImageFile

from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.image_containers import EXIF_HEADER, StrippedImage
from chalicelib.photo.webp.vp8l import table_bytes

RIFF_HEADER: Final = 12
CHUNK_HEADER: Final = 8
VP8X_HEADER: Final = 10
VP8L_HEADER: Final = 5
VP8L_SIGNATURE: Final = 0x2F
VP8_SIGNATURE: Final = b"\x9d\x01\x2a"
FRAME_HEADER: Final = 16

ANIMATION: Final = 0x02
ALPHA: Final = 0x10
"""Flags of a ``VP8X`` chunk."""

LOSSLESS: Final = 1
"""The compression method of an ``ALPH`` chunk."""

CANVAS_BYTES_PER_PIXEL: Final = 12
"""Memory to decode: two canvases, and one more picture, of four bytes a pixel."""

ALPHA_BYTES_PER_PIXEL: Final = 2
"""An alpha plane takes a byte, and four while it is decoded, when the last picture is not there."""

FILE_COPIES: Final = 3
"""The file is in memory as it was sent, without its metadata, and as libwebp copies it."""

NS_PER_PIXEL: Final = 15
NS_PER_LOSSY_BYTE: Final = 75
NS_PER_LOSSLESS_BYTE: Final = 15
"""CPU to decode and resize, measured by `make fuzz`."""

DAMAGED: Final = "The photo is damaged or incomplete."


class Picture(Struct, frozen=True):
    """A picture: its chunk and its type, its alpha plane, and its width and height in pixels.

    ``lossless`` is the part that is coded as VP8L; empty if there is none.
    """

    name: bytes
    body: memoryview
    alpha: memoryview
    lossless: memoryview
    width: int
    height: int


class StrippedWebp(StrippedImage, frozen=True):
    """A WebP without metadata, its canvas in pixels, and the memory to decode it."""

    width: int = 0
    height: int = 0
    decoding_bytes: int = 0


class FrugalWebpFile(WebPImageFile):
    """A WebP that Pillow decodes without its last two copies."""

    def _open(self) -> None:
        assert self.fp is not None
        self._decoder = _webp.WebPAnimDecoder(self.fp.read())
        self._size, _, _, _, self.rawmode = self._decoder.get_info()
        self._mode = self.rawmode

    def load(self) -> Any:
        """Decode the first picture, once."""
        if self._decoder is not None:
            frame = self._decoder.get_next()
            self._decoder = None  # its two canvases are free from here on
            if frame is None:
                raise EOFError("no picture")
            layout = self.rawmode
            self.im = Image.frombuffer(layout, self.size, frame[0], "raw", layout, 0, 1).im
        return Image.Image.load(self)


def strip_webp(
    content: bytes, maximum_chunks: int, check_pixels: Callable[[int, int], None]
) -> StrippedWebp:
    """Separate a WebP from its metadata, and an animated one from its later frames.

    Args:
        content: the file.
        maximum_chunks: the most chunks of the file.
        check_pixels: refuses a canvas by its width and height, before more is read.

    Raises:
        UnreadablePhoto: the header is damaged, or there are too many chunks.
    """
    view = memoryview(content)[: CHUNK_HEADER + _number(content, 4, 4)]
    chunks = _first_chunks(view, RIFF_HEADER, maximum_chunks)
    header = bytes(chunks.get(b"VP8X", b""))[:VP8X_HEADER]
    frame = chunks.get(b"ANMF", view[:0])
    if len(header) < VP8X_HEADER:
        header, frame = b"", view[:0]
    elif not header[0] & ANIMATION:
        frame = view[:0]
    if header:
        check_pixels(1 + _number(header, 4, 3), 1 + _number(header, 7, 3))
    picture = _picture(_first_chunks(frame, FRAME_HEADER, maximum_chunks) if len(frame) else chunks)
    width, height = _canvas(header, frame, picture)
    check_pixels(width, height)
    decoding_bytes = CANVAS_BYTES_PER_PIXEL * width * height + FILE_COPIES * len(content)
    if len(picture.alpha):
        decoding_bytes += ALPHA_BYTES_PER_PIXEL * picture.width * picture.height
    if len(picture.lossless):
        decoding_bytes += table_bytes(picture.lossless, picture.width, picture.height)
    return StrippedWebp(
        _file(header, chunks, frame, picture) if header else content,
        bytes(chunks.get(b"EXIF", b"")).removeprefix(EXIF_HEADER),
        xmp=bytes(chunks.get(b"XMP ", b"")),
        seconds=_seconds(width * height, picture),
        width=width,
        height=height,
        decoding_bytes=decoding_bytes,
    )


def _first_chunks(view: memoryview, offset: int, maximum_chunks: int) -> dict[bytes, memoryview]:
    """Return the body of the first chunk of each type."""
    chunks: dict[bytes, memoryview] = {}
    for _ in range(maximum_chunks):
        start = offset + CHUNK_HEADER
        if start > len(view):
            return chunks
        size = _number(view, offset + 4, 4)
        chunks.setdefault(bytes(view[offset : offset + 4]), view[start : start + size])
        offset = start + size + size % 2
    raise UnreadablePhoto("The photo has too many chunks.")


def _picture(chunks: dict[bytes, memoryview]) -> Picture:
    """Read the header of the first picture among such chunks. Raises ``UnreadablePhoto``."""
    empty = memoryview(b"")
    name = next((name for name in chunks if name in (b"VP8 ", b"VP8L")), b"")
    body = chunks.get(name, empty)
    if name == b"VP8L":
        bits = _number(body, 1, 4)
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        is_damaged = len(body) <= VP8L_HEADER or body[0] != VP8L_SIGNATURE or bits >> 29
        alpha, lossless = empty, body[VP8L_HEADER:]
    else:
        width, height = _number(body, 6, 2) & 0x3FFF, _number(body, 8, 2) & 0x3FFF
        is_damaged = bytes(body[3:6]) != VP8_SIGNATURE
        alpha = chunks.get(b"ALPH", empty)
        lossless = alpha[1:] if len(alpha) and alpha[0] & 3 == LOSSLESS else empty
    if is_damaged or not width * height:
        raise UnreadablePhoto("The photo's header is damaged.")
    return Picture(name, body, alpha, lossless, width, height)


def _canvas(header: bytes, frame: memoryview, picture: Picture) -> tuple[int, int]:
    """Return width and height of the canvas, in which the picture must fit."""
    size = picture.width, picture.height
    if not header:
        return size
    width, height = 1 + _number(header, 4, 3), 1 + _number(header, 7, 3)
    if len(frame):
        left, top = 2 * _number(frame, 0, 3), 2 * _number(frame, 3, 3)
        fits = (
            size == (1 + _number(frame, 6, 3), 1 + _number(frame, 9, 3))
            and left + picture.width <= width
            and top + picture.height <= height
        )
    else:
        fits = size == (width, height)
    if not fits:
        raise UnreadablePhoto(DAMAGED)
    return width, height


def _file(
    header: bytes, chunks: dict[bytes, memoryview], frame: memoryview, picture: Picture
) -> bytes:
    """Return a file of the picture alone."""
    pieces = _chunk(b"ALPH", picture.alpha) if len(picture.alpha) else []
    pieces += _chunk(picture.name, picture.body)
    if len(frame):
        pieces.insert(0, frame[:FRAME_HEADER])
        size = sum(map(len, pieces))
        pieces = [
            *_chunk(b"ANIM", chunks.get(b"ANIM", memoryview(b""))),
            b"ANMF" + size.to_bytes(4, "little"),
            *pieces,
        ]
    flags = bytes([header[0] & (ANIMATION | ALPHA)])
    pieces = _chunk(b"VP8X", memoryview(flags + header[1:])) + pieces
    return b"".join((b"RIFF", (sum(map(len, pieces)) + 4).to_bytes(4, "little"), b"WEBP", *pieces))


def _chunk(name: bytes, body: memoryview) -> list[bytes | memoryview]:
    return [name, len(body).to_bytes(4, "little"), body, b"\0" * (len(body) % 2)]


def _seconds(pixels: int, picture: Picture) -> float:
    """Return the CPU that decoding takes."""
    per_byte = NS_PER_LOSSLESS_BYTE if picture.name == b"VP8L" else NS_PER_LOSSY_BYTE
    nanoseconds = NS_PER_PIXEL * pixels + per_byte * len(picture.body)
    return (nanoseconds + NS_PER_LOSSLESS_BYTE * len(picture.alpha)) / 1e9


def _number(content: bytes | memoryview, offset: int, size: int) -> int:
    return int.from_bytes(content[offset : offset + size], "little")

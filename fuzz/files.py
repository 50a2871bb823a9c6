"""Write photos chunk by chunk, so that they can contain what no encoder writes."""

import io
import struct
import zlib
from collections.abc import Iterable
from functools import cache

import numpy as np
from PIL import Image

from fuzz.uploads import ROOM_BYTES
from tests.samples import SAMPLES

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@cache
def sample(file: str = "jaguar.jpg") -> bytes:
    """Return an honest photo of the samples."""
    return SAMPLES[file].content


def encode(image: Image.Image, form: str, **options: object) -> bytes:
    """Return the image as Pillow encodes it."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def slope(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return a smooth gradient of any size, which compresses well."""
    row = np.linspace(0, 255, width).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(row, (height, width)).copy()).convert(mode)


@cache
def picture(mode: str = "RGB", size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a small copy of a sample."""
    return Image.open(io.BytesIO(sample())).resize(size).convert(mode)


def segment(marker: int, body: bytes = b"") -> bytes:
    """Return a JPEG marker with its length and body."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def insert(jpeg: bytes, *segments: bytes) -> bytes:
    """Return the JPEG with more segments at its start."""
    return b"".join((jpeg[:2], *segments, jpeg[2:]))


def patch_frame(jpeg: bytes, body: bytes, marker: int | None = None) -> bytes:
    """Return the JPEG with other bytes at the start of its frame header.

    The header begins with precision, height and width.
    """
    start = next(i for i in range(len(jpeg)) if jpeg[i : i + 2] in (b"\xff\xc0", b"\xff\xc2"))
    code = jpeg[start : start + 2] if marker is None else bytes((0xFF, marker))
    length, rest = jpeg[start + 2 : start + 4], jpeg[start + 4 + len(body) :]
    return jpeg[:start] + code + length + body + rest


def fill(piece: bytes) -> bytes:
    """Return the piece repeated up to the largest body."""
    return piece * (ROOM_BYTES // len(piece))


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


RGB = (8, 2, 0, 0, 0)
"""Depth, colour type, compression, filter and interlace of a PNG's header."""


def png(
    width: int,
    height: int,
    pixels: bytes,
    before: Iterable[bytes] = (),
    kind: tuple[int, ...] = RGB,
) -> bytes:
    """Return a PNG of compressed ``pixels``, with chunks before them."""
    header = struct.pack(">II5B", width, height, *kind)
    body = (chunk(b"IHDR", header), *before, chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return PNG_SIGNATURE + b"".join(body)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """Return a WebP of these chunks: RFC 9649."""
    body = b"".join(
        kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for kind, content in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def heic(images: int, blocks: int, block: bytes) -> bytes:
    """Return a HEIC with many copies of one picture, each with many EXIF blocks.

    All items of one type share the same bytes of the file: ISO/IEC 23008-12, section 6.
    """
    honest = sample("koala.heic")
    start = honest.index(b"ipco") - 4
    properties = honest[start : start + int.from_bytes(honest[start : start + 4])]
    pixels = honest[444 : 444 + 0x23A45]
    kinds = [b"hvc1"] * images + [b"Exif"] * blocks
    entries = b"".join(
        box(b"infe", struct.pack(">IHH4sx", 0x02000000, number, 0, kind))
        for number, kind in enumerate(kinds, 1)
    )
    linked = struct.pack(">H", images) + struct.pack(f">{images}H", *range(1, images + 1))
    references = b"".join(
        box(b"cdsc", struct.pack(">H", images + number) + linked) for number in range(1, blocks + 1)
    )
    associations = struct.pack(">I", images) + b"".join(
        struct.pack(">HB", number, 4) + b"\x81\x02\x03\x84" for number in range(1, images + 1)
    )

    def written(start: int) -> bytes:
        places = {b"hvc1": (start, len(pixels)), b"Exif": (start + len(pixels), len(block))}
        located = b"".join(
            struct.pack(">HHHII", number, 0, 1, *places[kind])
            for number, kind in enumerate(kinds, 1)
        )
        body = (
            honest[40 : 40 + 33]
            + box(b"pitm", struct.pack(">IH", 0, 1))
            + box(b"iloc", struct.pack(">IHH", 0, 0x4400, len(kinds)) + located)
            + box(b"iinf", struct.pack(">IH", 0, len(kinds)) + entries)
            + box(b"iprp", properties + box(b"ipma", bytes(4) + associations))
            + box(b"iref", bytes(4) + references)
        )
        return honest[:28] + box(b"meta", bytes(4) + body)

    start = len(written(0)) + 8
    return written(start) + box(b"mdat", pixels + block)


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box of an ISO base media file: ISO/IEC 14496-12."""
    return struct.pack(">I", len(body) + 8) + kind + body

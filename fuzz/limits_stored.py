"""Photos as long as an upload by way of the bucket may be: bytes where each has a cost."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fuzz import files, limits_jpeg
from fuzz.heif_files import Heif, small
from fuzz.limits_webp import noise

ROOM = 24_000_000
"""Bytes for what is repeated; a bucket accepts 25 MB in all."""

PROFILE = b"Raw profile type exif\0\nexif\n9\n"


def stored() -> Iterator[tuple[str, bytes]]:
    """Yield them. Most are refused; what is accepted must be within the bound of any photo."""
    yield "stored: zeros", bytes(ROOM)
    yield from _jpegs()
    yield from _pngs()
    yield from _webps()
    yield from _heics()


def _fill(piece: bytes) -> bytes:
    return piece * (ROOM // len(piece))


def _jpegs() -> Iterator[tuple[str, bytes]]:
    jpeg = files.encode(files.picture(), "JPEG")
    progressive = files.encode(files.picture(), "JPEG", progressive=True)
    for name, piece in (
        ("zeros", b"\0"), ("FF 00", b"\xff\0"), ("FF", b"\xff"), ("restart markers", b"\xff\xd0"),
        ("scans", b"\xff\xda"), ("comments", files.segment(0xFE, b"\xff\xda" * 100)),
    ):  # fmt: skip
        yield f"stored: JPEG, {name} before it", files.insert(jpeg, _fill(piece))
        yield f"stored: JPEG, {name} behind it", jpeg + _fill(piece)
        ended = progressive.removesuffix(limits_jpeg.EOI)
        yield f"stored: JPEG, progressive, with {name}", ended + _fill(piece) + limits_jpeg.EOI
    dense = files.segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\x01")
    start = limits_jpeg.progressive((8_000, 8_000), 1).removesuffix(limits_jpeg.EOI) + dense
    for size in (12_000_000, ROOM):
        scan = limits_jpeg.scan(1, (1, 63, 0), b"\x55" * size)
        yield f"stored: JPEG, {size / 1e6:.0f} MB of coefficients", start + scan + limits_jpeg.EOI
    yield "stored: JPEG, 20 megapixels of noise", files.encode(noise(5_200, 3_900), "JPEG")


def _pngs() -> Iterator[tuple[str, bytes]]:
    pixels = zlib.compress(bytes(200))
    end = files.chunk(b"IEND", b"")
    for name, chunk in (
        ("texts of 2 kB", files.chunk(b"tEXt", b"a\0".ljust(2_000, b"x"))),
        ("texts of 20 kB", files.chunk(b"tEXt", b"a\0".ljust(20_000, b"x"))),
        ("one text", files.chunk(b"iTXt", b"XML:com.adobe.xmp".ljust(ROOM, b"\0"))),
        ("EXIF of zeros", files.chunk(b"eXIf", bytes(ROOM))),
        ("a raw profile", files.chunk(b"tEXt", PROFILE.ljust(ROOM, b"4"))),
    ):
        chunks = _fill(chunk) or chunk
        yield f"stored: PNG, {name} before the pixels", files.png(8, 8, pixels, [chunks])
        start = files.png(8, 8, pixels).removesuffix(end)
        yield f"stored: PNG, {name} behind them", start + chunks + end
    picture = np.asarray(noise(2_600, 3_000))
    rows = np.concatenate((np.zeros((3_000, 1), np.uint8), picture.reshape(3_000, -1)), axis=1)
    stream = zlib.compress(rows.tobytes(), 0)
    yield "stored: PNG, 8 megapixels of noise", files.png(2_600, 3_000, stream)


def _webps() -> Iterator[tuple[str, bytes]]:
    still = files.encode(files.picture(), "WEBP")[12:]
    head = struct.pack("<I", 8) + (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
    for name in (b"EXIF", b"XMP ", b"junk"):
        chunks = (b"VP8X", head), (still[:4], still[8:]), (name, bytes(ROOM))
        yield f"stored: WebP, {name.decode().strip()} of zeros", files.riff(*chunks)
    lossless = files.encode(noise(2_700, 2_700), "WEBP", lossless=True, method=0)
    yield "stored: WebP, 7 megapixels of noise", lossless


def _heics() -> Iterator[tuple[str, bytes]]:
    tile = small()
    message = struct.pack(">IBB", ROOM - 4, 39 << 1, 1) + bytes(ROOM - 6)
    heif = Heif()
    heif.image(replace(tile, data=tile.data + message))
    yield "stored: HEIC, a message of 24 MB", heif.write()
    heif = Heif()
    heif.image(tile)
    for name in (b"Exif", b"mime\0application/rdf+xml\0"):
        heif.refer(b"cdsc", heif.item(name, bytes(ROOM // 2)), 1)
    yield "stored: HEIC, metadata of zeros", heif.write()
    heif.pieces = {number: [(len(tile.data), ROOM)] * 31 for number in (2, 3)}
    yield "stored: HEIC, metadata of 1.5 GB that overlaps", heif.write()
    size = len(tile.data)
    heif.pieces = {1: [(0, size)] + [(size, ROOM)] * 31}
    yield "stored: HEIC, a picture of 740 MB that overlaps", heif.write()
    heif = Heif()
    heif.image(replace(tile, data=tile.data + _fill(tile.data)))
    yield "stored: HEIC, 24 MB of units", heif.write()

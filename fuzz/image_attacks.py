"""Attacks on the image decoders: JPEG, PNG, WebP and HEIC files that lie, loop or blow up."""

import struct
import zlib
from collections.abc import Iterator

from fuzz import files
from fuzz.files import fill
from fuzz.large_photos import LARGE, large_photo
from fuzz.uploads import ROOM_BYTES, Upload, raw


def jpegs() -> Iterator[Upload]:
    """Yield JPEG files."""
    honest = files.sample()
    progressive = files.encode(files.picture(), "JPEG", progressive=True)
    yield raw("JPEG: 65,500 pixels a side", files.patch_frame(honest, b"\x08\xff\xdc\xff\xdc"))
    yield raw(
        "JPEG: 65,500 pixels a side, progressive",
        files.patch_frame(progressive, b"\x08\xff\xdc\xff\xdc"),
    )
    yield raw("JPEG: taller than its data", files.patch_frame(honest, b"\x08\x10\x00"))
    yield raw("JPEG: no height, DNL to come", files.patch_frame(honest, b"\x08\x00\x00"))
    yield raw("JPEG: 12 bits", files.patch_frame(honest, b"\x0c"))
    yield raw("JPEG: sampling factors of zero", files.patch_frame(honest, _components(honest, 0)))
    yield raw("JPEG: sampling factors of 15", files.patch_frame(honest, _components(honest, 0xFF)))
    for name, marker in (("lossless", 0xC3), ("arithmetic", 0xC9), ("hierarchical", 0xC5)):
        yield raw(f"JPEG: says {name}", files.patch_frame(honest, b"", marker))
    frame = files.patch_frame(honest, b"")
    offset = frame.index(b"\xff\xc0")
    twice = frame[:offset] + frame[offset : offset + 19] + frame[offset:]
    yield raw("JPEG: two frames", twice)
    for count in (40, 5_000):
        yield raw(f"JPEG: {count:,} scans", _scans(progressive, count))
    large = large_photo()
    yield raw("JPEG: 40 scans of 12 megapixels", _scans(large, 40), LARGE)
    yield raw("JPEG: 5,000 scans of 12 megapixels", _scans(large, 5_000))
    for name, piece in (
        ("EXIF in pieces", files.segment(0xE1, b"Exif\0\0II*\0")),
        ("comments", files.segment(0xFE)),
        ("quantisation tables", files.segment(0xDB, bytes(65) * 900)),
        ("profiles in pieces", files.segment(0xE2, b"ICC_PROFILE\0\1\1")),
        ("padding", b"\xff"),
        ("restart markers", b"\xff\xd0"),
        ("zeros", b"\0"),
        ("Adobe segments", files.segment(0xEE, b"Adobe\0\0\0\0\0\0\2")),
    ):
        yield raw(f"JPEG: 4.5 MB of {name}", files.insert(honest, fill(piece)))
        yield raw(f"JPEG: 4.3 MB of {name} behind it", honest + fill(piece)[:-200_000])
    profile = files.segment(0xE2, b"ICC_PROFILE\0\1\x2d" + bytes(65_000))
    yield raw("JPEG: a profile of 3 MB", files.insert(honest, profile * 45))
    for length in (0, 1, 2, 0xFFFF):
        lie = struct.pack(">BBH", 0xFF, 0xE1, length)
        yield raw(f"JPEG: a segment of length {length}", files.insert(honest, lie))
    for share in (0.001, 0.05, 0.5, 0.9, 0.999):
        cut = honest[: int(len(honest) * share)]
        yield raw(f"JPEG: the first {share:.1%}", cut)


def _components(jpeg: bytes, sampling: int) -> bytes:
    offset = jpeg.index(b"\xff\xc0") + 4
    count = jpeg[offset + 5]
    body = b"".join(bytes((jpeg[offset + 6 + 3 * i], sampling, 0)) for i in range(count))
    return jpeg[offset : offset + 6] + body


def _scans(progressive: bytes, count: int) -> bytes:
    """Return the progressive JPEG with more scans, each without data."""
    empty = files.segment(0xDA, bytes((1, 1, 0, 1, 63, 0)))
    return progressive.removesuffix(b"\xff\xd9") + empty * count + b"\xff\xd9"


def pngs() -> Iterator[Upload]:
    """Yield PNG files."""
    pixel = zlib.compress(b"\0" * 4)
    bomb = zlib.compress(bytes(1_000_000), 9)
    yield raw("PNG: 60,000 pixels a side", files.png(60_000, 60_000, pixel))
    yield raw("PNG: 2 billion pixels a side", files.png(2**31 - 1, 2**31 - 1, pixel))
    grey = zlib.compress(bytes(20_000 * 2_501), 9)
    yield raw("PNG: 20,000 pixels a side, one bit each",
              files.png(20_000, 20_000, grey, kind=(1, 0, 0, 0, 0)))  # fmt: skip
    for name, kind, head in (
        ("texts", b"zTXt", b"a\0\0"),
        ("international texts", b"iTXt", b"a\0\1\0\0\0"),
        ("profiles", b"iCCP", b"a\0\0"),
    ):
        pieces = fill(files.chunk(kind, head + bomb))
        yield raw(f"PNG: {name} that unfold to gigabytes", files.png(1, 1, pixel, [pieces]))
    ends = files.png(1, 1, pixel)[:-12]
    texts = fill(files.chunk(b"iTXt", b"a\0\1\0\0\0" + bomb))
    yield raw("PNG: such texts behind the pixels", ends + texts + files.chunk(b"IEND", b""))
    yield raw("PNG: 370,000 empty chunks of pixels",
              files.png(1, 1, pixel, [fill(files.chunk(b"IDAT", b""))]))  # fmt: skip
    yield raw("PNG: 9,900 of them",
              files.png(1, 1, pixel, [files.chunk(b"IDAT", b"") * 9_900]))  # fmt: skip
    yield raw("PNG: pixels that unfold beyond the picture",
              files.png(64, 64, zlib.compress(bytes(400_000_000), 9)))  # fmt: skip
    smooth = zlib.compress(bytes(1000 * 3001 * 3), 9)
    yield raw("PNG: interlaced", files.png(1000, 1000, smooth, kind=(8, 2, 0, 0, 1)))
    palette = files.chunk(b"PLTE", bytes(4_000_000))
    yield raw("PNG: a palette of 4 MB", files.png(8, 8, pixel, [palette], (8, 3, 0, 0, 0)))
    for length in (0x7FFFFFFF, 0xFFFFFFFF):
        lie = struct.pack(">I", length) + b"tEXt"
        yield raw(f"PNG: a chunk of {length:,} bytes", files.png(8, 8, pixel, [lie]))
    frames = struct.pack(">II", 0x7FFFFFFF, 0)
    yield raw("PNG: 2 billion frames", files.png(8, 8, pixel, [files.chunk(b"acTL", frames)]))
    control = struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 1, 0, 0)
    animated = [files.chunk(b"acTL", struct.pack(">II", 9_000, 0)),
                files.chunk(b"fcTL", control) * 9_000]  # fmt: skip
    yield raw("PNG: 9,000 frames", files.png(8, 8, zlib.compress(bytes(200)), animated))
    yield raw("PNG: cut off", files.encode(files.picture(), "PNG")[:20_000])


def webps() -> Iterator[Upload]:
    """Yield WebP files."""
    honest = files.encode(files.picture(), "WEBP")
    still = honest[12:]
    for name, side in (("16,384", 16_383), ("16 million", 2**24 - 1)):
        head = struct.pack("<I", 0) + side.to_bytes(3, "little") * 2
        yield raw(f"WebP: a canvas of {name} pixels a side", files.riff((b"VP8X", head)) + still)
    lossless = files.riff((b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(100)))
    yield raw("WebP: lossless, 16,384 pixels a side", lossless)
    picture = files.encode(files.picture(size=(16, 16)), "WEBP")[12:]
    frame = (b"ANMF", bytes(6) + (15).to_bytes(3, "little") * 2 + bytes(4) + picture)
    count = ROOM_BYTES // (len(picture) + 24)
    head = struct.pack("<I", 2) + (15).to_bytes(3, "little") * 2
    yield raw(f"WebP: {count:,} frames",
              files.riff((b"VP8X", head), (b"ANIM", bytes(6)), *[frame] * count))  # fmt: skip
    yield raw("WebP: cut off", honest[: len(honest) // 2])
    yield raw("WebP: a length that lies", honest[:4] + b"\xff\xff\xff\xff" + honest[8:])


def heifs() -> Iterator[Upload]:
    """Yield HEIC files."""
    honest = files.sample("koala.heic")
    size = honest.index(b"ispe") + 8
    for side in (65_535, 0x7FFFFFFF, 0):
        sides = struct.pack(">II", side, side)
        yield raw(f"HEIC: says {side:,} pixels a side", honest[:size] + sides + honest[size + 8 :])
    block = b"\0\0\0\6Exif\0\0II*\0"
    for images, blocks, size in ((1, 1, 100), (500, 400, 100_000), (300, 1, 3_000_000)):
        name = f"HEIC: {images} pictures, each with {blocks} blocks of {size:,} bytes"
        yield raw(name, files.heic(images, blocks, block + bytes(size)))
    yield raw("HEIC: cut off", honest[: len(honest) // 2])
    yield raw("HEIC: nothing but its type", honest[:24])
    yield raw("HEIC: boxes in boxes", honest[:24] + _nested(b"meta", 20_000))
    yield raw("HEIC: 500,000 boxes", honest[:24] + files.box(b"free", b"") * 500_000)
    yield raw("HEIC: a box of 2 billion bytes", honest[:24] + b"\x7f\xff\xff\xffmeta")
    for name, entries in (("items", b"iinf"), ("places", b"iloc"), ("properties", b"ipma")):
        offset = honest.index(entries) + 8
        lie = honest[:offset] + b"\xff\xff\xff\xff" + honest[offset + 4 :]
        yield raw(f"HEIC: billions of {name}", lie)


def _nested(kind: bytes, depth: int) -> bytes:
    body = b""
    for level in range(depth):
        body += struct.pack(">I", 8 * (depth - level)) + kind
    return body

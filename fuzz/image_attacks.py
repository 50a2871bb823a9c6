"""Attacks by hand: each aims at what one decoder or parser does badly.

Sources: Pillow's, libjpeg-turbo's, libheif's and exifread's security advisories and issues
(exif-py#182 among them), and reading their code for loops that an upload can make long.
"""

import struct
import zlib
from collections.abc import Callable, Iterator

from fuzz import files
from fuzz.uploads import Upload, in_form, raw
from tests import exif_blocks
from tests.forms import BOUNDARY, FORM_TYPE, form

ROOM = 4_500_000
"""Bytes to fill: what API Gateway lets through."""

LARGE = "12 megapixels, progressive"

DIRECTORY = 12
"""Bytes of one entry of an EXIF directory."""


def large_photo() -> bytes:
    """The honest photo that attacks by size are compared with."""
    return files.encode(files.slope(4000, 3000), "JPEG", progressive=True)


def largest() -> dict[str, bytes]:
    """Honest photos, as large as the limits on pixels and memory let through."""
    square = files.slope(4_900, 4_900)
    clear = square.copy()
    clear.putalpha(square.getchannel("R"))
    return {
        "JPEG: 63 megapixels": files.encode(files.slope(9_000, 7_000), "JPEG"),
        "JPEG: 50 megapixels, progressive": files.encode(
            files.slope(8_100, 6_100), "JPEG", progressive=True
        ),
        "JPEG: 19 megapixels, 300 high": files.encode(files.slope(65_000, 300), "JPEG"),
        "JPEG: 20 megapixels, CMYK": files.encode(
            files.slope(4_500, 4_500, "CMYK"), "JPEG", progressive=True
        ),
        "PNG: 48 megapixels": files.encode(files.slope(8_000, 6_000), "PNG", compress_level=1),
        "PNG: 24 megapixels, transparent": files.encode(clear, "PNG", compress_level=1),
        "PNG: 16 megapixels, one colour transparent": files.encode(
            files.slope(4_000, 4_000), "PNG", compress_level=1, transparency=(1, 2, 3)
        ),
        "WebP: 12 megapixels": files.encode(files.slope(4_032, 3_024), "WEBP", method=0),
        "WebP: 12 megapixels, transparent": files.encode(
            clear.resize((4_032, 3_024)), "WEBP", method=0
        ),
    }


def attacks() -> Iterator[Upload]:
    """All of them."""
    makers: tuple[Callable[[], Iterator[Upload]], ...] = (
        _jpegs, _pngs, _webps, _heifs, _exif_in_photos, _forms,
    )  # fmt: skip
    for maker in makers:
        yield from maker()


def _fill(piece: bytes) -> bytes:
    return piece * (ROOM // len(piece))


def _jpegs() -> Iterator[Upload]:
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
    at = frame.index(b"\xff\xc0")
    yield raw("JPEG: two frames", frame[:at] + frame[at : at + 19] + frame[at:])
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
        yield raw(f"JPEG: 4.5 MB of {name}", files.insert(honest, _fill(piece)))
        yield raw(f"JPEG: 4.3 MB of {name} behind it", honest + _fill(piece)[:-200_000])
    profile = files.segment(0xE2, b"ICC_PROFILE\0\1\x2d" + bytes(65_000))
    yield raw("JPEG: a profile of 3 MB", files.insert(honest, profile * 45))
    for length in (0, 1, 2, 0xFFFF):
        lie = struct.pack(">BBH", 0xFF, 0xE1, length)
        yield raw(f"JPEG: a segment of length {length}", files.insert(honest, lie))
    for share in (0.001, 0.05, 0.5, 0.9, 0.999):
        cut = honest[: int(len(honest) * share)]
        yield raw(f"JPEG: the first {share:.1%}", cut)


def _components(jpeg: bytes, sampling: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 4
    count = jpeg[at + 5]
    body = b"".join(bytes((jpeg[at + 6 + 3 * i], sampling, 0)) for i in range(count))
    return jpeg[at : at + 6] + body


def _scans(progressive: bytes, count: int) -> bytes:
    """A progressive JPEG with more scans, each without data."""
    empty = files.segment(0xDA, bytes((1, 1, 0, 1, 63, 0)))
    return progressive.removesuffix(b"\xff\xd9") + empty * count + b"\xff\xd9"


def _pngs() -> Iterator[Upload]:
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
        pieces = _fill(files.chunk(kind, head + bomb))
        yield raw(f"PNG: {name} that unfold to gigabytes", files.png(1, 1, pixel, [pieces]))
    ends = files.png(1, 1, pixel)[:-12]
    texts = _fill(files.chunk(b"iTXt", b"a\0\1\0\0\0" + bomb))
    yield raw("PNG: such texts behind the pixels", ends + texts + files.chunk(b"IEND", b""))
    yield raw("PNG: 370,000 empty chunks of pixels",
              files.png(1, 1, pixel, [_fill(files.chunk(b"IDAT", b""))]))  # fmt: skip
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


def _webps() -> Iterator[Upload]:
    honest = files.encode(files.picture(), "WEBP")
    still = honest[12:]
    for name, side in (("16,384", 16_383), ("16 million", 2**24 - 1)):
        head = struct.pack("<I", 0) + side.to_bytes(3, "little") * 2
        yield raw(f"WebP: a canvas of {name} pixels a side", files.riff((b"VP8X", head)) + still)
    lossless = files.riff((b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(100)))
    yield raw("WebP: lossless, 16,384 pixels a side", lossless)
    picture = files.encode(files.picture(size=(16, 16)), "WEBP")[12:]
    frame = (b"ANMF", bytes(6) + (15).to_bytes(3, "little") * 2 + bytes(4) + picture)
    count = ROOM // (len(picture) + 24)
    head = struct.pack("<I", 2) + (15).to_bytes(3, "little") * 2
    yield raw(f"WebP: {count:,} frames",
              files.riff((b"VP8X", head), (b"ANIM", bytes(6)), *[frame] * count))  # fmt: skip
    yield raw("WebP: cut off", honest[: len(honest) // 2])
    yield raw("WebP: a length that lies", honest[:4] + b"\xff\xff\xff\xff" + honest[8:])


def _heifs() -> Iterator[Upload]:
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
        at = honest.index(entries) + 8
        lie = honest[:at] + b"\xff\xff\xff\xff" + honest[at + 4 :]
        yield raw(f"HEIC: billions of {name}", lie)


def _nested(kind: bytes, depth: int) -> bytes:
    body = b""
    for level in range(depth):
        body += struct.pack(">I", 8 * (depth - level)) + kind
    return body


def exif() -> Iterator[tuple[str, bytes]]:
    """EXIF blocks that loop, lie or blow up."""
    head = b"II*\0" + struct.pack("<I", 8)
    entry = struct.pack("<HHII", 0x0100, 4, 1, 1)

    def directory(entries: bytes, following: int) -> bytes:
        return struct.pack("<H", len(entries) // DIRECTORY) + entries + struct.pack("<I", following)

    yield "its directory follows itself", head + directory(entry, 8)
    yield "two directories follow each other", (head + directory(entry, 26) + directory(entry, 8))
    for name, tag in (("EXIF", 0x8769), ("GPS", 0x8825), ("interoperability", 0xA005)):
        yield (
            f"its {name} directory is the first",
            (head + directory(struct.pack("<HHII", tag, 4, 1, 8), 0)),
        )
    many = struct.pack("<HHII", 0x0111, 4, 0xFFFFFFFF, 8) * 60
    yield "values without end", head + directory(many, 8)
    yield "texts without end", head + directory(struct.pack("<HHII", 0x010E, 2, 2**32 - 1, 8), 0)
    pointers = b"".join(struct.pack("<HHII", 0x8769, 4, 1, 8) for _ in range(5_000))
    yield "5,000 directories that are the first", head + directory(pointers, 8)
    yield "directories without end", head + directory(entry, 8) * 3_000
    fields = b"".join(struct.pack("<HHII", tag, 5, 2_000, 8) for tag in range(5_000))
    yield "ten million rationals", head + directory(fields, 0)
    yield (
        "a maker's note of nonsense",
        exif_blocks.block({0x010F: "Canon"}, exif={0x927C: "\x7f" * 4_000}),
    )
    yield "a first directory beyond the end", b"II*\0\xff\xff\xff\xff"
    yield "neither byte order", b"XX*\0" + bytes(60)
    yield "half a header", b"MM\0"
    yield (
        "a preview that points to itself",
        head
        + directory(
            struct.pack("<HHII", 0x0201, 4, 1, 0) + struct.pack("<HHII", 0x0202, 4, 1, 2**31), 8
        ),
    )
    yield "BigTIFF", b"II+\0\x08\0\0\0" + bytes(60)
    yield (
        "NaN and infinite degrees",
        exif_blocks.block(
            gps=exif_blocks.gps(latitude=((2**32 - 1, 0),) * 3, longitude=((0, 0),) * 3)
        ),
    )


def _exif_in_photos() -> Iterator[Upload]:
    picture = files.picture()
    jpeg = files.encode(picture, "JPEG")
    png = files.encode(picture, "PNG")
    still = files.encode(picture, "WEBP")[12:]
    head = struct.pack("<I", 8) + (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
    for name, block in exif():
        body = b"Exif\0\0" + block[:65_000]
        yield in_form(f"EXIF: {name}", files.insert(jpeg, files.segment(0xE1, body)))
        yield in_form(f"EXIF in a PNG: {name}", png[:33] + files.chunk(b"eXIf", block) + png[33:])
        kind, content = still[:4], still[8:]
        yield in_form(f"EXIF in a WebP: {name}",
                      files.riff((b"VP8X", head), (kind, content), (b"EXIF", block)))  # fmt: skip


def _forms() -> Iterator[Upload]:
    photo = files.sample()
    start = b"--" + BOUNDARY + b"\r\n"
    named = start + b'Content-Disposition: form-data; name="photo"'
    end = b"\r\n--" + BOUNDARY + b"--\r\n"
    whole = form(("photo", photo))
    bodies = {
        "10,000 parts": form(*((f"field{i}", "x") for i in range(10_000))),
        "a header of 4 MB": start + b"X: " + b"y" * 4_000_000 + b"\r\n\r\n" + end,
        "100,000 headers": start + b"X: y\r\n" * 100_000 + b"\r\n" + end,
        "a header twice": named + b'\r\nContent-Disposition: form-data; name="geo"\r\n\r\non' + end,
        "a form in a form": form(("photo", whole)),
        "no end": whole[:-20],
        "no part": b"--" + BOUNDARY + b"--\r\n",
        "line feeds alone": whole.replace(b"\r\n", b"\n", 2),
        "a name of 4,000 letters": start
        + b'Content-Disposition: form-data; name="' + b"n" * 4_000 + b'"\r\n\r\nx' + end,
        "a name with half a surrogate": start
        + b'Content-Disposition: form-data; name="\xed\xa0\x80"\r\n\r\nx' + end,
        "a length that lies": named + b"\r\nContent-Length: 99999999999\r\n\r\nx" + end,
        "4 MB of almost boundaries": named + b"\r\n\r\n" + _fill(b"\r\n--" + BOUNDARY[:-1]) + end,
        "4 MB of line ends": named + b"\r\n\r\n" + _fill(b"\r\n")[:4_000_000] + end,
    }  # fmt: skip
    for name, body in bodies.items():
        yield Upload(f"form: {name}", body)
    plain = "multipart/form-data"
    for name, content_type in {
        "no boundary": plain,
        "an empty boundary": f"{plain}; boundary=",
        "a boundary of 10,000 letters": f"{plain}; boundary={'b' * 10_000}",
        "another boundary": f"{plain}; boundary=other",
        "options without end": f"{plain}{';a=b' * 2_000}",
        "quotes without end": f'{plain}; boundary="{chr(92) * 5_000}',
        "no text at all": "\udcff\0",
    }.items():
        yield Upload(f"type: {name}", whole, content_type)
    yield Upload("type: a JPEG that calls itself a form", photo, FORM_TYPE)
    yield Upload("type: a form that calls itself a JPEG", whole, "image/jpeg")
    for name, text in {
        "a million lists": b"[" * 1_000_000,
        "a million objects": b'{"a":' * 1_000_000,
        "numbers without end": b'{"upload": "x", "limit": ' + b"9" * 1_000_000 + b"}",
        "exponents": b'{"upload": "x", "decimalLatitude": 1e999999999}',
        "NaN": b'{"upload": "x", "decimalLatitude": NaN}',
        "half a surrogate": b'{"upload": "\\ud800"}',
        "keys twice": b'{"limit": 1, "limit": 2}',
        "no text": b"\xff\xfe\0",
        "truth": b'{"upload": true}',
    }.items():
        yield Upload(f"JSON: {name}", text, "application/json")

"""Photos whose metadata walks to the limits: tags over shared bytes, segments, texts, XMP."""

import struct
import zlib
from collections.abc import Iterator

from fuzz import files

TEXTS = 600


def shared_texts(size: int, count: int = TEXTS) -> bytes:
    """Return an EXIF block of texts that all are the rest of the block."""
    start = 8 + 2 + 12 * count + 4
    entries = b"".join(
        struct.pack("<HHII", 0x9C00 + number, 2, size - start, start) for number in range(count)
    )
    head = b"II*\0" + struct.pack("<IH", 8, count)
    return (head + entries + bytes(4)).ljust(size, b"x")


def xmp_of(size: int, piece: bytes) -> bytes:
    """Return an XMP packet filled with one piece."""
    head = b'<x xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    return head + piece * ((size - len(head)) // len(piece))


def unreadable() -> Iterator[tuple[str, bytes]]:
    """Yield photos whose EXIF cannot be read within its bounds."""
    jpeg = files.encode(files.picture(), "JPEG")
    large, small = shared_texts(4_400_000), shared_texts(65_000)
    yield (
        "EXIF in a JPEG: 600 texts over 65 kB",
        files.insert(jpeg, files.segment(0xE1, b"Exif\0\0" + small)),
    )
    for name, block in (("4.4 MB", large), ("260 kB", shared_texts(260_000)), ("65 kB", small)):
        yield from in_each_format(f"600 texts over {name}", block)
    segments = files.segment(0xE1, b"Exif\0\0" + small) * 8
    yield "EXIF in a JPEG: eight segments of it", files.insert(jpeg, segments)
    profile = b"\nexif\n%8d\n" % len(small) + small.hex().encode()
    text = files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))
    png = files.encode(files.picture(), "PNG")
    yield "EXIF in a PNG's text: 600 texts over 65 kB", png[:33] + text + png[33:]


def in_each_format(name: str, block: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a PNG, a WebP and a HEIC with an EXIF block."""
    picture = files.picture()
    png = files.encode(picture, "PNG")
    yield f"EXIF in a PNG: {name}", png[:33] + files.chunk(b"eXIf", block) + png[33:]
    still = files.encode(picture, "WEBP")[12:]
    head = struct.pack("<I", 8) + (319).to_bytes(3, "little") + (239).to_bytes(3, "little")
    chunks = (b"VP8X", head), (still[:4], still[8:]), (b"EXIF", block)
    yield f"EXIF in a WebP: {name}", files.riff(*chunks)
    yield f"EXIF in a HEIC: {name}", files.heic(1, 1, b"\0\0\0\6Exif\0\0" + block)


def xmp() -> Iterator[tuple[str, bytes]]:
    """Yield photos whose XMP is as long, and as slow to search, as can be."""
    jpeg = files.encode(files.picture(), "JPEG")
    png = files.encode(files.picture(), "PNG")
    for name, piece in (
        ("spaces", b" exif:GPSLatitude" + b" " * 9),
        ("quotes", b' exif:GPSLatitude="' + b"1" * 64),
        ("elements", b"<exif:GPSLatitude>" + b" " * 99),
        ("namespaces", b'xmlns:exif="http://ns.adobe.com/exif/1.0'),
    ):
        packet = xmp_of(65_000, piece)
        body = b"http://ns.adobe.com/xap/1.0/\0" + packet
        yield f"XMP in a JPEG: {name}", files.insert(jpeg, files.segment(0xE1, body))
    packet = zlib.compress(xmp_of(50_000_000, b"<rdf:li/>"), 9)
    text = files.chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packet)
    yield "XMP in a PNG that unfolds to 50 MB", png[:33] + text + png[33:]
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><exif:GPSLatitude>&b;<'
    body = b"http://ns.adobe.com/xap/1.0/\0" + xmp_of(60_000, bomb)
    yield "XMP in a JPEG: entities", files.insert(jpeg, files.segment(0xE1, body))

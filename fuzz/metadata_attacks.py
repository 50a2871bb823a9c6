"""Attacks on the EXIF reader: blocks that loop, lie or blow up, in each format of photo."""

import struct
from collections.abc import Iterator

from fuzz import files
from fuzz.uploads import Upload, in_form
from tests import exif_blocks

DIRECTORY_ENTRY_BYTES = 12
"""The size of one entry of an EXIF directory."""


def exif() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each EXIF block."""
    head = b"II*\0" + struct.pack("<I", 8)
    entry = struct.pack("<HHII", 0x0100, 4, 1, 1)

    def directory(entries: bytes, following: int) -> bytes:
        return (
            struct.pack("<H", len(entries) // DIRECTORY_ENTRY_BYTES)
            + entries
            + struct.pack("<I", following)
        )

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


def exif_in_photos() -> Iterator[Upload]:
    """Yield each block in a JPEG, a PNG and a WebP."""
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

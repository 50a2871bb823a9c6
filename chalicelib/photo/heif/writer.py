"""Write a HEIF file that holds one image and nothing else.

The decoder never sees the file as it was sent: metadata, thumbnails, profiles, other images and
all that a box can hide stay behind.
"""

import struct
from typing import Final

from chalicelib.photo.heif.picture import Tiles

FILE_TYPE: Final = b"heic\0\0\0\0heicmif1"
ALPHA: Final = b"urn:mpeg:hevc:2015:auxid:1\0"
HANDLER: Final = bytes(4) + b"pict" + bytes(13)
IMAGE, GRID_VERSION_32_BITS = b"hvc1", b"\0\1"


def write_heif(tiles: Tiles, alpha: Tiles | None = None) -> bytes:
    """Write a file of one coded image or grid, and perhaps its transparency."""
    return _Writer().file(tiles, alpha)


def box(box_type: bytes, *bodies: bytes) -> bytes:
    """Write a box: ISO/IEC 14496-12, section 4.2."""
    return struct.pack(">I4s", 8 + sum(map(len, bodies)), box_type) + b"".join(bodies)


def full_box(box_type: bytes, *bodies: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Write a box with a version and flags."""
    return box(box_type, struct.pack(">I", version << 24 | flags), *bodies)


class _Writer:
    """Collects items, and then writes them."""

    def __init__(self) -> None:
        self._types: list[bytes] = []
        self._data: list[list[bytes | memoryview]] = []
        self._properties: dict[bytes, int] = {}
        self._associations: list[list[int]] = []
        self._references: list[bytes] = []

    def file(self, tiles: Tiles, alpha: Tiles | None) -> bytes:
        primary = self._image(tiles, [])
        if alpha:
            number = self._image(alpha, [full_box(b"auxC", ALPHA)])
            self._refer(b"auxl", number, [primary])
        start = len(self._head(primary, 0)) + 8
        pieces = [piece for data in self._data for piece in data]
        media = struct.pack(">I4s", 8 + sum(map(len, pieces)), b"mdat")
        return b"".join((self._head(primary, start), media, *pieces))

    def _image(self, tiles: Tiles, properties: list[bytes]) -> int:
        """Add a coded image or a grid; return its number."""
        decoding = tiles.decoding
        if tiles.colours:
            properties = [*properties, box(b"colr", tiles.colours)]
        coded = [
            box(b"hvcC", decoding.configuration),
            full_box(b"ispe", struct.pack(">II", decoding.width, decoding.height)),
        ]
        size = tiles.width, tiles.height
        if len(tiles.data) == 1 and size == (decoding.width, decoding.height):
            return self._item(IMAGE, tiles.data[0], coded + properties)
        numbers = [self._item(IMAGE, units, coded) for units in tiles.data]
        sides = struct.pack(">II", *size)
        grid = GRID_VERSION_32_BITS + bytes((tiles.rows - 1, tiles.columns - 1)) + sides
        number = self._item(b"grid", [grid], [full_box(b"ispe", sides), *properties])
        self._refer(b"dimg", number, numbers)
        return number

    def _item(
        self, item_type: bytes, data: list[memoryview] | list[bytes], properties: list[bytes]
    ) -> int:
        self._types.append(item_type)
        self._data.append(list(data))
        self._associations.append(
            [self._properties.setdefault(each, len(self._properties) + 1) for each in properties]
        )
        return len(self._types)

    def _refer(self, reference_type: bytes, source: int, targets: list[int]) -> None:
        numbers = struct.pack(f">HH{len(targets)}H", source, len(targets), *targets)
        self._references.append(box(reference_type, numbers))

    def _head(self, primary: int, start: int) -> bytes:
        """Write all but the data of the items, which begins at ``start``."""
        entries, places, properties = [], [], []
        count = struct.pack(">H", len(self._types))
        for number, item_type in enumerate(self._types, 1):
            item = struct.pack(">HH4sx", number, 0, item_type)
            entries.append(full_box(b"infe", item, version=2))
            length = sum(map(len, self._data[number - 1]))
            places.append(struct.pack(">HHHII", number, 0, 1, start, length))
            start += length
            indices = self._associations[number - 1]
            properties.append(struct.pack(f">HB{len(indices)}B", number, len(indices), *indices))
        meta = full_box(
            b"meta",
            full_box(b"hdlr", HANDLER),
            full_box(b"pitm", struct.pack(">H", primary)),
            full_box(b"iloc", b"\x44\0", count, *places),
            full_box(b"iinf", count, *entries),
            box(
                b"iprp",
                box(b"ipco", *self._properties),
                full_box(b"ipma", bytes(2), count, *properties),
            ),
            *([full_box(b"iref", *self._references)] if self._references else []),
        )
        return box(b"ftyp", FILE_TYPE) + meta

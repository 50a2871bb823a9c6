"""HEIF files written box by box, so that they can say what no camera would."""

import struct
from dataclasses import dataclass, field

from fuzz.files import box, sample
from tools import ROOT

FILE_TYPE = box(b"ftyp", b"heic\0\0\0\0mif1heic")
HANDLER = box(b"hdlr", bytes(8) + b"pict" + bytes(13))


def full_box(name: bytes, body: bytes, version: int = 0, flags: int = 0) -> bytes:
    """Write a box with a version and flags."""
    return box(name, struct.pack(">I", version << 24 | flags) + body)


def large_box(name: bytes, body: bytes) -> bytes:
    """Write a box with a size of 64 bits."""
    return struct.pack(">I4sQ", 1, name, len(body) + 16) + body


def ispe(width: int, height: int) -> bytes:
    """Write a property: width and height of an image."""
    return full_box(b"ispe", struct.pack(">II", width, height))


def irot(quarters: int) -> bytes:
    """Write a property: turn counterclockwise."""
    return box(b"irot", bytes((quarters,)))


def imir(axis: int) -> bytes:
    """Write a property: mirror top and bottom (0), or left and right (1)."""
    return box(b"imir", bytes((axis,)))


def clap(width: int, height: int, right: int = 0, down: int = 0, parts: int = 1) -> bytes:
    """Write a property: the part of an image that is shown, off its middle by ``right/parts``."""
    values = (width, 1, height, 1, right, parts, down, parts)
    return box(b"clap", struct.pack(">IIIIiIiI", *values))


def auxc(name: bytes = b"urn:mpeg:hevc:2015:auxid:1") -> bytes:
    """Write a property: what an auxiliary image is of. Transparency if nothing else is said."""
    return full_box(b"auxC", name + b"\0")


@dataclass(frozen=True)
class Coded:
    """A picture as an encoder wrote it: its configuration, its data, and its size."""

    configuration: bytes
    data: bytes
    width: int
    height: int

    @property
    def properties(self) -> list[bytes]:
        """The properties that an item of it needs."""
        return [box(b"hvcC", self.configuration), ispe(self.width, self.height)]


def koala() -> Coded:
    """Return the picture of a sample: 768 by 1,024 pixels in 146 kB."""
    return _coded(sample("koala.heic"), 768, 1_024)


def small() -> Coded:
    """Return a picture of 96 by 64 pixels in 1 kB."""
    return _coded((ROOT / "tests" / "data" / "small.heic").read_bytes(), 96, 64)


def dense() -> Coded:
    """Return a picture of 256 by 256 pixels that costs the decoder the most for its 5 kB.

    Each block has 4 by 4 pixels, a direction of its own and one coefficient, and each tree of
    blocks has offsets of its own. It shows nothing.
    """
    return _coded((ROOT / "tests" / "data" / "dense.heic").read_bytes(), 256, 256)


def _coded(heic: bytes, width: int, height: int) -> Coded:
    start = heic.index(b"hvcC")
    configuration = heic[start + 4 : start - 4 + int.from_bytes(heic[start - 4 : start])]
    offset = heic.index(b"mdat") + 4
    end = offset + 4 + int.from_bytes(heic[offset : offset + 4])
    return Coded(configuration, heic[offset:end], width, height)


def grid_data(columns: int, rows: int, width: int, height: int) -> bytes:
    """Write the data of a grid."""
    return struct.pack(">4BII", 0, 1, rows - 1, columns - 1, width, height)


@dataclass
class Heif:
    """A file to be: items, and references between them. Items number from 1."""

    types: list[bytes] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    properties: list[list[bytes]] = field(default_factory=list)
    references: list[tuple[bytes, int, tuple[int, ...]]] = field(default_factory=list)
    primary: int = 1
    pieces: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Where the data of an item is in all data, and how long, if it is not where it should be."""

    def item(self, name: bytes, data: bytes, *properties: bytes) -> int:
        """Add an item, and return its number. A media type may follow its type, after a zero."""
        self.types.append(name)
        self.data.append(data)
        self.properties.append(list(properties))
        return len(self.types)

    def image(self, coded: Coded, *properties: bytes) -> int:
        """Add a coded image."""
        return self.item(b"hvc1", coded.data, *coded.properties, *properties)

    def refer(self, name: bytes, source: int, *targets: int) -> None:
        """Add a reference."""
        self.references.append((name, source, targets))

    def grid(
        self,
        tile: Coded,
        columns: int,
        rows: int,
        *properties: bytes,
        trim: tuple[int, int] = (0, 0),
    ) -> int:
        """Add a grid of one picture over and over, and make it the primary image."""
        tiles = [self.image(tile) for _ in range(columns * rows)]
        size = tile.width * columns - trim[0], tile.height * rows - trim[1]
        data = grid_data(columns, rows, *size)
        self.primary = self.item(b"grid", data, ispe(*size), *properties)
        self.refer(b"dimg", self.primary, *tiles)
        return self.primary

    def meta_body(self, start: int, inside: bytes = b"", *, share: bool = False) -> bytes:
        """Write the tables; the data begins at ``start``.

        With ``share``, all coded images have the data of the first item.
        """
        known: dict[bytes, int] = {}
        first = start
        entries = places = associations = b""
        for number, (name, data, properties) in enumerate(
            zip(self.types, self.data, self.properties, strict=True), 1
        ):
            entries += full_box(b"infe", struct.pack(">HH", number, 0) + name + b"\0", version=2)
            is_copy = share and name == b"hvc1" and number > 1
            place = first if is_copy else start
            pieces = self.pieces.get(number, [(place - first, len(data))])
            places += struct.pack(">HHH", number, 0, len(pieces))
            places += b"".join(struct.pack(">II", first + at, length) for at, length in pieces)
            start += 0 if is_copy else len(data)
            indices = [known.setdefault(each, len(known) + 1) for each in properties]
            associations += struct.pack(f">HB{len(indices)}H", number, len(indices), *indices)
        count = struct.pack(">H", len(self.types))
        references = b"".join(
            box(name, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))
            for name, source, targets in self.references
        )
        return (
            bytes(4)
            + HANDLER
            + full_box(b"pitm", struct.pack(">H", self.primary))
            + full_box(b"iloc", b"\x44\0" + count + places)
            + full_box(b"iinf", count + entries)
            + box(
                b"iprp",
                box(b"ipco", b"".join(known))
                + full_box(b"ipma", bytes(2) + count + associations, flags=1),
            )
            + (full_box(b"iref", references) if references else b"")
            + inside
        )

    def write(self, before: bytes = b"", after: bytes = b"", inside: bytes = b"") -> bytes:
        """Write the file: tables first, with boxes before, in and after them."""
        start = len(FILE_TYPE + before) + 8 + len(self.meta_body(0, inside)) + 8
        meta = box(b"meta", self.meta_body(start, inside))
        return FILE_TYPE + before + meta + box(b"mdat", b"".join(self.data)) + after

    def write_shared(self) -> bytes:
        """Write a file in which all coded images have the data of the first item."""
        start = len(FILE_TYPE) + 8 + len(self.meta_body(0)) + 8
        meta = box(b"meta", self.meta_body(start, share=True))
        own = [
            data
            for number, (name, data) in enumerate(zip(self.types, self.data, strict=True))
            if not number or name != b"hvc1"
        ]
        return FILE_TYPE + meta + box(b"mdat", b"".join(own))

    def write_media_first(self) -> bytes:
        """Write the data before the tables, as some phones do."""
        media = box(b"mdat", b"".join(self.data))
        return FILE_TYPE + media + box(b"meta", self.meta_body(len(FILE_TYPE) + 8))

"""Read the tables of a HEIF file: which items there are, where, and with which properties.

ISO/IEC 14496-12, section 8.11, and ISO/IEC 23008-12, sections 6 and 9.
"""

from typing import Final

from msgspec import Struct

from chalicelib.photo.heif.iso_boxes import Box, BoxReader, Fields, damaged

MAXIMUM_ITEMS: Final = 2_000
"""Items and tiles of a file. A phone writes about 50 for 12 megapixels, and 200 for 48."""

MAXIMUM_EXTENTS: Final = 32
"""Pieces of one item: as many as libheif allows."""

MAXIMUM_PROPERTIES: Final = 32
"""Properties of one item. A phone writes about six."""

LONGEST_PROPERTY: Final = 20_000
"""Bytes of a property that are read. Those that are needed have about 100."""

FIELD_SIZES: Final = frozenset({0, 4, 8})
"""Sizes in bytes that the fields of an ``iloc`` box may have."""

NEEDED_BOXES: Final = (b"pitm", b"iinf", b"iloc", b"iprp")


class Property(Struct, frozen=True):
    """A property of an item: of a long one, the beginning."""

    type: bytes
    body: bytes


class Item(Struct, frozen=True):
    """An item: its type, and the media type of one of type ``mime``."""

    type: bytes
    media_type: bytes


class HeifItems:
    """The tables of one file.

    Raises ``UnreadablePhoto`` wherever they do not hold together.
    """

    def __init__(self, content: bytes, maximum_boxes: int) -> None:
        self._reader = BoxReader(content, maximum_boxes)
        self._content = content
        boxes = list(self._reader.boxes(0, len(content)))
        metas = [box for box in boxes if box.type == b"meta"]
        if boxes[0].type != b"ftyp" or len(metas) != 1:
            raise damaged("it must have one box of each of the types ftyp and meta")
        self._meta = self._reader.children(metas[0], 4)
        if not self._meta.keys() >= set(NEEDED_BOXES):
            raise damaged("a table is missing")
        pitm = Fields(content, self._meta[b"pitm"])
        self.primary = pitm.number(2 if pitm.number(4) >> 24 == 0 else 4)
        self._items = self._read_items(self._meta[b"iinf"])
        self._references = self._read_references()
        self._locations = self._read_locations(self._meta[b"iloc"])
        self._associations = self._read_associations(self._meta[b"iprp"])

    @property
    def file_bytes(self) -> int:
        """The length of the file."""
        return len(self._content)

    def item(self, number: int) -> Item:
        """Return an item."""
        if number not in self._items:
            raise damaged("it refers to an image that it does not have")
        return self._items[number]

    def first(self, item_type: bytes, media_type: bytes = b"") -> int | None:
        """Return the number of the first item of a type; ``None`` if there is none."""
        wanted = Item(item_type, media_type)
        return next((number for number, item in self._items.items() if item == wanted), None)

    def references_from(self, number: int, reference_type: bytes) -> list[int]:
        """Return the items to which an item refers."""
        return self._references.get((reference_type, number), [])

    def references_to(self, number: int, reference_type: bytes) -> list[int]:
        """Return the items that refer to an item."""
        return [
            source
            for (known_type, source), targets in self._references.items()
            if known_type == reference_type and number in targets
        ]

    def properties(self, number: int) -> list[Property]:
        """Return the properties of an item in their order."""
        return [known for known, _ in self._associations.get(number, [])]

    def essential_types(self, number: int) -> set[bytes]:
        """Return the types of properties that a reader must know to read an item."""
        return {known.type for known, is_needed in self._associations.get(number, []) if is_needed}

    def data(self, number: int) -> memoryview:
        """Return the bytes of an item."""
        pieces = []
        construction, extents = self._locations.get(number, (-1, []))
        if construction == 0:
            start, end = 0, len(self._content)
        elif construction == 1 and b"idat" in self._meta:
            start, end = self._meta[b"idat"].start, self._meta[b"idat"].end
        else:
            raise damaged("an image in it is not in the file")
        if sum(length for _, length in extents) > self.file_bytes:
            raise damaged("the pieces of an image overlap")
        for offset, length in extents:
            if not length or start + offset + length > end:
                raise damaged("an image in it is not within the file")
            pieces.append(memoryview(self._content)[start + offset : start + offset + length])
        return pieces[0] if len(pieces) == 1 else memoryview(b"".join(pieces))

    def _read_items(self, iinf: Box) -> dict[int, Item]:
        fields = Fields(self._content, iinf)
        skipped = 6 if fields.number(4) >> 24 == 0 else 8
        items: dict[int, Item] = {}
        for box in self._reader.boxes(iinf.start + skipped, iinf.end):
            if box.type != b"infe":
                continue
            fields = Fields(self._content, box)
            version = fields.number(4) >> 24
            if version not in (2, 3):
                raise damaged("an item has an unknown version")
            number = fields.number(2 if version == 2 else 4)
            fields.number(2)
            item_type = fields.bytes(4)
            texts = self._content[box.start : box.end].split(b"\0") if item_type == b"mime" else []
            media_type = MIME_XMP if MIME_XMP in texts else b""
            if number in items or len(items) >= MAXIMUM_ITEMS:
                raise damaged("an item is there twice, or there are too many")
            items[number] = Item(item_type, media_type)
        return items

    def _read_references(self) -> dict[tuple[bytes, int], list[int]]:
        """Return the targets of each reference by its type and source."""
        if b"iref" not in self._meta:
            return {}
        iref = self._meta[b"iref"]
        size = 2 if Fields(self._content, iref).number(4) >> 24 == 0 else 4
        references: dict[tuple[bytes, int], list[int]] = {}
        count = 0
        for box in self._reader.boxes(iref.start + 4, iref.end):
            fields = Fields(self._content, box)
            key = box.type, fields.number(size)
            length = fields.number(2)
            count += length
            if key in references or count > 4 * MAXIMUM_ITEMS:
                raise damaged("a reference is there twice, or there are too many")
            references[key] = [fields.number(size) for _ in range(length)]
        return references

    def _read_locations(self, iloc: Box) -> dict[int, tuple[int, list[tuple[int, int]]]]:
        """Return how each item is stored (0: in the file, 1: in ``idat``), and its pieces."""
        fields = Fields(self._content, iloc)
        version = fields.number(4) >> 24
        sizes = fields.number(2)
        offset, length, base, index = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        if version > 2 or not {offset, length, base} <= FIELD_SIZES:
            raise damaged("its table of places cannot be read")
        locations: dict[int, tuple[int, list[tuple[int, int]]]] = {}
        number_size = 2 if version < 2 else 4
        count, pieces_left = fields.number(number_size), 2 * MAXIMUM_ITEMS
        if count > MAXIMUM_ITEMS:
            raise damaged("it has too many items")
        for _ in range(count):
            number = fields.number(number_size)
            construction = fields.number(2) & 15 if version else 0
            if fields.number(2):  # the data is in another file
                construction = -1
            origin, extents = fields.number(base), fields.number(2)
            pieces_left -= extents
            if extents > MAXIMUM_EXTENTS or pieces_left < 0 or number in locations:
                raise damaged("an item has too many pieces, or two places")
            pieces = []
            for _ in range(extents):
                fields.number(index if version else 0)
                pieces.append((origin + fields.number(offset), fields.number(length)))
            locations[number] = construction, pieces
        return locations

    def _read_associations(self, iprp: Box) -> dict[int, list[tuple[Property, bool]]]:
        """Return the properties of each item, and whether a reader must know them."""
        boxes = list(self._reader.boxes(iprp.start, iprp.end))
        containers = [box for box in boxes if box.type == b"ipco"]
        if len(containers) != 1:
            raise damaged("it must have one box of the type ipco")
        known = [
            Property(
                box.type, self._content[box.start : min(box.end, box.start + LONGEST_PROPERTY)]
            )
            for box in self._reader.boxes(containers[0].start, containers[0].end)
        ]
        associations: dict[int, list[tuple[Property, bool]]] = {}
        for box in boxes:
            if box.type != b"ipma":
                continue
            fields = Fields(self._content, box)
            header = fields.number(4)
            number_size, size = 2 if header >> 24 == 0 else 4, 2 if header & 1 else 1
            essential = 1 << 8 * size - 1
            for _ in range(fields.number(4)):
                number, count = fields.number(number_size), fields.number(1)
                if number in associations or len(associations) >= MAXIMUM_ITEMS:
                    raise damaged("an item has its properties twice")
                values = [fields.number(size) for _ in range(min(count, MAXIMUM_PROPERTIES + 1))]
                indices = [value & essential - 1 for value in values]
                if count > MAXIMUM_PROPERTIES or max(indices, default=0) > len(known):
                    raise damaged("an item has too many properties, or one that is not there")
                associations[number] = [
                    (known[index - 1], value >= essential)
                    for index, value in zip(indices, values, strict=True)
                    if index  # 0 stands for no property
                ]
        return associations


MIME_XMP: Final = b"application/rdf+xml"
"""The media type of an item of type ``mime`` that holds XMP: ISO/IEC 23008-12, annex A.3."""

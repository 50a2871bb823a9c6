"""Decide what there is to decode in a HEIF file, before anything is decoded.

A photo is one coded image, or a grid of coded images that fills it, and perhaps one such image
of its transparency. Images that are derived in any other way are refused. So are files that this
module does not understand.
"""

from typing import Final

from msgspec import Struct
from PIL import Image

from chalicelib.domain import MEDIA_TYPES
from chalicelib.errors import (
    PhotoTooLarge,
    RangefinderError,
    UnreadablePhoto,
    UnsupportedMediaType,
)
from chalicelib.photo.formats import AVIF, refusal
from chalicelib.photo.heif.hevc import Decoding, picture_units, read_configuration
from chalicelib.photo.heif.iso_boxes import damaged
from chalicelib.photo.heif.items import MIME_XMP, HeifItems
from chalicelib.photo.heif.transformations import (
    TRANSFORMATIONS,
    read_transformations,
    transformations,
)
from chalicelib.photo.image_containers import EXIF_HEADER

MAXIMUM_METADATA_BYTES: Final = 1_000_000
"""For EXIF and for XMP. Of longer ones the beginning is kept, which their readers refuse."""

SHAPE_TOLERANCE: Final = 0.02
"""A preview has the photo's ratio of width to height, as far as whole pixels allow."""

MAXIMUM_TILES: Final = 1_000
"""Tiles of a grid. A phone writes 48 for 12 megapixels, and 192 for 48."""

ALPHA_TYPES: Final = frozenset({
    b"urn:mpeg:avc:2015:auxid:1",
    b"urn:mpeg:hevc:2015:auxid:1",
    b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha",
})  # fmt: skip
"""Types of auxiliary images that hold transparency, as libheif knows them."""

DESCRIPTIONS: Final = frozenset(
    {b"hvcC", b"ispe", b"colr", b"pixi", b"pasp", b"auxC", b"clli", b"mdcv", b"cclv", b"amve"}
)
"""Types of properties without which, or with which, the pixels are the same."""

NCLX: Final = b"nclx"
"""The type of a ``colr`` property that says how the numbers of pixels stand for colours."""


class Tiles(Struct, frozen=True):
    """Coded images of one size, row by row, that fill a canvas. A coded image is its own tile."""

    width: int
    height: int
    columns: int
    rows: int
    decoding: Decoding
    colours: bytes
    data: list[list[memoryview]]
    """The units of each tile."""

    @property
    def coded_pixels(self) -> int:
        """The area of all tiles that the decoder works on."""
        return len(self.data) * self.decoding.coded_pixels


class Picture(Struct, frozen=True):
    """The images to decode, and the way to show them.

    ``clean`` is the part of the canvas that is shown, as left, top, width and height. The turns
    come after it, in their order.
    """

    tiles: Tiles
    alpha: Tiles | None
    preview: Tiles | None
    is_premultiplied: bool
    clean: tuple[int, int, int, int]
    turns: list[Image.Transpose]
    exif: bytes
    xmp: bytes

    @property
    def is_on_its_side(self) -> bool:
        """Whether the turns exchange width and height."""
        quarters = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270)
        return sum(turn in quarters for turn in self.turns) % 2 == 1


def read_picture(content: bytes, maximum_boxes: int, maximum_pixels: int) -> Picture:
    """Read the structure of a HEIF file.

    Raises:
        UnreadablePhoto: it is damaged, or not one that this service reads.
        PhotoTooLarge: the images to decode have more pixels.
    """
    items = HeifItems(content, maximum_boxes)
    reader = _PictureReader(items, maximum_pixels)
    tiles = reader.tiles(items.primary)
    properties = items.properties(items.primary)
    clean, turns = read_transformations(properties, tiles.width, tiles.height)
    alphas = list(filter(reader.is_alpha, items.references_to(items.primary, b"auxl")))
    if len(alphas) > 1:
        raise damaged("it has several images of its transparency")
    alpha = reader.tiles(alphas[0]) if alphas else None
    if alpha:
        if transformations(items.properties(alphas[0])) not in ([], transformations(properties)):
            raise damaged("its transparency is turned in another way")
        if alpha.width * alpha.height > tiles.width * tiles.height:
            raise damaged("its transparency is larger than the photo")
    preview = _preview(reader, items, tiles)
    return Picture(
        tiles=tiles,
        alpha=alpha,
        preview=preview,
        is_premultiplied=bool(items.references_from(items.primary, b"prem")),
        clean=clean,
        turns=turns,
        exif=_exif(items),
        xmp=_metadata(items, items.first(b"mime", MIME_XMP)),
    )


class _PictureReader:
    """Reads coded images and grids, and adds up what they cost."""

    def __init__(self, items: HeifItems, maximum_pixels: int) -> None:
        self._items = items
        self._maximum_pixels = maximum_pixels
        self._pixels = 0
        self._bytes_left = items.file_bytes
        self._decodings: dict[bytes, Decoding] = {}

    def is_alpha(self, number: int) -> bool:
        """Whether an auxiliary image holds transparency."""
        bodies = self._bodies(number, b"auxC")
        return any(body[4:].split(b"\0")[0] in ALPHA_TYPES for body in bodies)

    def tiles(self, number: int) -> Tiles:
        """Read a coded image, or a grid of coded images."""
        match self._items.item(number).type:
            case b"hvc1":
                width, height = self._size(number)
                decoding = self._decoding(number, width, height, count=1)
                colours = self._colours(number)
                return Tiles(width, height, 1, 1, decoding, colours, [self._units(number)])
            case b"grid":
                return self._grid(number)
            case b"av01":
                raise UnsupportedMediaType(refusal(AVIF), MEDIA_TYPES)
        raise UnreadablePhoto(
            "The photo is put together in a way that is not read, or is not coded as HEVC. "
            "Convert it to JPEG."
        )

    def _grid(self, number: int) -> Tiles:
        grid = bytes(self._items.data(number)[:12])
        size = 4 if len(grid) > 1 and grid[1] & 1 else 2
        if len(grid) < 4 + 2 * size or grid[0]:
            raise damaged("its grid cannot be read")
        rows, columns = grid[2] + 1, grid[3] + 1
        width, height = (int.from_bytes(grid[start : start + size]) for start in (4, 4 + size))
        tiles = self._items.references_from(number, b"dimg")
        if len(tiles) > MAXIMUM_TILES:
            raise damaged("it has too many tiles")
        if (width, height) != self._size(number) or len(tiles) != rows * columns:
            raise damaged("its grid has another size than its tiles")
        if len(set(tiles)) != len(tiles):
            raise damaged("its grid repeats a tile")
        types = {self._items.item(tile).type for tile in tiles}
        if types == {b"av01"}:
            raise UnsupportedMediaType(refusal(AVIF), MEDIA_TYPES)
        if types != {b"hvc1"}:
            raise damaged("its grid is not made of coded images")
        tile_width, tile_height = self._size(tiles[0])
        if not (
            tile_width * (columns - 1) < width <= tile_width * columns
            and tile_height * (rows - 1) < height <= tile_height * rows
        ):
            raise damaged("its tiles do not fit the photo")
        first = self._decoding(tiles[0], tile_width, tile_height, count=len(tiles))
        for tile in tiles:
            decoding = self._decoding(tile, tile_width, tile_height, count=0)
            properties = self._items.properties(tile)
            if decoding != first or any(each.type in TRANSFORMATIONS for each in properties):
                raise damaged("its tiles differ in size, coding or orientation")
        colours = self._colours(number) or self._colours(tiles[0])
        units = [self._units(tile) for tile in tiles]
        return Tiles(width, height, columns, rows, first, colours, units)

    def _decoding(self, number: int, width: int, height: int, count: int) -> Decoding:
        """Read how an image of some size is coded, and count the pixels of ``count`` such."""
        self._check_pixels(count * width * height)
        configurations = set(self._bodies(number, b"hvcC"))
        if len(configurations) != 1:
            raise damaged("an image has no HEVC configuration")
        configuration = configurations.pop()
        if configuration not in self._decodings:
            self._decodings[configuration] = read_configuration(configuration)
        decoding = self._decodings[configuration]
        self._check_pixels(count * decoding.coded_pixels)
        if {self._size(number), (decoding.width, decoding.height)} != {(width, height)}:
            raise damaged("an image is coded in another size than the file says")
        self._pixels += count * decoding.coded_pixels
        return decoding

    def _check_pixels(self, pixels: int) -> None:
        if self._pixels + pixels > self._maximum_pixels:
            raise PhotoTooLarge(self._pixels + pixels, self._maximum_pixels, "pixels")

    def _units(self, number: int) -> list[memoryview]:
        data = self._items.data(number)
        self._bytes_left -= len(data)
        if self._bytes_left < 0:  # images of many pieces are copied, so each counts at once
            raise damaged("images in it share their data")
        return picture_units(data)

    def _size(self, number: int) -> tuple[int, int]:
        """Return width and height as the file says. Refuse properties that are not known."""
        if not self._items.essential_types(number) <= TRANSFORMATIONS | DESCRIPTIONS:
            raise damaged("it needs a feature that is not known")
        sizes = set(self._bodies(number, b"ispe"))
        if len(sizes) != 1 or len(size := sizes.pop()) != 12:
            raise damaged("an image has no size")
        return int.from_bytes(size[4:8]), int.from_bytes(size[8:])

    def _colours(self, number: int) -> bytes:
        """Return the first ``colr`` property that holds numbers; empty if there is none."""
        bodies = self._bodies(number, b"colr")
        return next((body for body in bodies if body.startswith(NCLX) and len(body) == 11), b"")

    def _bodies(self, number: int, property_type: bytes) -> list[bytes]:
        properties = self._items.properties(number)
        return [each.body for each in properties if each.type == property_type]


def _preview(reader: _PictureReader, items: HeifItems, tiles: Tiles) -> Tiles | None:
    """Return the first preview that shows the whole photo, as a phone writes it."""
    for number in items.references_to(items.primary, b"thmb")[:1]:
        try:
            preview = reader.tiles(number)
        except RangefinderError:
            return None
        is_smaller = preview.width < tiles.width and preview.height < tiles.height
        difference = preview.width / preview.height - tiles.width / tiles.height
        if is_smaller and abs(difference) < SHAPE_TOLERANCE * tiles.width / tiles.height:
            return preview
    return None


def _exif(items: HeifItems) -> bytes:
    """Return the first EXIF block as a TIFF stream: ISO/IEC 23008-12, annex A.2."""
    block = _metadata(items, items.first(b"Exif"))
    return block[4 + int.from_bytes(block[:4]) :].removeprefix(EXIF_HEADER)


def _metadata(items: HeifItems, number: int | None) -> bytes:
    """Return an item that describes the photo, or as much of it as is kept.

    The result is empty if it cannot be read. Readers refuse what is longer than they read.
    """
    if number is None:
        return b""
    try:
        data = items.data(number)
    except UnreadablePhoto:
        return b""
    return bytes(data[:MAXIMUM_METADATA_BYTES])

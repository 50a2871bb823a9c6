"""Open and decode HEIC and HEIF photos.

Each step takes away what an attacker could use. The structure is read first, and refused where it
is not one of a photo. Then a new file is written for the decoder, with the coded images alone.
Of a grid, it holds one row of the tiles that the model sees: memory does not grow with the photo.
"""

from collections.abc import Iterator
from math import ceil
from typing import Any, Final

import numpy as np
from msgspec import Struct
from PIL import Image

from chalicelib.domain import ModelInput, Pixels
from chalicelib.errors import PhotoTooLarge, UnreadablePhoto
from chalicelib.photo.crop import crop_box
from chalicelib.photo.decode_cost import check_memory
from chalicelib.photo.heif.cost import bytes_to_decode, work_to_decode
from chalicelib.photo.heif.picture import Picture, Tiles, read_picture
from chalicelib.photo.heif.writer import write_heif

FILTER_SUPPORT: Final = {"nearest": 0, "box": 0.5, "bilinear": 1, "hamming": 1, "bicubic": 2}
"""How far a filter looks, in pixels of the smaller picture. Any other looks 3 pixels far."""

CHANNELS: Final = {"L": 1, "I;16": 2, "RGB": 3, "RGBA": 4}
"""Bytes of one pixel, by the mode that pi-heif decodes to."""

STRIP_ROWS: Final = 256
"""Rows that Pillow gets at a time. It needs 4 bytes for each of their pixels."""

LEAST_PREVIEW: Final = 0.8
"""A preview must have this share of the model's input. Phones write 240 rows or more."""

WHITE: Final = (255, 255, 255, 255)


class HeifLimits(Struct, frozen=True):
    """The most that a HEIF photo may cost.

    ``pixels`` counts those of all images, ``hevc_pixels`` those that are decoded, with
    a share for their bytes.
    """

    boxes: int
    pixels: int
    decoding_bytes: int
    hevc_pixels: int


class Strip(Struct, frozen=True):
    """Tiles to decode together, and where they are in the canvas."""

    tiles: Tiles
    left: int
    top: int


class HeifPhoto(Struct, frozen=True, eq=False):
    """An opened photo: the :class:`~chalicelib.ports.Photo` on libheif."""

    picture: Picture
    file_bytes: int
    limits: HeifLimits

    @property
    def format(self) -> str:
        """``HEIF``."""
        return "HEIF"

    @property
    def width(self) -> int:
        """Pixels as shown."""
        return self.picture.clean[3 if self.picture.is_on_its_side else 2]

    @property
    def height(self) -> int:
        """Pixels as shown."""
        return self.picture.clean[2 if self.picture.is_on_its_side else 3]

    @property
    def exif(self) -> bytes:
        """The EXIF block as a TIFF stream; empty if there is none."""
        return self.picture.exif

    @property
    def xmp(self) -> bytes:
        """The XMP packet; empty if there is none."""
        return self.picture.xmp

    @property
    def later_exif(self) -> tuple[bytes, ...]:
        """More EXIF blocks: none is read."""
        return ()

    @property
    def is_truncated(self) -> bool:
        """Whether the file ends too early: never, since such a file is refused."""
        return False

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Decode, crop, resize and turn as the file says. Return RGB, (height, width, 3).

        The orientation of EXIF is not used: it repeats what the file's own properties say.
        Raises ``PhotoTooLarge`` or ``UnreadablePhoto``.
        """
        del orientation
        try:
            return self._decode(self.picture, size)
        except PhotoTooLarge:
            preview = _as_picture(self.picture, size)
            if not preview:
                raise
            return self._decode(preview, size)

    def _decode(self, picture: Picture, size: ModelInput) -> Pixels:
        if picture.is_on_its_side:
            size = ModelInput(
                size.height, size.width, size.crop_fraction, size.resample, size.frame
            )
        left, top, clean_width, clean_height = picture.clean
        box = crop_box(clean_width, clean_height, size)
        margin = _margin(box, size)
        seen = (
            left + max(int(box[0]) - margin, 0),
            top + max(int(box[1]) - margin, 0),
            left + min(ceil(box[2]) + margin, clean_width),
            top + min(ceil(box[3]) + margin, clean_height),
        )
        strips = _strips(picture, seen)
        self._check_cost(picture, strips)
        box = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
        try:
            small = _resize(picture, strips, seen, box, size)
        except Exception:  # decoders raise many types of errors
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None
        for turn in picture.turns:
            small = small.transpose(turn)
        return np.asarray(small)

    def _check_cost(self, picture: Picture, strips: list[Strip]) -> None:
        pixels = self.width * self.height
        needed_bytes = max(bytes_to_decode(strip.tiles, picture.alpha) for strip in strips)
        check_memory(pixels, needed_bytes + self.file_bytes, self.limits.decoding_bytes)
        work = sum(work_to_decode(strip.tiles, picture.alpha) for strip in strips)
        if work > self.limits.hevc_pixels:
            raise PhotoTooLarge(pixels, int(pixels * self.limits.hevc_pixels / work), "pixels")


def open_heif(content: bytes, limits: HeifLimits) -> HeifPhoto:
    """Read the structure of a HEIF file.

    Raises:
        UnreadablePhoto: it is damaged, or not one that this service reads.
        PhotoTooLarge: the images to decode have too many pixels.
    """
    picture = read_picture(content, limits.boxes, limits.pixels)
    return HeifPhoto(picture=picture, file_bytes=len(content), limits=limits)


def _as_picture(picture: Picture, size: ModelInput) -> Picture | None:
    """Return the preview of a photo, if the model would see enough of it."""
    preview, whole = picture.preview, (0, 0, picture.tiles.width, picture.tiles.height)
    if not preview or picture.alpha or picture.clean != whole:
        return None
    seen = min(preview.width, preview.height) * size.crop_fraction
    if seen < LEAST_PREVIEW * max(size.width, size.height):
        return None
    return Picture(
        tiles=preview,
        alpha=None,
        preview=None,
        is_premultiplied=False,
        clean=(0, 0, preview.width, preview.height),
        turns=picture.turns,
        exif=b"",
        xmp=b"",
    )


def _margin(box: tuple[float, float, float, float], size: ModelInput) -> int:
    """Return how many pixels beyond the box the filter uses."""
    scale = max((box[2] - box[0]) / size.width, (box[3] - box[1]) / size.height, 1)
    return ceil(scale * FILTER_SUPPORT.get(size.resample.lower(), 3)) + 1


def _strips(picture: Picture, seen: tuple[int, int, int, int]) -> list[Strip]:
    """Return the tiles that cover a part of the canvas, row by row.

    Transparency is not cut up, so the photo is not cut up either where it has one.
    """
    tiles = picture.tiles
    if len(tiles.data) == 1 or picture.alpha:
        return [Strip(tiles, 0, 0)]
    width, height = tiles.decoding.width, tiles.decoding.height
    first, last = seen[0] // width, ceil(seen[2] / width)
    strips = []
    for row in range(seen[1] // height, ceil(seen[3] / height)):
        start = row * tiles.columns
        strip = Tiles(
            width=min(last * width, tiles.width) - first * width,
            height=min((row + 1) * height, tiles.height) - row * height,
            columns=last - first,
            rows=1,
            decoding=tiles.decoding,
            colours=tiles.colours,
            data=tiles.data[start + first : start + last],
        )
        strips.append(Strip(strip, first * width, row * height))
    return strips


def _resize(
    picture: Picture,
    strips: list[Strip],
    seen: tuple[int, int, int, int],
    box: tuple[float, float, float, float],
    size: ModelInput,
) -> Image.Image:
    """Decode, and resize a part of the canvas to RGB.

    Pillow resizes across and then down. So does this function, but across it goes strip by strip:
    the result is the same.
    """
    left, top, _, _ = seen
    resample = Image.Resampling[size.resample.upper()]
    across = [
        rows.resize(
            (size.width, rows.height), resample, box=(box[0] - left, 0, box[2] - left, rows.height)
        )
        for strip in strips
        for rows in _decode(picture, strip, seen)
    ]
    narrow = Image.new(across[0].mode, (size.width, sum(rows.height for rows in across)))
    row = 0
    for rows in across:
        narrow.paste(rows, (0, row))
        row += rows.height
    small = narrow.resize(
        (size.width, size.height), resample, box=(0, box[1] - top, size.width, box[3] - top)
    )
    if small.mode != "RGBa":
        return small.convert("RGB")
    small = small.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", small.size, WHITE), small).convert("RGB")


def _decode(
    picture: Picture, strip: Strip, seen: tuple[int, int, int, int]
) -> Iterator[Image.Image]:
    """Yield the rows of a strip that are seen, ``STRIP_ROWS`` at a time: L, RGB or RGBa."""
    from pi_heif import HeifFile  # noqa: PLC0415 - 40 ms that no refused photo needs

    file = HeifFile(
        write_heif(strip.tiles, picture.alpha),
        convert_hdr_to_8bit=True,
        hdr_to_16bit=True,
        remove_stride=False,
    )
    data, mode, stride = memoryview(file.data), str(file.mode), int(file.stride)
    if file.size != (strip.tiles.width, strip.tiles.height):
        raise UnreadablePhoto("The photo is damaged or incomplete.")
    channels = CHANNELS[mode]
    left, top = max(seen[0] - strip.left, 0), max(seen[1] - strip.top, 0)
    right = min(seen[2] - strip.left, strip.tiles.width)
    bottom = min(seen[3] - strip.top, strip.tiles.height)
    for row in range(top, bottom, STRIP_ROWS):
        height = min(STRIP_ROWS, bottom - row)
        pixels: np.ndarray[Any, np.dtype[np.uint8]] = np.ndarray(
            (height, right - left, channels),
            np.uint8,
            data,
            row * stride + left * channels,
            (stride, channels, 1),
        )
        if mode == "I;16":
            pixels = pixels[:, :, 1:]  # the upper 8 bits
        rows = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
        if rows.mode == "RGBA":  # colours are weighed by their opacity before they are mixed
            rows = _premultiplied(rows) if picture.is_premultiplied else rows.convert("RGBa")
        yield rows


def _premultiplied(rows: Image.Image) -> Image.Image:
    """Say of an image that its colours are weighed already."""
    return Image.frombytes("RGBa", rows.size, rows.tobytes())

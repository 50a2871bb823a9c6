"""Decode strips of HEIF tiles with pi-heif, and resize parts of the canvas that they cover."""

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Any, Final

import numpy as np
from msgspec import Struct
from PIL import Image

from chalicelib.domain import ModelInput
from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.crop import Box
from chalicelib.photo.heif.picture import Picture, Tiles
from chalicelib.photo.heif.writer import write_heif

FILTER_SUPPORT: Final = {"nearest": 0, "box": 0.5, "bilinear": 1, "hamming": 1, "bicubic": 2}
"""How far a filter looks, in pixels of the smaller picture. Any other looks 3 pixels far."""

CHANNELS: Final = {"L": 1, "I;16": 2, "RGB": 3, "RGBA": 4}
"""Bytes of one pixel, by the mode that pi-heif decodes to."""

STRIP_ROWS: Final = 256
"""Rows that Pillow gets at a time. It needs 4 bytes for each of their pixels."""

WHITE: Final = (255, 255, 255, 255)

Area = tuple[int, int, int, int]
"""Left, top, right and bottom of a part of the canvas, in pixels."""


class Strip(Struct, frozen=True):
    """Tiles to decode together, and where they are in the canvas."""

    tiles: Tiles
    left: int
    top: int


class DecodedStrip(Struct, frozen=True, eq=False):
    """Decoded tiles: rows of pixels in the mode that pi-heif chose."""

    strip: Strip
    file: Any


def seen_area(box: Box, area: Area, size: ModelInput) -> Area:
    """Return the pixels of the area that the filter uses to resize the box."""
    scale = max((box[2] - box[0]) / size.width, (box[3] - box[1]) / size.height, 1)
    margin = ceil(scale * FILTER_SUPPORT.get(size.resample.lower(), 3)) + 1
    return (
        max(int(box[0]) - margin, area[0]),
        max(int(box[1]) - margin, area[1]),
        min(ceil(box[2]) + margin, area[2]),
        min(ceil(box[3]) + margin, area[3]),
    )


def cut_strips(picture: Picture, seen: Area) -> list[Strip]:
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


def resize(
    picture: Picture,
    strips: Iterable[DecodedStrip],
    seen: Area,
    box: Box,
    size: ModelInput,
) -> Image.Image:
    """Resize a part of the canvas to RGB.

    Pillow resizes across and then down. So does this function, but across it goes strip by strip:
    the result is the same.
    """
    left, top, _, _ = seen
    resample = Image.Resampling[size.resample.upper()]
    across = [
        rows.resize(
            (size.width, rows.height), resample, box=(box[0] - left, 0, box[2] - left, rows.height)
        )
        for decoded in strips
        for rows in _rows(picture, decoded, seen)
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


def decode(picture: Picture, strip: Strip) -> DecodedStrip:
    """Decode the tiles of a strip; raises the errors of pi-heif, or ``UnreadablePhoto``."""
    from pi_heif import HeifFile  # noqa: PLC0415 - 40 ms that no refused photo needs

    file = HeifFile(
        write_heif(strip.tiles, picture.alpha),
        convert_hdr_to_8bit=True,
        hdr_to_16bit=True,
        remove_stride=False,
    )
    if file.size != (strip.tiles.width, strip.tiles.height):
        raise UnreadablePhoto("The photo is damaged or incomplete.")
    return DecodedStrip(strip, file)


def _rows(picture: Picture, decoded: DecodedStrip, seen: Area) -> Iterator[Image.Image]:
    """Yield the rows of a strip that are seen, ``STRIP_ROWS`` at a time: L, RGB or RGBa."""
    strip, file = decoded.strip, decoded.file
    data, mode, stride = memoryview(file.data), str(file.mode), int(file.stride)
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

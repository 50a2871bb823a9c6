"""The memory that decoding a photo takes, known before it begins.

``make fuzz`` measures what decoders take, and checks that these figures hold.
"""

from typing import Final

from PIL import ImageFile, JpegImagePlugin

from chalicelib.errors import PhotoTooLarge
from chalicelib.photo.heif_picture import Tiles

DECODE_BYTES_PER_PIXEL: Final = {
    "1": 5, "L": 1, "I;16": 2, "P": 5, "RGB": 4, "LA": 8, "RGBA": 8, "CMYK": 8,
    "RGBX": 4,
}  # fmt: skip
"""Memory to decode and resize, by Pillow's mode; by format if its decoder needs more."""

FILE_COPIES: Final = 2
"""The file is in memory twice: as it was sent, and as the decoder gets it."""

BYTES_PER_RESIZED_PIXEL: Final = 4
"""Pillow resizes in two steps: after the first, only the width is new."""

BYTES_PER_COEFFICIENT: Final = 2
"""libjpeg keeps one coefficient for each sample of a JPEG with several scans."""

HEVC_BYTES_PER_PIXEL: Final = 1.5
"""What libde265 notes of each pixel, besides the pixel."""

CODED_COPIES: Final = 4
"""Coded data is in memory as libheif, libde265 and the new file hold it."""

HEVC_PIXELS_PER_TILE: Final = 5_000
"""What a tile costs besides its pixels: 0.2 ms."""

ORDINARY_SAMPLES: Final = 1.5
"""Samples of a pixel whose chroma has half the width and height."""

MODES_WITH_ALPHA: Final = ("LA", "RGBA")


def check_memory(pixels: int, needed_bytes: float, maximum_bytes: int) -> None:
    """Refuse a photo whose decoding needs too much memory.

    Raises:
        PhotoTooLarge: with the number of pixels that would fit.
    """
    if needed_bytes > maximum_bytes:
        raise PhotoTooLarge(pixels, max(int(pixels * maximum_bytes / needed_bytes), 1), "pixels")


def bytes_to_decode(image: ImageFile.ImageFile, pixels: int, scans: int) -> float:
    """Return the most memory in bytes that decoding and resizing an opened image takes.

    Args:
        image: the header, after ``Image.draft``.
        pixels: width times height as stored in the file.
        scans: how often a JPEG decoder goes over the whole image.
    """
    if image.format in DECODE_BYTES_PER_PIXEL:
        return DECODE_BYTES_PER_PIXEL[image.format] * pixels
    bytes_per_pixel = DECODE_BYTES_PER_PIXEL[image.mode]
    if has_transparent_colour(image):
        bytes_per_pixel += DECODE_BYTES_PER_PIXEL["RGBA"]
    needed_bytes = bytes_per_pixel * image.width * image.height
    if scans == 1 or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return needed_bytes
    sampling = [(across, down) for _, across, down, _ in image.layer]
    block = max(across for across, _ in sampling) * max(down for _, down in sampling)
    samples_per_pixel = sum(across * down for across, down in sampling) / max(block, 1)
    return needed_bytes + BYTES_PER_COEFFICIENT * samples_per_pixel * pixels


def has_transparent_colour(image: ImageFile.ImageFile) -> bool:
    """Whether a colour stands for transparency, in an image without an alpha channel."""
    return image.mode not in MODES_WITH_ALPHA and bool(image.has_transparency_data)


def heif_bytes_to_decode(tiles: Tiles, alpha: Tiles | None) -> float:
    """Return the most memory in bytes that libheif takes for tiles that it decodes together.

    Of each image there are two decoded copies: one of the decoder and one of libheif. Of a grid
    there is only the whole, since a few tiles are decoded at a time. The pixels come on top.
    """
    needed_bytes = 0.0
    for each in (tiles, alpha):
        if each:
            coded_bytes = sum(len(unit) for units in each.data for unit in units)
            pixels = max(each.coded_pixels, each.width * each.height)
            per_pixel = 2 * each.decoding.bytes_per_pixel + HEVC_BYTES_PER_PIXEL
            needed_bytes += pixels * per_pixel + CODED_COPIES * coded_bytes
    channels = 4 if alpha else 3
    return needed_bytes + channels * tiles.width * tiles.height


def heif_work(tiles: Tiles, alpha: Tiles | None) -> float:
    """Return what decoding costs, in pixels: each takes 40 ns of CPU time, and 75 ns at most.

    A coded byte costs as much as a pixel, and a tile has a cost of its own. Chroma without
    subsampling doubles the pixels. ``make fuzz`` sends the worst that was found.
    """
    work = 0.0
    for each in (tiles, alpha):
        if each:
            coded_bytes = sum(len(unit) for units in each.data for unit in units)
            samples = max(each.decoding.samples_per_pixel / ORDINARY_SAMPLES, 1)
            work += each.coded_pixels * samples
            work += coded_bytes + HEVC_PIXELS_PER_TILE * len(each.data)
    return work

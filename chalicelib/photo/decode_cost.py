"""The memory that decoding a photo takes, known before it begins.

``make fuzz`` measures what decoders take, and checks that these figures hold.
"""

from typing import Final

from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.errors import PhotoTooLarge

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
    needed_bytes = decoded_bytes_per_pixel(image) * image.width * image.height
    if scans == 1 or not isinstance(image, JpegImagePlugin.JpegImageFile):
        return needed_bytes
    sampling = [(across, down) for _, across, down, _ in image.layer]
    block = max(across for across, _ in sampling) * max(down for _, down in sampling)
    samples_per_pixel = sum(across * down for across, down in sampling) / max(block, 1)
    return needed_bytes + BYTES_PER_COEFFICIENT * samples_per_pixel * pixels


def decoded_bytes_per_pixel(image: ImageFile.ImageFile) -> int:
    """Return the memory of a decoded pixel; a transparent colour needs a copy with alpha."""
    alpha_copy = DECODE_BYTES_PER_PIXEL["RGBA"] if has_transparent_colour(image) else 0
    return DECODE_BYTES_PER_PIXEL[image.mode] + alpha_copy


def has_transparent_colour(image: Image.Image) -> bool:
    """Whether a colour stands for transparency, in an image without an alpha channel."""
    return image.mode not in MODES_WITH_ALPHA and bool(image.has_transparency_data)

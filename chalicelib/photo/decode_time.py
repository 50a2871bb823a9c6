"""The CPU time that decoding a photo takes, known before it begins.

``make fuzz`` measures what decoders take, and checks that these figures hold.
"""

from typing import Final

from PIL import ImageFile

from chalicelib.errors import PhotoTooLarge
from chalicelib.photo.decode_cost import decoded_bytes_per_pixel

MAXIMUM_SECONDS: Final = 0.75
"""Of one CPU of an AMD EPYC. With the classifier, an answer then takes 1 s at most: five times as
much as for a JPEG of 12 megapixels."""

CHEAP_SECONDS: Final = MAXIMUM_SECONDS / 2
"""A photo that takes longer is not looked at again: several looks take as long."""

PNG_BITS: Final = {
    "1": 1, "L;2": 2, "L;4": 4, "L": 8, "I;16B": 16, "P;1": 1, "P;2": 2, "P;4": 4, "P": 8,
    "LA": 16, "LA;16B": 32, "RGB": 24, "RGB;16B": 48, "RGBA": 32, "RGBA;16B": 64,
}  # fmt: skip
"""Bits of a pixel in the file, by Pillow's name of the layout."""

NS_PER_PNG_BYTE: Final = 8.0
"""To inflate a byte and to undo its filter."""

NS_PER_DECODED_BYTE: Final = 1.5
"""To copy, convert and resize."""

NS_PER_INTERLACED_PIXEL: Final = 5.0


def check_time(pixels: int, seconds: float) -> None:
    """Refuse a photo that takes too long to decode.

    Raises:
        PhotoTooLarge: with the number of pixels of a similar photo that would not.
    """
    if seconds > MAXIMUM_SECONDS:
        raise PhotoTooLarge(pixels, int(pixels * MAXIMUM_SECONDS / seconds), "pixels")


def seconds_to_decode(image: ImageFile.ImageFile) -> float:
    """Return the CPU in seconds to decode an opened PNG; 0 for another format."""
    if image.format != "PNG":
        return 0.0
    layout = image.tile[0][3] if image.tile else ""
    if isinstance(layout, tuple):
        layout = layout[0]
    bits = PNG_BITS.get(str(layout), max(PNG_BITS.values()))
    nanoseconds = NS_PER_PNG_BYTE * bits / 8
    nanoseconds += NS_PER_DECODED_BYTE * decoded_bytes_per_pixel(image)
    if image.info.get("interlace"):
        nanoseconds += NS_PER_INTERLACED_PIXEL
    return nanoseconds * image.width * image.height / 1e9

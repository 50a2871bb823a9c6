"""Pictures of which each part is known."""

import io

import numpy as np
from PIL import Image


def picture(mode: str = "RGB", size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Return smooth colours, with a different colour in each corner."""
    red = np.arange(size[0]) * 255 / size[0]
    green = np.arange(size[1])[:, np.newaxis] * 255 / size[1]
    pixels = np.empty((size[1], size[0], 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = red, green, 255 - (red + green) / 2
    return Image.fromarray(pixels).convert(mode)


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> bytes:
    """Return a JPEG of one colour, without EXIF."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()

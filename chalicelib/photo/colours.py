"""Convert the modes of pictures: before they are resized, and to RGB after that."""

from typing import Final

import numpy as np
from PIL import Image

from chalicelib.photo.decode_cost import MODES_WITH_ALPHA, has_transparent_colour

ON_WHITE: Final = (255, 255, 255, 255)


def to_resizable_mode(image: Image.Image) -> Image.Image:
    """Convert to a mode in which the mean of two pixels is a colour between them."""
    if has_transparent_colour(image) and image.mode != "I;16":
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("1", "P", "CMYK") else image


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB: transparent pixels become white, 16 bits become 8."""
    if image.mode == "I;16":  # Pillow's conversions would clip, not scale
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in MODES_WITH_ALPHA:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, ON_WHITE)
        return Image.alpha_composite(white, picture).convert("RGB")
    return image.convert("RGB")

"""Read how a HEIF photo is cropped, turned and mirrored: ISO/IEC 23008-12, section 6.5."""

from fractions import Fraction
from math import floor
from typing import Final

from PIL import Image

from chalicelib.photo.heif.iso_boxes import damaged
from chalicelib.photo.heif.items import Property

TRANSFORMATIONS: Final = frozenset({b"clap", b"irot", b"imir"})

ROTATIONS: Final = (
    None,
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
)
"""By the number of an ``irot`` property: counterclockwise."""

MIRRORS: Final = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)
"""By the number of an ``imir`` property."""


def read_transformations(
    properties: list[Property], width: int, height: int
) -> tuple[tuple[int, int, int, int], list[Image.Transpose]]:
    """Return the part that is shown, and how it is turned."""
    steps = transformations(properties)
    clean = 0, 0, width, height
    if steps and steps[0].type == b"clap":
        clean = _clean_aperture(steps.pop(0).body, width, height)
    turns: list[Image.Transpose | None] = []
    for each in steps:
        if each.type == b"clap" or len(each.body) != 1:
            raise damaged("it is cropped after it is turned, or twice")
        number = each.body[0]
        turns.append(ROTATIONS[number & 3] if each.type == b"irot" else MIRRORS[number & 1])
    return clean, [turn for turn in turns if turn is not None]


def transformations(properties: list[Property]) -> list[Property]:
    """Return the properties that change what is shown, in their order."""
    return [each for each in properties if each.type in TRANSFORMATIONS]


def _clean_aperture(clap: bytes, width: int, height: int) -> tuple[int, int, int, int]:
    """Return left, top, width and height: ISO/IEC 14496-12, section 12.1.4.3.

    Rounded as libheif rounds.
    """
    if len(clap) != 32:
        raise damaged("its crop cannot be read")
    numbers = [
        int.from_bytes(clap[start : start + 4], signed=start in (16, 24))
        for start in range(0, 32, 4)
    ]
    if not all(numbers[1::2]):
        raise damaged("its crop cannot be read")
    clean_width, clean_height, right, down = (
        Fraction(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)
    )
    left, top = right + (width - clean_width) / 2, down + (height - clean_height) / 2
    box = floor(left), floor(top + Fraction(1, 2)), round(clean_width), round(clean_height)
    if min(box[2:]) < 1 or min(box[:2]) < 0 or box[0] + box[2] > width or box[1] + box[3] > height:
        raise damaged("its crop is not within the photo")
    return box

"""Choose the part of a picture that the model sees, and turn it upright."""

from collections.abc import Sequence
from functools import reduce
from typing import Final

from PIL.Image import Transpose

from chalicelib.domain import ModelInput, Part, View

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in pixels."""

Point = tuple[float, float]
"""Across and down, in shares of width and height."""

INVERSE: Final = {
    Transpose.ROTATE_90: Transpose.ROTATE_270,
    Transpose.ROTATE_270: Transpose.ROTATE_90,
}
"""The turn that undoes another one; the other turns undo themselves."""


def crop_box(width: int, height: int, size: ModelInput) -> Box:
    """Return the part that the model sees first."""
    frame = (width, height) if size.frame == "whole" else (min(width, height),) * 2
    crop_width, crop_height = (size.crop_fraction * side for side in frame)
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    return left, top, left + crop_width, top + crop_height


def view_box(area: Box, side: float, view: View, turns: Sequence[Transpose]) -> Box:
    """Return the part of a stored picture that a view of the upright photo shows.

    Args:
        area: The part of the picture that the view must stay in.
        side: The shorter side of the whole picture, in pixels.
        view: Its square is made smaller where it does not fit into the area.
        turns: What turns the stored picture upright, in this order.
    """
    backwards = [INVERSE.get(turn, turn) for turn in reversed(turns)]
    across, down = reduce(turn_point, backwards, (view.across, view.down))
    left, top, right, bottom = area
    square = min(view.side * side, right - left, bottom - top)
    left += across * (right - left - square)
    top += down * (bottom - top - square)
    return left, top, left + square, top + square


def upright_part(box: Box, width: int, height: int, turns: Sequence[Transpose]) -> Part:
    """Return a part of a stored picture in shares of the upright photo."""
    corners = [(box[0] / width, box[1] / height), (box[2] / width, box[3] / height)]
    (left, right), (top, bottom) = map(
        sorted, zip(*(reduce(turn_point, turns, corner) for corner in corners), strict=True)
    )
    return Part(left, top, right - left, bottom - top)


def turn_point(point: Point, turn: Transpose) -> Point:
    """Return where a point of a picture is after a turn."""
    x, y = point
    return {
        Transpose.FLIP_LEFT_RIGHT: (1 - x, y),
        Transpose.FLIP_TOP_BOTTOM: (x, 1 - y),
        Transpose.ROTATE_90: (y, 1 - x),
        Transpose.ROTATE_180: (1 - x, 1 - y),
        Transpose.ROTATE_270: (1 - y, x),
        Transpose.TRANSPOSE: (y, x),
        Transpose.TRANSVERSE: (1 - y, 1 - x),
    }[turn]

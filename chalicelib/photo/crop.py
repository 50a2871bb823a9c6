"""Choose the part of a picture that the model sees."""

from chalicelib.domain import ModelInput


def crop_box(width: int, height: int, size: ModelInput) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the part that the model sees, in pixels."""
    frame = (width, height) if size.frame == "whole" else (min(width, height),) * 2
    crop_width, crop_height = (size.crop_fraction * side for side in frame)
    left, top = (width - crop_width) / 2, (height - crop_height) / 2
    return left, top, left + crop_width, top + crop_height

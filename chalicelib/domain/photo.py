"""A photo: its formats, its pixels, and what its EXIF says."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.domain.place import Coordinates, EventDate, ExifFault

Pixels = NDArray[np.uint8]
"""RGB values 0 to 255, shape (height, width, 3)."""

MEDIA_TYPES: Final = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
"""The media types that a client may declare for a photo."""


class View(Struct, frozen=True):
    """A square to look at: its side, and where it is.

    ``side`` is in shares of the photo's shorter side. ``across`` and ``down`` are 0 at the left
    and at the top of the upright photo, 1 at the right and at the bottom.
    """

    side: float
    across: float
    down: float


class Part(Struct, frozen=True):
    """A part of the upright photo, in shares of its width and height."""

    left: float
    top: float
    width: float
    height: float


class MissingPosition(Struct, frozen=True):
    """The reason why a photo gives no position: as a word, and as the end of a sentence."""

    fault: ExifFault
    reason: str


class ExifReading(Struct, frozen=True):
    """The trustworthy content of a photo's EXIF.

    Exactly one of ``coordinates`` and ``missing_position`` is set. ``orientation`` is 1 to 8
    as in EXIF 2.32, table 6; 1 is upright.
    """

    coordinates: Coordinates | None = None
    missing_position: MissingPosition | None = None
    event_date: EventDate | None = None
    orientation: int = 1


class PresignedUpload(Struct, frozen=True):
    """Permission to upload one photo: an HTML form with ``fields`` and ``file``, sent to ``url``.

    ``key`` names the photo afterwards. The permission expires after ``expires_in`` seconds.
    """

    key: str
    url: str
    fields: Mapping[str, str]
    expires_in: int
    maximum_bytes: int

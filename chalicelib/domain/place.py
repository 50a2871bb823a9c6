"""The place and the time of a photo."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

WHOLE_YEAR: Final = 0
"""The month that stands for all months, in features, keys and tables."""

MAX_UNCERTAINTY_METRES: Final = 20_037_508
"""Half the equator: no point of the Earth is further from another."""


class Coordinates(Struct, frozen=True):
    """A point on WGS 84, and how far off it may be.

    Degrees; north and east are positive. ``uncertainty`` is a radius in metres, or ``None``
    if it is unknown (Darwin Core ``coordinateUncertaintyInMeters``).
    """

    latitude: float
    longitude: float
    uncertainty: float | None = None


class LocationSource(StrEnum):
    """The origin of a photo's coordinates."""

    EXIF = "exif"
    REQUEST = "request"
    NONE = "none"


class ExifFault(StrEnum):
    """The reason why a photo's EXIF gives no position."""

    ABSENT = "absent"
    UNREADABLE = "unreadable"
    NO_POSITION = "noPosition"
    INVALID_POSITION = "invalidPosition"


class Location(Struct, frozen=True):
    """The place of a photo: the point, its origin, and its H3 cell.

    ``exif`` says why the EXIF gave no position, if the service looked for one.
    """

    source: LocationSource
    coordinates: Coordinates | None = None
    cell: str | None = None
    exif: ExifFault | None = None


class EventDate(Struct, frozen=True):
    """The time of a photo: ISO 8601, as Darwin Core ``eventDate`` wants it.

    A year alone is a date too, so the month may be unknown.
    """

    text: str
    month: int | None = None

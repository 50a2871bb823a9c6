"""Read position, date and orientation from EXIF.

exifread parses the block. This module decides what the values *mean*: exifread's own GPS helper
turns any reference but S and W into N and E, and raises an error on the zero denominators that
real cameras write. Meaning of the tags: EXIF 2.32, CIPA DC-008-2019.
"""

import io
import logging
import math
import re
from datetime import datetime
from typing import Any, Final

import exifread
from msgspec import Struct

from chalicelib.domain import (
    MAX_UNCERTAINTY_METRES,
    Coordinates,
    EventDate,
    ExifFault,
    ExifReading,
    MissingPosition,
)

DECIMALS: Final = 7
"""Decimals of a degree: one centimetre. The rest is a remainder of the division by 60."""

_DAY: Final = r"(\d{4}):(\d\d?):(\d\d?| \d)"
_TIME: Final = r"\s+(\d\d?):(\d\d?):(\d\d?)"
_OFFSET: Final = r"([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|Z)"
"""Dates and offsets of EXIF 2.32, read as leniently as ``strptime`` would."""

NO_EXIF: Final = MissingPosition(ExifFault.ABSENT, "it has no EXIF")
NO_POSITION: Final = MissingPosition(ExifFault.NO_POSITION, "it has no GPS position")
UNREADABLE: Final = MissingPosition(ExifFault.UNREADABLE, "its EXIF is unreadable")

logging.getLogger("exifread").setLevel(logging.CRITICAL)
# exifread logs values of tags. Positions and names do not belong in logs.


class InvalidPosition(ValueError):
    """A position that makes no sense. The message is the reason that the client gets."""


class BudgetedReader(io.BytesIO):
    """Bytes that can be read a limited number of times.

    It ends endless parsing: crafted EXIF can make exifread loop for minutes
    (https://github.com/ianare/exif-py/issues/182).
    """

    def __init__(self, content: bytes, reads: int) -> None:
        super().__init__(content)
        self.reads_left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ``BytesIO.read`` does. Raises ``ValueError`` once the budget is spent."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ValueError("read too often")
        return super().read(size)


class ExifreadExifReader(Struct, frozen=True):
    """The :class:`~chalicelib.ports.ExifReader` on exifread."""

    maximum_reads: int
    """How often exifread may read from one EXIF block."""

    def read(self, exif: bytes) -> ExifReading:
        """Read an EXIF block, a TIFF stream. Any fault becomes a reason, never an error."""
        if not exif:
            return ExifReading(missing_position=NO_EXIF)
        try:
            tags = exifread.process_file(
                BudgetedReader(exif, self.maximum_reads), details=False, extract_thumbnail=False
            )
        except Exception:  # exifread raises a dozen types of errors on malformed blocks
            return ExifReading(missing_position=UNREADABLE)
        if not tags:
            return ExifReading(missing_position=UNREADABLE)
        coordinates = None
        try:
            coordinates = _coordinates(tags)
            missing_position = None if coordinates else NO_POSITION
        except InvalidPosition as error:
            missing_position = MissingPosition(ExifFault.INVALID_POSITION, str(error))
        return ExifReading(coordinates, missing_position, _event_date(tags), _orientation(tags))


def _coordinates(tags: dict[str, Any]) -> Coordinates | None:
    if "GPS GPSLatitude" not in tags or "GPS GPSLongitude" not in tags:
        return None
    latitude = _degrees(tags, "Latitude", "N", "S", 90)
    longitude = _degrees(tags, "Longitude", "E", "W", 180)
    if latitude == 0 and longitude == 0:
        # Phones and photo pickers write this when they have removed the position.
        raise InvalidPosition("its GPS position is (0, 0), which means that there is none")
    return Coordinates(latitude, longitude, _uncertainty(tags))


def _degrees(tags: dict[str, Any], axis: str, plus: str, minus: str, limit: int) -> float:
    """Return decimal degrees of one axis. Only the reference decides on the sign."""
    reference = _text(tags, f"GPS GPS{axis}Ref").upper()
    if reference not in (plus, minus):
        raise InvalidPosition(f"its GPS {axis.lower()} reference is missing or invalid")
    parts = tags[f"GPS GPS{axis}"].values
    if not isinstance(parts, list) or len(parts) != 3:
        raise InvalidPosition(f"its GPS {axis.lower()} is not degrees, minutes and seconds")
    degrees, minutes = (_ratio(part) for part in parts[:2])
    seconds = _ratio(parts[2])
    if degrees is None or minutes is None:
        raise InvalidPosition(f"its GPS {axis.lower()} has a zero denominator")
    # Cameras without a seconds field (Nikon D5000) write it as 0/0.
    value = degrees + minutes / 60 + (seconds or 0.0) / 3600
    if min(degrees, minutes, seconds or 0.0) < 0 or minutes >= 60 or (seconds or 0.0) >= 60:
        raise InvalidPosition(f"its GPS {axis.lower()} is out of range")
    if not value <= limit:
        raise InvalidPosition(f"its GPS {axis.lower()} is out of range")
    value = round(value, DECIMALS)
    return value if reference == plus else -value


def _uncertainty(tags: dict[str, Any]) -> float | None:
    """Return ``GPSHPositioningError`` in metres, if it makes sense."""
    tag = tags.get("GPS GPSHPositioningError") or tags.get("GPS Tag 0x001F")
    values = getattr(tag, "values", None)
    metres = _ratio(values[0]) if isinstance(values, list) and values else None
    return metres if metres and 0 < metres <= MAX_UNCERTAINTY_METRES else None


def _ratio(part: Any) -> float | None:
    """Return a rational as a float; ``None`` for a zero denominator or another type."""
    try:
        value = float(part)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return value if math.isfinite(value) else None


def _text(tags: dict[str, Any], name: str) -> str:
    values = getattr(tags.get(name), "values", "")
    return values.strip("\0 ") if isinstance(values, str) else ""


def _orientation(tags: dict[str, Any]) -> int:
    values = getattr(tags.get("Image Orientation"), "values", None)
    value = values[0] if isinstance(values, list) and values else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _event_date(tags: dict[str, Any]) -> EventDate | None:
    """Return ``DateTimeOriginal``, with its offset if there is one, else the GPS date (UTC)."""
    offset = _text(tags, "EXIF OffsetTimeOriginal")
    taken = _text(tags, "EXIF DateTimeOriginal")
    for text, pattern in (
        (taken + offset, _DAY + _TIME + _OFFSET),
        (taken, _DAY + _TIME),
        (_text(tags, "GPS GPSDate"), _DAY),
    ):
        try:
            moment = _parse_date(pattern, text)
        except ValueError:
            continue
        iso = moment.isoformat() if _TIME in pattern else moment.date().isoformat()
        return EventDate(iso, moment.month)
    return None


def _parse_date(pattern: str, text: str) -> datetime:
    """Parse a date, without the 8 ms that ``strptime`` would cost a cold start.

    Raises ``ValueError``.
    """
    match = re.fullmatch(pattern, text, re.ASCII)
    if match is None:
        raise ValueError("does not match the pattern")
    year, month, day, *rest = match.groups()
    hour, minute, second = rest[:3] or "000"
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    return datetime.fromisoformat("".join((moment.isoformat(), *rest[3:])))

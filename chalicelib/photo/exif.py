"""Place, date and orientation from EXIF, read by exifread and believed by us.

exifread takes the block apart; what its values *mean* is decided here, since
its own GPS helper turns any reference but S and W into N and E and raises on
the zero denominators that real cameras write. Tag meanings: EXIF 2.32, CIPA
DC-008-2019.
"""

import io
import logging
import math
import re
from datetime import datetime
from typing import Any, Final, NamedTuple

import exifread

from chalicelib.domain import Coordinates, EventDate, ExifFault, ExifReading, MissingPosition

MAXIMUM_UNCERTAINTY: Final = 20_037_508.0
"""Metres: half the equator. A positioning error beyond it says nothing."""

DECIMALS: Final = 7
"""Of a degree: a centimetre. The rest is what dividing by 60 leaves."""

_DAY: Final = r"(\d{4}):(\d\d?):(\d\d?| \d)"
_TIME: Final = r"\s+(\d\d?):(\d\d?):(\d\d?)"
_OFFSET: Final = r"([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|Z)"
"""Dates and offsets as EXIF 2.32 has them, and as leniently as ``strptime`` would read them."""

ABSENT: Final = MissingPosition(ExifFault.ABSENT, "it has no EXIF")
NO_POSITION: Final = MissingPosition(ExifFault.NO_POSITION, "it has no GPS position")
UNREADABLE: Final = MissingPosition(ExifFault.UNREADABLE, "its EXIF is unreadable")

logging.getLogger("exifread").setLevel(logging.CRITICAL)
# exifread logs values of tags; positions and names do not belong in logs.


class InvalidPosition(ValueError):
    """A position that cannot be believed; the message is the reason given to the caller."""


class BudgetedReader(io.BytesIO):
    """Bytes that can be read only so often.

    The guard against endless parsing: crafted EXIF can make exifread loop for minutes
    (https://github.com/ianare/exif-py/issues/182).
    """

    def __init__(self, content: bytes, reads: int) -> None:
        super().__init__(content)
        self.reads_left = reads

    def read(self, size: int | None = -1, /) -> bytes:
        """As ``BytesIO.read``; raises ``ValueError`` once the budget is spent."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise ValueError("read too often")
        return super().read(size)


class ExifreadExifReader(NamedTuple):
    """The :class:`~chalicelib.ports.ExifReader` on exifread."""

    maximum_reads: int

    def read(self, exif: bytes) -> ExifReading:
        """Read a TIFF stream as EXIF wraps it. Any fault becomes a reason, never an error."""
        if not exif:
            return ExifReading(missing_position=ABSENT)
        try:
            tags = exifread.process_file(
                BudgetedReader(exif, self.maximum_reads), details=False, extract_thumbnail=False
            )
        except Exception:  # exifread raises a dozen kinds of errors on malformed blocks
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
        # What phones and pickers write when they have stripped the position.
        raise InvalidPosition("its GPS position is (0, 0), which stands for none")
    return Coordinates(latitude, longitude, _uncertainty(tags))


def _degrees(tags: dict[str, Any], axis: str, plus: str, minus: str, limit: int) -> float:
    """Decimal degrees of one axis; the sign comes from its reference alone."""
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
    """``GPSHPositioningError`` in metres, where it is a usable one."""
    tag = tags.get("GPS GPSHPositioningError") or tags.get("GPS Tag 0x001F")
    values = getattr(tag, "values", None)
    metres = _ratio(values[0]) if isinstance(values, list) and values else None
    return metres if metres and 0 < metres <= MAXIMUM_UNCERTAINTY else None


def _ratio(part: Any) -> float | None:
    """A rational as a float; ``None`` for a zero denominator or what is no number."""
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
    """``DateTimeOriginal`` with its offset where there is one, else the GPS date (UTC)."""
    offset = _text(tags, "EXIF OffsetTimeOriginal")
    taken = _text(tags, "EXIF DateTimeOriginal")
    for text, form in (
        (taken + offset, _DAY + _TIME + _OFFSET),
        (taken, _DAY + _TIME),
        (_text(tags, "GPS GPSDate"), _DAY),
    ):
        try:
            moment = _moment(form, text)
        except ValueError:
            continue
        iso = moment.isoformat() if _TIME in form else moment.date().isoformat()
        return EventDate(iso, moment.month)
    return None


def _moment(form: str, text: str) -> datetime:
    """What a text of that form says; ``strptime`` would cost a cold start 8 ms.

    Raises ``ValueError``.
    """
    match = re.fullmatch(form, text, re.ASCII)
    if match is None:
        raise ValueError("has another form")
    year, month, day, *rest = match.groups()
    hour, minute, second = rest[:3] or "000"
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    return datetime.fromisoformat("".join((moment.isoformat(), *rest[3:])))

"""Read position, date and orientation from EXIF, and from XMP where EXIF has none.

exifread parses the block. This module decides what the values *mean*: exifread's own GPS helper
turns any reference but S and W into N and E, and raises an error on the zero denominators that
real cameras write. Meaning of the tags: EXIF 2.32, CIPA DC-008-2019.
"""

import math
from typing import Any, Final

from msgspec import Struct

from chalicelib.domain import (
    Coordinates,
    EventDate,
    ExifFault,
    ExifReading,
    MissingPosition,
)
from chalicelib.photo.metadata import event_dates
from chalicelib.photo.metadata.exif_tags import MAXIMUM_EXIF_BYTES, exif_tags
from chalicelib.photo.metadata.positions import (
    InvalidPosition,
    checked_coordinates,
    decimal_degrees,
)

NO_FIX: Final = "V"
"""``GPSStatus`` of a receiver without a position. Some cameras keep it beside a valid one."""

NO_EXIF: Final = MissingPosition(ExifFault.ABSENT, "it has no EXIF")
NO_POSITION: Final = MissingPosition(ExifFault.NO_POSITION, "it has no GPS position")
UNREADABLE: Final = MissingPosition(ExifFault.UNREADABLE, "its EXIF is unreadable")

MOST_TELLING_FIRST: Final = (
    ExifFault.INVALID_POSITION, ExifFault.NO_POSITION, ExifFault.UNREADABLE, ExifFault.ABSENT
)  # fmt: skip
"""The fault of a photo with several EXIF blocks is the first of these that one of them has."""


class ExifreadExifReader(Struct, frozen=True):
    """The :class:`~chalicelib.ports.ExifReader` on exifread."""

    maximum_reads: int
    """How often exifread may read from one EXIF block."""

    def read(
        self, exif: bytes, xmp: bytes = b"", later_exif: tuple[bytes, ...] = ()
    ) -> ExifReading:
        """Read EXIF blocks (TIFF streams) and XMP. A fault becomes a reason, never an error.

        The first block with a position, a date or an orientation gives it. XMP is asked for what
        no block gives, but not where a block has an invalid position.

        Args:
            exif: the first block; empty if there is none.
            xmp: an XMP packet; empty if there is none.
            later_exif: more blocks.
        """
        blocks = (exif, *later_exif)
        if sum(map(len, blocks)) > MAXIMUM_EXIF_BYTES:
            reading = ExifReading(missing_position=UNREADABLE)
        else:
            reading = _first_of_each([self._read_block(block) for block in blocks])
        return _with_xmp(reading, xmp) if xmp else reading

    def _read_block(self, exif: bytes) -> ExifReading:
        if not exif:
            return ExifReading(missing_position=NO_EXIF)
        tags = exif_tags(exif, self.maximum_reads)
        if not tags:
            return ExifReading(missing_position=UNREADABLE)
        coordinates = None
        try:
            coordinates = _coordinates(tags)
            missing_position = None if coordinates else NO_POSITION
        except InvalidPosition as error:
            missing_position = MissingPosition(ExifFault.INVALID_POSITION, str(error))
        return ExifReading(coordinates, missing_position, _event_date(tags), _orientation(tags))


def _first_of_each(readings: list[ExifReading]) -> ExifReading:
    """Merge what several blocks say."""
    if len(readings) == 1:
        return readings[0]
    coordinates = next((each.coordinates for each in readings if each.coordinates), None)
    faults = [each.missing_position for each in readings if each.missing_position]
    return ExifReading(
        coordinates,
        None
        if coordinates
        else min(faults, key=lambda missing: MOST_TELLING_FIRST.index(missing.fault)),
        next((each.event_date for each in readings if each.event_date), None),
        next((each.orientation for each in readings if each.orientation != 1), 1),
    )


def _with_xmp(reading: ExifReading, packet: bytes) -> ExifReading:
    """Add the position and the date of an XMP packet to what EXIF lacks."""
    missing = reading.missing_position
    needs_position = missing is not None and missing.fault is not ExifFault.INVALID_POSITION
    if reading.event_date and not needs_position:
        return reading
    from chalicelib.photo.metadata import xmp  # noqa: PLC0415 - few photos need it

    properties = xmp.read_properties(packet)
    coordinates = reading.coordinates
    if needs_position:
        try:
            coordinates = xmp.coordinates(properties)
        except InvalidPosition as error:
            missing = MissingPosition(ExifFault.INVALID_POSITION, str(error))
    return ExifReading(
        coordinates,
        None if coordinates else missing,
        reading.event_date or xmp.event_date(properties),
        reading.orientation,
    )


def _coordinates(tags: dict[str, Any]) -> Coordinates | None:
    if "GPS GPSLatitude" not in tags or "GPS GPSLongitude" not in tags:
        return None
    if _is_blank(tags, "Latitude") and _is_blank(tags, "Longitude"):
        return None
    try:
        latitude = _degrees(tags, "Latitude", "N", "S", 90)
        longitude = _degrees(tags, "Longitude", "E", "W", 180)
    except InvalidPosition:
        if _text(tags, "GPS GPSStatus").upper() == NO_FIX:
            return None
        raise
    return checked_coordinates(latitude, longitude, _uncertainty(tags))


def _is_blank(tags: dict[str, Any], axis: str) -> bool:
    """Whether a camera without a fix has written this axis.

    It writes no reference and zeros, or zero denominators throughout.
    """
    parts = tags[f"GPS GPS{axis}"].values
    if not isinstance(parts, list):
        return False
    values = [_ratio(part) for part in parts]
    has_reference = bool(_text(tags, f"GPS GPS{axis}Ref"))
    return not any(values) if not has_reference else all(value is None for value in values)


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
    value = decimal_degrees(degrees, minutes, seconds or 0.0, limit)
    if value is None:
        raise InvalidPosition(f"its GPS {axis.lower()} is out of range")
    return value if reference == plus else -value


def _uncertainty(tags: dict[str, Any]) -> float | None:
    """Return ``GPSHPositioningError`` in metres."""
    tag = tags.get("GPS GPSHPositioningError") or tags.get("GPS Tag 0x001F")
    values = getattr(tag, "values", None)
    return _ratio(values[0]) if isinstance(values, list) and values else None


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
    """Return ``DateTimeOriginal``, else the GPS date (UTC), else ``DateTimeDigitized``.

    ``DateTime`` is left out: editors write there when they have changed the file.
    """
    return (
        event_dates.moment(
            _text(tags, "EXIF DateTimeOriginal"), _text(tags, "EXIF OffsetTimeOriginal")
        )
        or event_dates.day(_text(tags, "GPS GPSDate"))
        or event_dates.moment(
            _text(tags, "EXIF DateTimeDigitized"), _text(tags, "EXIF OffsetTimeDigitized")
        )
    )

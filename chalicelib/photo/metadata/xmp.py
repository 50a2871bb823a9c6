"""Read position and date from XMP, for photos whose EXIF lacks them.

Editors and photo libraries write them there: XMP specification, part 2, section 3.2 (the exif
namespace). A packet is XML. A pattern finds the four properties that matter, as attributes or as
elements, in one pass: no parser expands entities, and the length of each value is limited.
"""

import re
from typing import Final

from chalicelib.domain import Coordinates, EventDate
from chalicelib.photo.metadata import event_dates
from chalicelib.photo.metadata.positions import (
    InvalidPosition,
    checked_coordinates,
    decimal_degrees,
)

MAXIMUM_XMP_BYTES: Final = 65_536
"""The part of a packet that is read. In a JPEG, the main packet fits in one APP1 segment."""

_NAMESPACE: Final = re.compile(
    rb"""xmlns:([A-Za-z][\w.-]{0,30})\s{0,9}=\s{0,9}["']http://ns\.adobe\.com/exif/1\.0/["']"""
)
_PROPERTY: Final = (
    rb"""[\s<]%s:(GPSLatitude|GPSLongitude|GPSHPositioningError|DateTimeOriginal)"""
    rb"""(?:\s{0,9}=\s{0,9}(?:"([^"<]{1,64})"|'([^'<]{1,64})')|\s{0,9}>\s{0,99}([^<]{1,64})<)"""
)
_AXIS: Final = re.compile(
    r"(\d{1,3}),(\d{1,2}(?:\.\d{1,20})?)(?:,(\d{1,2}(?:\.\d{1,20})?))?([NSEW])", re.ASCII
)
"""``GPSCoordinate``: degrees and minutes, or degrees, minutes and seconds."""


def read_properties(packet: bytes) -> dict[str, str]:
    """Return the four properties that a packet has. One with two values counts as none.

    A packet may describe other photos too, such as the parts of a composite.
    """
    packet = packet[:MAXIMUM_XMP_BYTES]
    namespace = _NAMESPACE.search(packet)
    if namespace is None:
        return {}
    values: dict[str, set[str]] = {}
    for name, *forms in re.findall(_PROPERTY % re.escape(namespace[1]), packet):
        text = b"".join(forms).decode("ascii", "replace").strip()
        values.setdefault(name.decode(), set()).add(text)
    return {name: texts.pop() for name, texts in values.items() if len(texts) == 1}


def coordinates(properties: dict[str, str]) -> Coordinates | None:
    """Return the position; ``None`` if there is none.

    Raises ``InvalidPosition``.
    """
    if "GPSLatitude" not in properties or "GPSLongitude" not in properties:
        return None
    return checked_coordinates(
        _degrees(properties, "Latitude", "NS", 90),
        _degrees(properties, "Longitude", "EW", 180),
        _ratio(properties.get("GPSHPositioningError", "")),
    )


def event_date(properties: dict[str, str]) -> EventDate | None:
    """Return ``DateTimeOriginal``, with its offset from UTC if there is one."""
    return event_dates.moment(properties.get("DateTimeOriginal", ""))


def _degrees(properties: dict[str, str], axis: str, letters: str, limit: int) -> float:
    match = _AXIS.fullmatch(properties[f"GPS{axis}"])
    if match is None or match[4] not in letters:
        raise InvalidPosition(f"its XMP GPS {axis.lower()} is not degrees and minutes")
    value = decimal_degrees(float(match[1]), float(match[2]), float(match[3] or 0), limit)
    if value is None:
        raise InvalidPosition(f"its XMP GPS {axis.lower()} is out of range")
    return value if match[4] == letters[0] else -value


def _ratio(text: str) -> float | None:
    """Return a rational such as ``65/10`` as a float."""
    numerator, _, denominator = text.partition("/")
    try:
        return float(numerator) / float(denominator or 1)
    except (ValueError, ArithmeticError):
        return None

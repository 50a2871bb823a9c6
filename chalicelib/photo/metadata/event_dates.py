"""Read the dates that cameras and editors write, of EXIF and of XMP."""

import re
from datetime import datetime
from typing import Final

from chalicelib.domain import EventDate

_DAY: Final = r"(\d{4})[:/-](\d\d?)[:/-](\d\d?| \d)"
_TIME: Final = r"(?:\s+|T)(\d\d?):(\d\d?)(?::(\d\d?)(?:\.\d{1,9})?)?"
_OFFSET: Final = r"([+-]\d\d:?[0-5]\d(?::?[0-5]\d(?:\.\d{1,6})?)?|Z)"
"""Dates and offsets of EXIF 2.32, read as leniently as ``strptime`` would.

Colons stand between the parts of an EXIF date. Some cameras and editors write dashes or slashes,
and add fractions of a second, which the event date leaves out. XMP may leave out the seconds.
"""

LONGEST: Final = 64
"""Characters of a date. Longer texts are not dates."""


def moment(date: str, offset: str = "") -> EventDate | None:
    """Return a date and time, with its offset from UTC if there is one.

    Where the time is blank or missing, the day stays: EXIF writes an unknown time as blanks.
    """
    for text, pattern in (
        (date + offset, _DAY + _TIME + _OFFSET),
        (date, _DAY + _TIME + _OFFSET),
        (date, _DAY + _TIME),
    ):
        parsed = _parse(pattern, text)
        if parsed:
            return EventDate(parsed.isoformat(), parsed.month)
    return day(date.rstrip(" :"))


def day(date: str) -> EventDate | None:
    """Return a date without a time."""
    parsed = _parse(_DAY, date)
    return EventDate(parsed.date().isoformat(), parsed.month) if parsed else None


def _parse(pattern: str, text: str) -> datetime | None:
    """Parse a date, without the 8 ms that ``strptime`` would cost a cold start."""
    match = re.fullmatch(pattern, text, re.ASCII) if len(text) <= LONGEST else None
    if match is None:
        return None
    year, month, day_of_month, *rest = match.groups()
    hour, minute, second = rest[:3] or "000"
    try:
        parsed = datetime(
            int(year), int(month), int(day_of_month), int(hour), int(minute), int(second or 0)
        )
        return datetime.fromisoformat("".join((parsed.isoformat(), *rest[3:])))
    except ValueError:
        return None

"""EXIF blocks for tests, written byte by byte, so that they can hold invalid values."""

import struct
from collections.abc import Mapping, Sequence

Rational = tuple[int, int]
Value = str | int | Sequence[Rational]

GPS_POINTER = 0x8825
EXIF_POINTER = 0x8769
ORIENTATION = 0x0112
DATE_TIME_ORIGINAL = 0x9003
OFFSET_TIME_ORIGINAL = 0x9011
DATE_TIME = 0x0132
DATE_TIME_DIGITIZED = 0x9004
OFFSET_TIME_DIGITIZED = 0x9012
LATITUDE_REF, LATITUDE, LONGITUDE_REF, LONGITUDE = 1, 2, 3, 4
GPS_STATUS, GPS_DATE, POSITIONING_ERROR = 0x09, 0x1D, 0x1F


def _encode(value: Value) -> tuple[int, int, bytes]:
    """Return the TIFF type, the count and the bytes of a value (TIFF 6.0, section 2)."""
    if isinstance(value, str):
        return 2, len(value) + 1, value.encode() + b"\0"
    if isinstance(value, int):
        return 3, 1, struct.pack("<HH", value, 0)
    return 5, len(value), b"".join(struct.pack("<II", *pair) for pair in value)


def _directory(entries: Mapping[int, Value], offset: int) -> bytes:
    """Encode a directory that starts at ``offset`` of the stream."""
    head = struct.pack("<H", len(entries))
    tail, body = b"", b""
    data_offset = offset + 2 + 12 * len(entries) + 4
    for tag, value in sorted(entries.items()):
        field_type, count, content = _encode(value)
        if len(content) > 4:
            tail += struct.pack("<HHII", tag, field_type, count, data_offset + len(body))
            body += content + b"\0" * (len(content) % 2)
        else:
            tail += struct.pack("<HHI", tag, field_type, count) + content.ljust(4, b"\0")
    return head + tail + struct.pack("<I", 0) + body


def block(
    image: Mapping[int, Value] | None = None,
    gps: Mapping[int, Value] | None = None,
    exif: Mapping[int, Value] | None = None,
) -> bytes:
    """Return a little-endian TIFF stream with an image, a GPS and an EXIF directory."""
    parts = {GPS_POINTER: gps, EXIF_POINTER: exif}
    used = {tag: entries for tag, entries in parts.items() if entries is not None}
    entries = dict(image or {})
    size = len(_directory(entries, 8)) + 12 * len(used)
    offset, bodies = 8 + size, b""
    pointers = b""
    for tag, part in sorted(used.items()):
        content = _directory(part, offset)
        pointers += struct.pack("<HHII", tag, 4, 1, offset)
        bodies += content
        offset += len(content)
    count = len(entries) + len(used)
    plain = _directory(entries, 8 + 12 * len(used))
    table = plain[2 : 2 + 12 * len(entries)] + pointers
    rest = plain[2 + 12 * len(entries) :]
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", count) + table + rest + bodies


def gps(
    latitude: Value = ((17, 1), (21, 1), (5040, 100)),
    longitude: Value = ((56, 1), (46, 1), (3720, 100)),
    latitude_ref: str = "S",
    longitude_ref: str = "W",
    **more: Value,
) -> dict[int, Value]:
    """Return a GPS directory; by default of a point in the Pantanal."""
    names = {"status": GPS_STATUS, "date": GPS_DATE, "positioning_error": POSITIONING_ERROR}
    return {
        LATITUDE_REF: latitude_ref,
        LATITUDE: latitude,
        LONGITUDE_REF: longitude_ref,
        LONGITUDE: longitude,
        **{names[name]: value for name, value in more.items()},
    }

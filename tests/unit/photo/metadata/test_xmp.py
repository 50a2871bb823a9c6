"""Position and date from XMP, where EXIF has none."""

import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain import Coordinates, EventDate, ExifFault
from chalicelib.photo.metadata.exif import ExifreadExifReader
from fuzz import files
from tests import exif_blocks
from tests.unit.photo.test_reader import READER

EXIF = ExifreadExifReader(maximum_reads=20_000)
NAMESPACE = 'xmlns:exif="http://ns.adobe.com/exif/1.0/"'
PLACE = {"GPSLatitude": "17,21.84S", "GPSLongitude": "56,46.62W"}


def attributes(prefix: str = "exif", **properties: str) -> bytes:
    values = " ".join(f'{prefix}:{name}="{value}"' for name, value in properties.items())
    space = NAMESPACE.replace("exif=", f"{prefix}=")
    return f"<x:xmpmeta><rdf:Description {space} {values}/></x:xmpmeta>".encode()


def elements(**properties: str) -> bytes:
    values = "".join(f"<exif:{name}>{value}</exif:{name}>\n" for name, value in properties.items())
    return f"<rdf:Description {NAMESPACE}>{values}</rdf:Description>".encode()


@pytest.mark.parametrize(
    "packet",
    [
        attributes(**PLACE),
        elements(**PLACE),
        attributes("e", **PLACE),
        attributes(**PLACE).replace(b'"', b"'"),
        attributes(GPSLatitude="17,21,50.4S", GPSLongitude="56,46,37.2W"),
        attributes(GPSLatitude="17,21,50.40S", GPSLongitude="56,46.62W"),
        attributes(**PLACE) + attributes(**PLACE),
    ],
)
def test_a_position_is_read(packet):
    """As attributes or as elements, under any prefix, with seconds or without."""
    assert EXIF.read(b"", packet).coordinates == Coordinates(-17.364, -56.777)


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [
        ("0,30N", "0,0E", Coordinates(0.5, 0)),
        ("17,60N", "56,59,60E", Coordinates(18, 57)),
        ("90,0S", "180,0W", Coordinates(-90, -180)),
    ],
)
def test_signs_and_sixty_are_those_of_exif(latitude, longitude, expected):
    """Letters decide on the sign. 60 carries over."""
    packet = attributes(GPSLatitude=latitude, GPSLongitude=longitude)
    assert EXIF.read(b"", packet).coordinates == expected


@pytest.mark.parametrize(
    ("latitude", "reason"),
    [
        ("17,21.84E", "its XMP GPS latitude is not degrees and minutes"),
        ("17.364S", "its XMP GPS latitude is not degrees and minutes"),
        ("91,0S", "its XMP GPS latitude is out of range"),
        ("17,61S", "its XMP GPS latitude is out of range"),
    ],
)
def test_an_invalid_position_gives_the_reason(latitude, reason):
    """As one of EXIF does."""
    packet = attributes(GPSLatitude=latitude, GPSLongitude="56,46.62W")
    missing = EXIF.read(b"", packet).missing_position
    assert missing is not None
    assert (missing.fault, missing.reason) == (ExifFault.INVALID_POSITION, reason)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<x/>",
        attributes(GPSLatitude="17,21.84S"),
        attributes(**PLACE).replace(b"ns.adobe.com/exif", b"ns.example.org/exif"),
        attributes(**PLACE) + attributes(**PLACE | {"GPSLatitude": "3,0N"}),
        bytes(65_536) + attributes(**PLACE),
    ],
)
def test_a_packet_without_one_position_gives_none(packet):
    """Of another namespace, without a longitude, or with the places of several photos."""
    missing = EXIF.read(b"", packet).missing_position
    assert missing is not None
    assert missing.fault is ExifFault.ABSENT


@pytest.mark.parametrize(
    ("error", "expected"), [("65/10", 6.5), ("6.5", 6.5), ("0/1", None), ("1/0", None), ("x", None)]
)
def test_the_positioning_error_is_the_uncertainty(error, expected):
    """A rational, if it makes sense."""
    coordinates = EXIF.read(b"", attributes(**PLACE, GPSHPositioningError=error)).coordinates
    assert coordinates is not None
    assert coordinates.uncertainty == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-08-19T16:31:05-04:00", EventDate("2024-08-19T16:31:05-04:00", 8)),
        ("2024-08-19T16:31:05.25Z", EventDate("2024-08-19T16:31:05+00:00", 8)),
        ("2024-08-19T16:31", EventDate("2024-08-19T16:31:00", 8)),
        ("2024-08-19", EventDate("2024-08-19", 8)),
        ("2024", None),
        ("2024-02-30", None),
    ],
)
def test_a_date_is_read(text, expected):
    """ISO 8601, with as much of the time as there is."""
    assert EXIF.read(b"", attributes(DateTimeOriginal=text)).event_date == expected


def test_exif_wins_where_both_have_a_value():
    """XMP gives what EXIF lacks; an invalid position is not lacking."""
    other = attributes(GPSLatitude="3,0N", GPSLongitude="4,0E", DateTimeOriginal="2020-01-01")
    dates = {exif_blocks.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"}
    reading = EXIF.read(exif_blocks.block(gps=exif_blocks.gps(), exif=dates), other)
    assert reading.coordinates == Coordinates(-17.364, -56.777)
    assert reading.event_date == EventDate("2024-08-19T16:31:05", 8)
    reading = EXIF.read(exif_blocks.block({exif_blocks.ORIENTATION: 6}, exif=dates), other)
    assert reading.coordinates == Coordinates(3, 4)
    assert reading.event_date == EventDate("2024-08-19T16:31:05", 8)
    assert reading.orientation == 6
    assert EXIF.read(exif_blocks.block(gps=exif_blocks.gps()), other).event_date == EventDate(
        "2020-01-01", 1
    )
    reading = EXIF.read(exif_blocks.block(gps=exif_blocks.gps(latitude_ref="X")), other)
    assert reading.coordinates is None


PACKET = attributes(**PLACE)


@given(st.binary(max_size=300))
@example(PACKET[90:])
def test_any_packet_gives_a_position_or_a_reason(content):
    """No fault reaches the caller, and a valid packet gives its position."""
    packet = PACKET[:90] + content
    reading = EXIF.read(b"", packet)
    assert (reading.coordinates is None) == (reading.missing_position is not None)
    assert reading.coordinates or packet != PACKET


def in_jpeg() -> bytes:
    body = b"http://ns.adobe.com/xap/1.0/\0" + PACKET
    return files.insert(files.encode(files.picture(), "JPEG"), files.segment(0xE1, body))


def in_png(chunk_type: bytes, body: bytes) -> bytes:
    png = files.encode(files.picture(), "PNG")
    return png[:33] + files.chunk(chunk_type, body) + png[33:]


@pytest.mark.parametrize(
    "photo",
    [
        in_jpeg(),
        in_png(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET),
        in_png(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET)),
        in_png(
            b"zTXt",
            b"Raw profile type xmp\0\0" + zlib.compress(b"\nxmp\n 9\n" + PACKET.hex().encode()),
        ),
        files.encode(files.picture(), "WEBP", xmp=PACKET),
    ],
    ids=["JPEG", "PNG", "PNG, compressed", "PNG, raw profile", "WebP"],
)
def test_each_format_hands_its_packet_on(photo):
    """From an APP1 segment, a text, or an XMP chunk."""
    opened = READER.open(photo)
    assert opened.xmp == PACKET
    assert EXIF.read(opened.exif, opened.xmp).coordinates == Coordinates(-17.364, -56.777)

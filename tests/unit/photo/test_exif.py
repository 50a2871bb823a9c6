import contextlib

import exifread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import Coordinates, EventDate, ExifFault, MissingPosition
from chalicelib.photo.exif import BudgetedReader, ExifreadExifReader
from fuzz.metadata_attacks import exif as exif_attacks
from tests import exif_blocks as exif
from tests.strategies import exif_blocks

READER = ExifreadExifReader(maximum_reads=20_000)
ZERO = ((0, 1), (0, 1), (0, 1))


def read_gps(**fields):
    return READER.read(exif.block(gps=exif.gps(**fields)))


def test_degrees_minutes_and_seconds_become_signed_decimal_degrees():
    """South and west are negative."""
    assert read_gps().coordinates == Coordinates(-17.364, -56.777)


@pytest.mark.parametrize(
    ("latitude_ref", "longitude_ref", "signs"),
    [("N", "E", (1, 1)), ("N", "W", (1, -1)), ("S", "E", (-1, 1)), ("s", "w", (-1, -1))],
)
def test_the_sign_comes_from_the_reference(latitude_ref, longitude_ref, signs):
    """In all four quarters of the globe, in either case."""
    coordinates = read_gps(latitude_ref=latitude_ref, longitude_ref=longitude_ref).coordinates
    assert coordinates == Coordinates(17.364 * signs[0], 56.777 * signs[1])


@given(
    degrees=st.integers(0, 89),
    minutes=st.integers(0, 59),
    hundredths=st.integers(0, 5999),
    denominator=st.sampled_from([1, 7, 100, 10_000]),
)
def test_any_valid_angle_is_read_to_a_centimetre(degrees, minutes, hundredths, denominator):
    """With any denominator that a camera writes."""
    angle = (
        (degrees * denominator, denominator),
        (minutes * denominator, denominator),
        (hundredths, 100),
    )
    coordinates = read_gps(latitude=angle, latitude_ref="N").coordinates
    expected = degrees + minutes / 60 + hundredths / 360_000
    assert coordinates is not None
    assert coordinates.latitude == pytest.approx(expected, abs=1e-7)


def test_seconds_of_zero_over_zero_count_as_none():
    """A Nikon D5000 writes them."""
    reading = read_gps(latitude=((17, 1), (30, 1), (0, 0)), latitude_ref="N")
    assert reading.coordinates is not None
    assert reading.coordinates.latitude == 17.5


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"latitude_ref": "X"}, "latitude reference is missing or invalid"),
        ({"longitude_ref": ""}, "longitude reference is missing or invalid"),
        ({"latitude_ref": "North"}, "latitude reference is missing or invalid"),
        ({"latitude": ((0, 0), (0, 0), (0, 0))}, "latitude has a zero denominator"),
        ({"longitude": ((5, 1), (1, 0), (0, 1))}, "longitude has a zero denominator"),
        ({"latitude": ((91, 1), (0, 1), (0, 1))}, "latitude is out of range"),
        ({"latitude": ((90, 1), (0, 1), (1, 1))}, "latitude is out of range"),
        ({"longitude": ((180, 1), (1, 1), (0, 1))}, "longitude is out of range"),
        ({"latitude": ((4, 1), (60, 1), (0, 1))}, "latitude is out of range"),
        ({"latitude": ((17, 1), (30, 1))}, "latitude is not degrees, minutes and seconds"),
        ({"latitude": "17.5"}, "latitude is not degrees, minutes and seconds"),
        ({"latitude": ZERO, "longitude": ZERO}, "(0, 0)"),
    ],
)
def test_an_invalid_position_gives_the_reason(fields, reason):
    """Never an exception, and never a wrong place."""
    reading = read_gps(**fields)
    assert reading.coordinates is None
    assert reading.missing_position is not None
    assert reading.missing_position.fault is ExifFault.INVALID_POSITION
    assert reason in reading.missing_position.reason


def test_one_zero_coordinate_is_a_place():
    """The equator and the Greenwich meridian are inhabited."""
    coordinates = read_gps(latitude=ZERO, latitude_ref="N").coordinates
    assert coordinates is not None
    assert coordinates.latitude == 0


def test_missing_gps_differs_from_missing_exif():
    """The client can tell whether the camera or an editor dropped it."""
    oriented, broken = exif.block({exif.ORIENTATION: 1}), b"II*\0\xff\xff\xff\xff"
    for content, fault, reason in (
        (b"", ExifFault.ABSENT, "it has no EXIF"),
        (oriented, ExifFault.NO_POSITION, "it has no GPS position"),
        (broken, ExifFault.UNREADABLE, "its EXIF is unreadable"),
    ):
        assert READER.read(content).missing_position == MissingPosition(fault, reason)


@given(st.binary(max_size=300))
def test_any_bytes_give_no_position(content):
    """Exifread raises a dozen types of errors on nonsense. None reaches the caller."""
    assert READER.read(content).coordinates is None


@given(exif_blocks())
def test_any_directories_give_a_position_or_a_reason(content):
    """Wherever they point, even at themselves."""
    reading = READER.read(content)
    assert (reading.coordinates is None) == (reading.missing_position is not None)
    assert 1 <= reading.orientation <= 8


@pytest.mark.parametrize(("name", "content"), list(exif_attacks()), ids=lambda id_: str(id_)[:40])
def test_an_attack_ends_with_its_budget_of_reads(name, content):
    """Exifread loops over such blocks for minutes: exif-py#182."""
    opened = BudgetedReader(content, 20_000)
    with contextlib.suppress(Exception):
        exifread.process_file(opened, details=False, extract_thumbnail=False)
    assert opened.reads_left >= -1
    assert READER.read(content).coordinates is None


def test_the_reads_of_an_exif_block_are_bounded_by_the_setting():
    """A valid block that needs more reads is unreadable."""
    content = exif.block(gps=exif.gps())
    assert READER.read(content).coordinates
    reading = ExifreadExifReader(maximum_reads=5).read(content)
    assert reading.missing_position == MissingPosition(
        ExifFault.UNREADABLE, "its EXIF is unreadable"
    )


@given(st.data())
def test_a_damaged_block_gives_a_valid_position_or_a_reason(data):
    """Changed bytes may change the position, but never to an impossible one."""
    content = bytearray(exif.block(gps=exif.gps(), exif={exif.DATE_TIME_ORIGINAL: "2024"}))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    reading = READER.read(bytes(content))
    assert (reading.coordinates is None) == (reading.missing_position is not None)
    if reading.coordinates:
        assert abs(reading.coordinates.latitude) <= 90
        assert abs(reading.coordinates.longitude) <= 180


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (((65, 10),), 6.5),
        (((0, 1),), None),
        (((1, 0),), None),
        (((4_000_000_000, 1),), None),
    ],
)
def test_the_positioning_error_is_the_uncertainty_if_it_makes_sense(error, expected):
    """Zero, a zero denominator and more than the Earth say nothing."""
    coordinates = read_gps(positioning_error=error).coordinates
    assert coordinates is not None
    assert coordinates.uncertainty == expected


@pytest.mark.parametrize(
    ("tags", "gps", "expected"),
    [
        (
            {exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05", exif.OFFSET_TIME_ORIGINAL: "-04:00"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05-04:00", 8),
        ),
        (
            {exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05", exif.OFFSET_TIME_ORIGINAL: "bad"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05", 8),
        ),
        ({}, exif.gps(date="2024:02:29"), EventDate("2024-02-29", 2)),
        ({exif.DATE_TIME_ORIGINAL: "0000:00:00 00:00:00"}, exif.gps(), None),
        ({exif.DATE_TIME_ORIGINAL: "    :  :     :  :  "}, exif.gps(), None),
        ({}, exif.gps(date="2023:02:29"), None),
        (
            {exif.DATE_TIME_ORIGINAL: "2024:8: 9 6:31:05"},
            exif.gps(),
            EventDate("2024-08-09T06:31:05", 8),
        ),
        ({exif.DATE_TIME_ORIGINAL: "2024:08:19 16"}, exif.gps(), None),
        ({exif.DATE_TIME_ORIGINAL: "20240819 163105"}, exif.gps(), None),
    ],
)
def test_the_date_is_the_original_date_or_the_gps_date_or_nothing(tags, gps, expected):
    """ISO 8601, with the camera's offset if there is one."""
    assert READER.read(exif.block(gps=gps, exif=tags)).event_date == expected


@pytest.mark.parametrize(("stored", "expected"), [(6, 6), (8, 8), (0, 1), (9, 1), (65535, 1)])
def test_an_orientation_outside_one_to_eight_is_upright(stored, expected):
    """An invalid position does not affect it."""
    content = exif.block({exif.ORIENTATION: stored}, gps=exif.gps(latitude_ref="?"))
    assert READER.read(content).orientation == expected


def test_an_invalid_position_leaves_the_date():
    """The date still gives the season."""
    content = exif.block(
        gps=exif.gps(latitude_ref="?"), exif={exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"}
    )
    reading = READER.read(content)
    assert reading.coordinates is None
    assert reading.event_date == EventDate("2024-08-19T16:31:05", 8)

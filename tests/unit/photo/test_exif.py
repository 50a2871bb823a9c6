import contextlib

import exifread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import Coordinates, EventDate, ExifFault, MissingPosition
from chalicelib.photo.exif import BudgetedReader, ExifreadExifReader
from fuzz import attacks
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
    found = read_gps(latitude_ref=latitude_ref, longitude_ref=longitude_ref).coordinates
    assert found == Coordinates(17.364 * signs[0], 56.777 * signs[1])


@given(
    degrees=st.integers(0, 89),
    minutes=st.integers(0, 59),
    hundredths=st.integers(0, 5999),
    denominator=st.sampled_from([1, 7, 100, 10_000]),
)
def test_any_valid_angle_is_read_to_a_centimetre(degrees, minutes, hundredths, denominator):
    """Whatever denominators the camera writes."""
    angle = (
        (degrees * denominator, denominator),
        (minutes * denominator, denominator),
        (hundredths, 100),
    )
    found = read_gps(latitude=angle, latitude_ref="N").coordinates
    expected = degrees + minutes / 60 + hundredths / 360_000
    assert found is not None
    assert found.latitude == pytest.approx(expected, abs=1e-7)


def test_seconds_of_zero_over_zero_count_as_none():
    """A Nikon D5000 writes them so."""
    found = read_gps(latitude=((17, 1), (30, 1), (0, 0)), latitude_ref="N")
    assert found.coordinates is not None
    assert found.coordinates.latitude == 17.5


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
def test_a_position_that_cannot_be_believed_is_none_with_the_reason(fields, reason):
    """Never an exception, and never a wrong place."""
    found = read_gps(**fields)
    assert found.coordinates is None
    assert found.missing_position is not None
    assert found.missing_position.fault is ExifFault.INVALID_POSITION
    assert reason in found.missing_position.reason


def test_one_zero_coordinate_is_a_place():
    """The equator and the Greenwich meridian are inhabited."""
    found = read_gps(latitude=ZERO, latitude_ref="N").coordinates
    assert found is not None
    assert found.latitude == 0


def test_missing_gps_is_told_from_missing_exif():
    """The caller can then tell what the camera or the editor dropped."""
    oriented, broken = exif.block({exif.ORIENTATION: 1}), b"II*\0\xff\xff\xff\xff"
    for content, fault, reason in (
        (b"", ExifFault.ABSENT, "it has no EXIF"),
        (oriented, ExifFault.NO_POSITION, "it has no GPS position"),
        (broken, ExifFault.UNREADABLE, "its EXIF is unreadable"),
    ):
        assert READER.read(content).missing_position == MissingPosition(fault, reason)


@given(st.binary(max_size=300))
def test_any_bytes_are_no_more_than_no_fix(content):
    """The library raises a dozen kinds of errors on nonsense; none comes through."""
    assert READER.read(content).coordinates is None


@given(exif_blocks())
def test_any_directories_are_a_place_or_a_reason(content):
    """Whatever they point at, and however often they point at themselves."""
    found = READER.read(content)
    assert (found.coordinates is None) == (found.missing_position is not None)
    assert 1 <= found.orientation <= 8


@pytest.mark.parametrize(("name", "content"), list(attacks.exif()), ids=lambda one: str(one)[:40])
def test_an_attack_is_over_once_its_reads_are(name, content):
    """Exifread loops over such blocks for minutes: exif-py#182."""
    opened = BudgetedReader(content, 20_000)
    with contextlib.suppress(Exception):
        exifread.process_file(opened, details=False, extract_thumbnail=False)
    assert opened.reads_left >= -1
    assert READER.read(content).coordinates is None


def test_the_reads_of_an_exif_block_are_bounded_by_the_setting():
    """A good block that needs more than it may read is unreadable."""
    content = exif.block(gps=exif.gps())
    assert READER.read(content).coordinates
    found = ExifreadExifReader(maximum_reads=5).read(content)
    assert found.missing_position == MissingPosition(ExifFault.UNREADABLE, "its EXIF is unreadable")


@given(st.data())
def test_any_damage_to_a_good_block_is_survived(data):
    """Changed bytes may change the place, but what is read is always a valid one."""
    content = bytearray(exif.block(gps=exif.gps(), exif={exif.DATE_TIME_ORIGINAL: "2024"}))
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    found = READER.read(bytes(content))
    assert (found.coordinates is None) == (found.missing_position is not None)
    if found.coordinates:
        assert abs(found.coordinates.latitude) <= 90
        assert abs(found.coordinates.longitude) <= 180


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (((65, 10),), 6.5),
        (((0, 1),), None),
        (((1, 0),), None),
        (((4_000_000_000, 1),), None),
    ],
)
def test_the_positioning_error_is_the_uncertainty_where_it_makes_sense(error, expected):
    """Zero, no number and more than the Earth say nothing."""
    found = read_gps(positioning_error=error).coordinates
    assert found is not None
    assert found.uncertainty == expected


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
def test_the_date_is_the_moment_of_the_shot_or_the_gps_date_or_nothing(tags, gps, expected):
    """ISO 8601, with the camera's offset where it says one."""
    assert READER.read(exif.block(gps=gps, exif=tags)).event_date == expected


@pytest.mark.parametrize(("stored", "expected"), [(6, 6), (8, 8), (0, 1), (9, 1), (65535, 1)])
def test_an_orientation_outside_one_to_eight_is_upright(stored, expected):
    """It survives a position that cannot be believed, too."""
    content = exif.block({exif.ORIENTATION: stored}, gps=exif.gps(latitude_ref="?"))
    assert READER.read(content).orientation == expected


def test_a_date_and_a_place_do_not_need_each_other():
    """A broken position leaves the date, which still tells the season."""
    content = exif.block(
        gps=exif.gps(latitude_ref="?"), exif={exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"}
    )
    found = READER.read(content)
    assert found.coordinates is None
    assert found.event_date == EventDate("2024-08-19T16:31:05", 8)

import contextlib

import exifread
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain import (
    MAX_UNCERTAINTY_METRES,
    Coordinates,
    EventDate,
    ExifFault,
    ExifReading,
    MissingPosition,
)
from chalicelib.photo.metadata.exif import ExifreadExifReader
from chalicelib.photo.metadata.exif_tags import BudgetedReader
from fuzz import limits_exif
from fuzz.metadata_attacks import exif as exif_attacks
from tests import exif_blocks as exif
from tests.strategies import exif_blocks

READER = ExifreadExifReader(maximum_reads=20_000)
ZERO = ((0, 1), (0, 1), (0, 1))
NOTHING = ((0, 0), (0, 0), (0, 0))


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
        ({"latitude": ((4, 1), (61, 1), (0, 1))}, "latitude is out of range"),
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


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (((17, 1), (21, 1), (60, 1)), 17.3666667),
        (((17, 1), (21, 1), (6000, 100)), 17.3666667),
        (((17, 1), (60, 1), (0, 1)), 18.0),
        (((17, 1), (59, 1), (60, 1)), 18.0),
        (((89, 1), (59, 1), (60, 1)), 90.0),
    ],
)
def test_sixty_carries_over(angle, expected):
    """Programs that round write 60 seconds, or 60 minutes."""
    coordinates = read_gps(latitude=angle, latitude_ref="N").coordinates
    assert coordinates is not None
    assert coordinates.latitude == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"latitude": NOTHING, "longitude": NOTHING, "latitude_ref": "", "longitude_ref": "",
         "status": "V"},
        {"latitude": NOTHING, "longitude": NOTHING, "latitude_ref": "", "longitude_ref": ""},
        {"latitude": NOTHING, "longitude": NOTHING},
        {"latitude": ZERO, "longitude": ZERO, "latitude_ref": "", "longitude_ref": ""},
        {"latitude": NOTHING, "status": "V"},
        {"latitude_ref": "", "status": "V"},
    ],
)  # fmt: skip
def test_a_camera_without_a_fix_has_no_position(fields):
    """It has not written a wrong one."""
    missing = read_gps(**fields).missing_position
    assert missing == MissingPosition(ExifFault.NO_POSITION, "it has no GPS position")


@pytest.mark.parametrize("tag", [exif.LATITUDE, exif.LONGITUDE])
def test_half_a_position_is_none(tag):
    """Where either axis is missing, the photo has no position, and keeps its date."""
    directory = exif.gps(date="2024:08:19")
    del directory[tag]
    reading = READER.read(exif.block(gps=directory))
    assert reading.missing_position == MissingPosition(
        ExifFault.NO_POSITION, "it has no GPS position"
    )
    assert reading.event_date == EventDate("2024-08-19", 8)


def test_half_a_position_without_a_fix_is_invalid():
    """One axis is blank, the other is not: that is no camera without a fix."""
    reading = read_gps(latitude=NOTHING, latitude_ref="")
    assert reading.missing_position is not None
    assert reading.missing_position.fault is ExifFault.INVALID_POSITION


def test_a_valid_position_counts_whatever_the_status():
    """Some cameras keep V beside a position that they have found."""
    assert read_gps(status="V").coordinates == Coordinates(-17.364, -56.777)


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


VALID = exif.block(gps=exif.gps(), exif={exif.DATE_TIME_ORIGINAL: "2024"})


@given(exif_blocks())
@example(VALID)
def test_any_directories_give_a_position_or_a_reason(content):
    """Wherever they point, even at themselves. A valid block gives its position."""
    reading = READER.read(content)
    assert reading.coordinates or content != VALID
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


@given(st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), max_size=8))
@example([])
def test_a_damaged_block_gives_a_valid_position_or_a_reason(changes):
    """Changed bytes may change the position, but never to an impossible one."""
    content = bytearray(VALID)
    for offset, value in changes:
        content[offset] = value
    reading = READER.read(bytes(content))
    assert (reading.coordinates is None) == (reading.missing_position is not None)
    assert reading.coordinates or content != VALID
    if reading.coordinates:
        assert abs(reading.coordinates.latitude) <= 90
        assert abs(reading.coordinates.longitude) <= 180


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (((65, 10),), 6.5),
        (((5, 10),), 0.5),
        (((1, 1),), 1.0),
        (((1, 1_000),), 0.001),
        (((MAX_UNCERTAINTY_METRES, 1),), MAX_UNCERTAINTY_METRES),
        (((MAX_UNCERTAINTY_METRES + 1, 1),), None),
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
        ({exif.DATE_TIME_ORIGINAL: "2024:08:19"}, exif.gps(), EventDate("2024-08-19", 8)),
        (
            {exif.DATE_TIME_ORIGINAL: "2024:08:19   :  :  "},
            exif.gps(),
            EventDate("2024-08-19", 8),
        ),
        ({}, exif.gps(date="2024-08-19"), EventDate("2024-08-19", 8)),
        (
            {exif.DATE_TIME_ORIGINAL: "2024-08-19 16:31:05"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05", 8),
        ),
        (
            {exif.DATE_TIME_ORIGINAL: "2007/06/30 18:45:17"},
            exif.gps(),
            EventDate("2007-06-30T18:45:17", 6),
        ),
        (
            {exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05.123", exif.OFFSET_TIME_ORIGINAL: "Z"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05+00:00", 8),
        ),
        (
            {exif.DATE_TIME_ORIGINAL: "2024-08-19T16:31:05-04:00"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05-04:00", 8),
        ),
        (
            {exif.DATE_TIME_DIGITIZED: "2024:08:19 16:31:05", exif.OFFSET_TIME_DIGITIZED: "+02:00"},
            exif.gps(),
            EventDate("2024-08-19T16:31:05+02:00", 8),
        ),
        (
            {exif.DATE_TIME_DIGITIZED: "2024:09:01 00:00:00"},
            exif.gps(date="2024:08:19"),
            EventDate("2024-08-19", 8),
        ),
        ({exif.DATE_TIME_ORIGINAL: "2024:08:19" + " " * 5_000 + "16:31:05"}, exif.gps(), None),
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


def test_the_date_of_a_change_is_not_the_event_date():
    """Editors write DateTime when they save."""
    content = exif.block({exif.DATE_TIME: "2024:08:19 16:31:05"}, gps=exif.gps())
    assert READER.read(content).event_date is None


@pytest.mark.parametrize("pointer", [8, 40, 0x7FFFFFFF, 0xFFFFFFFF])
def test_the_directory_of_the_preview_is_not_read(pointer):
    """A stale pointer to it costs nothing, wherever it leads."""
    image = {exif.ORIENTATION: 6}
    dates = {exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"}
    content = bytearray(exif.block(image, gps=exif.gps(), exif=dates))
    end_of_directory = 10 + 12 * int.from_bytes(content[8:10], "little")
    content[end_of_directory : end_of_directory + 4] = pointer.to_bytes(4, "little")
    reading = READER.read(bytes(content))
    assert reading == READER.read(exif.block(image, gps=exif.gps(), exif=dates))
    assert reading.coordinates == Coordinates(-17.364, -56.777)


@pytest.mark.parametrize("part", ["GPS", "EXIF"])
def test_a_damaged_directory_costs_no_other(part):
    """Tags that were read before the fault stay."""
    image = {exif.ORIENTATION: 6}
    content = bytearray(
        exif.block(image, gps=exif.gps(), exif={exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"})
    )
    tag = exif.GPS_POINTER if part == "GPS" else exif.EXIF_POINTER
    start = content.index(tag.to_bytes(2, "little"))
    content[start + 8 : start + 12] = b"\xff\xff\xff\x7f"
    reading = READER.read(bytes(content))
    assert reading.orientation == 6
    assert (reading.coordinates is None) == (part == "GPS")
    assert (reading.event_date is None) == (part == "EXIF")


def test_an_exif_block_has_at_most_256_kb():
    """What is behind a valid directory counts too."""
    content = exif.block(gps=exif.gps())
    assert READER.read(content.ljust(262_144, b"x")).coordinates
    for blocks in ((content.ljust(262_145, b"x"),), (content, bytes(262_144))):
        reading = READER.read(blocks[0], later_exif=blocks[1:])
        assert reading.missing_position == MissingPosition(
            ExifFault.UNREADABLE, "its EXIF is unreadable"
        )


def test_the_bytes_that_are_read_are_bounded_besides_the_reads():
    """Tags may share their bytes: 600 texts of 60 kB are 36 MB."""
    content = limits_exif.shared_texts(65_000)
    opened = BudgetedReader(content, 1_000_000)
    with contextlib.suppress(ValueError):
        exifread.process_file(opened, details=False, extract_thumbnail=False)
    assert -65_000 < opened.bytes_left < 0
    assert READER.read(content).missing_position == MissingPosition(
        ExifFault.UNREADABLE, "its EXIF is unreadable"
    )


def test_a_later_block_gives_what_the_first_lacks():
    """The first with a position, a date or an orientation gives it."""
    first = exif.block({exif.ORIENTATION: 6}, exif={exif.DATE_TIME_ORIGINAL: "2024:08:19 16:31:05"})
    second = exif.block({exif.ORIENTATION: 3}, gps=exif.gps(date="2020:01:01"))
    reading = READER.read(first, later_exif=(b"neither order", second))
    assert reading == ExifReading(
        Coordinates(-17.364, -56.777), None, EventDate("2024-08-19T16:31:05", 8), 6
    )
    assert READER.read(b"neither order", later_exif=(first,)).missing_position == MissingPosition(
        ExifFault.NO_POSITION, "it has no GPS position"
    )

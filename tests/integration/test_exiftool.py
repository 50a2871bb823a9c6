"""Positions and pixels agree with those of independent programs: exiftool and djpeg."""

import io
import json
import random
import subprocess
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chalicelib.domain import EventDate, ExifReading
from chalicelib.photo.metadata.exif import ExifreadExifReader
from chalicelib.settings import Settings
from fuzz import files
from tests import exif_blocks
from tests.unit.photo.metadata import test_xmp
from tests.unit.photo.test_reader import READER, SIZE, reference

AGREEMENT = 1e-4
"""Degrees: eleven metres."""

EXIF = ExifreadExifReader(Settings().maximum_exif_reads)
DATA = Path(__file__).parent.parent / "data"


def exiftool(path: Path) -> list[dict]:
    done = subprocess.run(
        ["exiftool", "-n", "-json", "-G1", "-GPSLatitude", "-GPSLongitude", "-a", path],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    records: list[dict] = json.loads(done.stdout)
    return records


def position(path: Path) -> ExifReading:
    photo = READER.open(path.read_bytes())
    return EXIF.read(photo.exif, photo.xmp, photo.later_exif)


def rational(chance: random.Random, most: int) -> tuple[int, int]:
    """Return a part of an angle as a camera may write it: whole, a fraction, or nonsense."""
    denominator = chance.choice((1, 1, 10, 100, 10_000, 1_000_000, 7, 0))
    value = chance.uniform(0, most) if denominator > 1 else chance.randrange(most + 1)
    return int(value * max(denominator, 1)), denominator


def written(chance: random.Random) -> bytes:
    axes: dict[str, Any] = {
        name: tuple(rational(chance, most) for most in (degrees, 60, 60))
        for name, degrees in (("latitude", 91), ("longitude", 181))
    }
    for name in axes:
        if chance.random() < 0.3:
            axes[name] = (*axes[name][:2], (0, chance.choice((0, 1))))
    references = {
        "latitude_ref": chance.choice(("N", "S", "n", "s", "", "X", "North")),
        "longitude_ref": chance.choice(("E", "W", "e", "w", "", "Y", "West")),
    }
    return exif_blocks.block(gps=exif_blocks.gps(**axes, **references))


def test_positions_are_those_that_exiftool_reads(tmp_path):
    """For all references, rationals and hemispheres, if both report a position."""
    chance = random.Random(20_240_819)
    picture = files.encode(files.picture(size=(16, 16)), "JPEG")
    blocks = {f"{number:04}.jpg": written(chance) for number in range(800)}
    for name, block in blocks.items():
        segment = files.segment(0xE1, b"Exif\0\0" + block)
        (tmp_path / name).write_bytes(files.insert(picture, segment))
    compared = 0
    for theirs in exiftool(tmp_path):
        ours = position(Path(theirs["SourceFile"])).coordinates
        # It has no value for seconds of 0/0, which some cameras write, and then reports 0.
        is_told = theirs.get("GPS:GPSLatitude") != "" != theirs.get("GPS:GPSLongitude")
        if ours is None or not is_told:
            continue
        latitude, longitude = (theirs[f"Composite:GPS{axis}"] for axis in ("Latitude", "Longitude"))
        assert ours.latitude == pytest.approx(latitude, abs=AGREEMENT)
        assert ours.longitude == pytest.approx(longitude, abs=AGREEMENT)
        compared += 1
    assert compared > 60


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "heic"])
def test_a_position_that_exiftool_wrote_is_read_in_every_format(form, tmp_path):
    """From an APP1 segment, an eXIf or EXIF chunk, and an item of the meta box."""
    path = tmp_path / f"photo.{form}"
    if form == "heic":
        path.write_bytes((DATA / "small.heic").read_bytes())
    else:
        files.picture().save(path)
    subprocess.run(
        ["exiftool", "-q", "-overwrite_original", "-GPSLatitude=-33.5", "-GPSLatitudeRef=S",
         "-GPSLongitude=151.25", "-GPSLongitudeRef=E", path],
        check=True,
    )  # fmt: skip
    coordinates = position(path).coordinates
    assert coordinates is not None
    assert (coordinates.latitude, coordinates.longitude) == pytest.approx(
        (-33.5, 151.25), abs=AGREEMENT
    )


SYDNEY = (-33.5, 151.25)


def tagged(path: Path, *arguments: str) -> Path:
    """Let exiftool write tags into a photo."""
    if path.suffix == ".heic":
        path.write_bytes((DATA / "small.heic").read_bytes())
        arguments = ("-EXIF:all=", *arguments)
    else:
        files.picture().save(path)
    subprocess.run(["exiftool", "-q", "-overwrite_original", *arguments, path], check=True)
    return path


@pytest.mark.parametrize("form", ["jpg", "png", "webp", "heic"])
def test_a_position_that_exiftool_wrote_into_xmp_is_read_in_every_format(form, tmp_path):
    """With its uncertainty and its date."""
    path = tagged(
        tmp_path / f"photo.{form}",
        *(f"-XMP-exif:{tag}" for tag in ("GPSLatitude=-33.5", "GPSLongitude=151.25",
          "GPSHPositioningError=6.5", "DateTimeOriginal=2024:08:19 16:31:05-04:00")),
    )  # fmt: skip
    reading = position(path)
    assert reading.coordinates is not None
    assert (reading.coordinates.latitude, reading.coordinates.longitude) == pytest.approx(
        SYDNEY, abs=AGREEMENT
    )
    assert reading.coordinates.uncertainty == 6.5
    assert reading.event_date == EventDate("2024-08-19T16:31:05-04:00", 8)


def test_positions_in_xmp_are_those_that_exiftool_reads(tmp_path):
    """In all four quarters of the globe, to a fraction of a minute."""
    chance = random.Random(20_240_819)
    picture = files.encode(files.picture(size=(16, 16)), "JPEG")
    for number in range(200):
        texts = []
        for most, letters in ((89, "NS"), (179, "EW")):
            minutes = chance.choice((f"{chance.uniform(0, 60):.6f}", str(chance.randrange(61)),
                                     f"{chance.randrange(60)},{chance.randrange(61)}"))  # fmt: skip
            texts.append(f"{chance.randrange(most)},{minutes}{chance.choice(letters)}")
        packet = test_xmp.attributes(GPSLatitude=texts[0], GPSLongitude=texts[1])
        body = b"http://ns.adobe.com/xap/1.0/\0" + packet
        (tmp_path / f"{number:03}.jpg").write_bytes(
            files.insert(picture, files.segment(0xE1, body))
        )
    compared = 0
    for theirs in exiftool(tmp_path):
        ours = position(Path(theirs["SourceFile"])).coordinates
        assert ours is not None
        assert ours.latitude == pytest.approx(theirs["XMP-exif:GPSLatitude"], abs=AGREEMENT)
        assert ours.longitude == pytest.approx(theirs["XMP-exif:GPSLongitude"], abs=AGREEMENT)
        compared += 1
    assert compared == 200


@pytest.mark.parametrize(
    "make",
    [
        lambda jpeg, block: files.insert(
            jpeg,
            files.segment(0xE1, b"Exif\0\0" + exif_blocks.block({exif_blocks.ORIENTATION: 1})),
            files.segment(0xE1, b"Exif\0\0" + block),
        ),
        lambda jpeg, block: png_with_profile(block),
        lambda jpeg, block: files.insert(
            jpeg, files.segment(0xE1, b"Exif\0\0" + block[:-4] + b"\xff\xff\xff\x7f")
        ),
    ],
    ids=["second segment", "raw profile", "damaged end"],
)
def test_positions_in_unusual_places_are_those_that_exiftool_reads(make, tmp_path):
    """60 seconds included."""
    angle = ((17, 1), (21, 1), (60, 1))
    block = exif_blocks.block(gps=exif_blocks.gps(latitude=angle))
    path = tmp_path / "photo.bin"
    path.write_bytes(make(files.encode(files.picture(size=(16, 16)), "JPEG"), block))
    (theirs,) = exiftool(path)
    ours = position(path).coordinates
    assert ours is not None
    assert (ours.latitude, ours.longitude) == pytest.approx(
        (theirs["Composite:GPSLatitude"], theirs["Composite:GPSLongitude"]), abs=AGREEMENT
    )


def png_with_profile(block: bytes) -> bytes:
    """Return a PNG with EXIF as ImageMagick writes it."""
    text = b"\nexif\n%8d\n" % (len(block) + 6) + (b"Exif\0\0" + block).hex().encode()
    chunk = files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text))
    png = files.encode(files.picture(size=(16, 16)), "PNG")
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_jpegs_have_the_pixels_of_djpeg(mode, options, quality):
    """Colour, grey and Adobe's inverted CMYK, decoded by libjpeg's own program."""
    content = files.encode(files.slope(400, 300, mode), "JPEG", quality=quality, **options)
    done = subprocess.run(["djpeg", "-pnm"], input=content, check=True, capture_output=True)
    pixels = READER.open(content).pixels(SIZE, 1)
    assert np.abs(pixels - reference(Image.open(io.BytesIO(done.stdout)))).max() <= 6

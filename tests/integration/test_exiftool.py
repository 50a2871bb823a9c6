"""Positions and pixels agree with those of independent programs: exiftool and djpeg."""

import io
import json
import random
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chalicelib.domain import ExifReading
from chalicelib.photo.exif import ExifreadExifReader
from chalicelib.settings import Settings
from fuzz import files
from tests import exif_blocks
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
    return EXIF.read(READER.open(path.read_bytes()).exif)


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


@pytest.mark.parametrize("quality", [30, 95])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_jpegs_have_the_pixels_of_djpeg(mode, options, quality):
    """Colour, grey and Adobe's inverted CMYK, decoded by libjpeg's own program."""
    content = files.encode(files.slope(400, 300, mode), "JPEG", quality=quality, **options)
    done = subprocess.run(["djpeg", "-pnm"], input=content, check=True, capture_output=True)
    pixels = READER.open(content).pixels(SIZE, 1)
    assert np.abs(pixels - reference(Image.open(io.BytesIO(done.stdout)))).max() <= 6

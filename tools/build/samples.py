"""Make the sample photos: open pictures with a place and a date that we assign.

``samples/samples.csv`` says which picture becomes which sample, where it is placed and how it is
changed. The pictures have no position of their own. Each is placed where its animal lives, and
``samples/README.md`` says so.

The pictures come from Debian's ``gcompris-qt-data`` 3.1-2 (see ``samples/SOURCES.tsv``). Extract
them into a directory under their resource names.
"""

import argparse
import csv
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pillow_heif  # requirements-samples.txt: its encoder is not part of the service
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.TiffImagePlugin import IFDRational

from tools import ROOT

SAMPLES: Final = ROOT / "samples"
JPEG_QUALITY: Final = 85
PNG_WIDTH: Final = 480
"""PNG is lossless; this width keeps the file small."""


def rational(value: Fraction) -> IFDRational:
    """Return the fraction as EXIF stores it."""
    return IFDRational(value.numerator, value.denominator)


def degrees_minutes_seconds(value: float) -> tuple[IFDRational, ...]:
    """Return decimal degrees as EXIF stores them; seconds are rounded to a hundredth."""
    hundredths = round(abs(value) * 360_000)
    minutes, seconds = divmod(hundredths, 6_000)
    degrees, minutes = divmod(minutes, 60)
    return (IFDRational(degrees, 1), IFDRational(minutes, 1), IFDRational(seconds, 100))


def exif_of(row: dict[str, str]) -> Image.Exif:
    """Return the EXIF block of a sample."""
    exif = Image.Exif()
    exif[Base.ImageDescription] = "Placed by Rangefinder: see samples/README.md"
    exif[Base.Orientation] = 6 if row["variation"] == "orientation-6" else 1
    moment = datetime.fromisoformat(row["eventDate"])
    offset = moment.strftime("%z")
    exif.get_ifd(IFD.Exif).update(
        {
            Base.DateTimeOriginal: moment.strftime("%Y:%m:%d %H:%M:%S"),
            Base.OffsetTimeOriginal: f"{offset[:3]}:{offset[3:]}",
        }
    )
    if row["decimalLatitude"]:
        latitude, longitude = float(row["decimalLatitude"]), float(row["decimalLongitude"])
        position: dict[int, Any] = {
            GPS.GPSVersionID: b"\2\3\0\0",
            GPS.GPSLatitudeRef: "N" if latitude >= 0 else "S",
            GPS.GPSLatitude: degrees_minutes_seconds(latitude),
            GPS.GPSLongitudeRef: "E" if longitude >= 0 else "W",
            GPS.GPSLongitude: degrees_minutes_seconds(longitude),
            GPS.GPSHPositioningError: rational(Fraction(row["coordinateUncertaintyInMeters"])),
        }
        exif.get_ifd(IFD.GPSInfo).update(position)
    return exif


def make(row: dict[str, str], pictures: Path) -> None:
    """Write a sample."""
    picture = Image.open(pictures / row["source"]).convert("RGB")
    match row["variation"]:
        case "orientation-6":
            # Stored on its side: a reader must turn it 90 degrees clockwise.
            picture = picture.transpose(Image.Transpose.ROTATE_90)
        case "left-third":
            picture = picture.crop((0, 0, picture.width // 3, picture.height))
        case "png":
            picture = picture.resize((PNG_WIDTH, PNG_WIDTH * picture.height // picture.width))
    target, exif = SAMPLES / row["file"], exif_of(row)
    match target.suffix:
        case ".jpg":
            picture.save(target, quality=JPEG_QUALITY, optimize=True, exif=exif)
        case ".png":
            picture.save(target, optimize=True, exif=exif)
        case ".heic":
            picture.save(target, quality=60, exif=exif.tobytes())


def main() -> None:
    """Write every sample that ``samples.csv`` lists."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pictures", type=Path, help="directory with the source pictures")
    pictures = parser.parse_args().pictures
    if not pictures.is_dir():
        parser.error(f"PICTURES={pictures}: there is no such directory")
    pillow_heif.register_heif_opener()
    with (SAMPLES / "samples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        make(row, pictures)
        print(f"{row['file']}: {(SAMPLES / row['file']).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

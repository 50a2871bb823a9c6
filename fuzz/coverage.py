"""Search for uploads that reach new code, for a limited time: ``make fuzz-coverage``.

Atheris does the search in an environment of its own (requirements-fuzz.txt). An upload is a finding
if it raises anything but a ``RangefinderError``, or takes ten seconds or a gigabyte; atheris
writes it to ``build/fuzz/``. A finding that you understand becomes one of the attacks
(``fuzz/attacks.py``), so that the suite sends it from then on.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["PIL", "exifread", "multipart", "pi_heif", "chalicelib"]):
    from chalice.app import Request

    from chalicelib.domain import ModelInput
    from chalicelib.errors import RangefinderError
    from chalicelib.http import body, requests
    from chalicelib.photo.metadata.exif import ExifreadExifReader
    from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
    from chalicelib.settings import Settings

from fuzz.mutations import honest
from tests.exif_blocks import block, gps
from tests.forms import FORM_TYPE, form

OUTPUT: Final = Path("build/fuzz")
LARGEST_SEED: Final = 60_000

SETTINGS: Final = Settings()
PHOTOS: Final = PillowPhotoReader(
    DecodeLimits(
        bytes=SETTINGS.maximum_photo_bytes,
        pixels=1_000_000,  # large pictures are slow and find nothing more
        decoding_bytes=SETTINGS.maximum_decoding_bytes,
        jpeg_scans=SETTINGS.maximum_jpeg_scans,
        segments=SETTINGS.maximum_photo_segments,
        jpeg_share=SETTINGS.minimum_jpeg_share,
    )
)
EXIF: Final = ExifreadExifReader(SETTINGS.maximum_exif_reads)
LIMITS: Final = body.RequestLimits(
    SETTINGS.maximum_photo_bytes,
    SETTINGS.maximum_form_parts,
    SETTINGS.maximum_part_header_bytes,
    SETTINGS.maximum_field_bytes,
)
SIZE: Final = ModelInput(64, 64, 0.9)


def photo(content: bytes) -> None:
    """Read the photo as the pipeline does."""
    try:
        opened = PHOTOS.open(content)
        reading = EXIF.read(opened.exif, opened.xmp, opened.later_exif)
        opened.pixels(SIZE, reading.orientation)
    except RangefinderError:
        return


def multipart(content: bytes) -> None:
    """Read the body of a form as the route does."""
    request = Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {"content-type": FORM_TYPE},
            "pathParameters": {},
            "requestContext": {"httpMethod": "POST", "resourcePath": "/v1/predictions"},
            "body": content,
            "stageVariables": {},
        }
    )
    try:
        requests.read_prediction(request, LIMITS)
    except RangefinderError:
        return


def _photos() -> Iterator[bytes]:
    yield from (content for content in honest().values() if len(content) <= LARGEST_SEED)
    yield Path("tests/data/small.heic").read_bytes()


def _forms() -> Iterator[bytes]:
    yield form(("photo", b"\xff\xd8\xff"), ("decimalLatitude", "1"), ("decimalLongitude", "2"))
    yield form(("photo", block(gps=gps())), ("eventDate", "2024-08-19"), ("geo", "off"))


TARGETS: Final[dict[str, tuple[Callable[[bytes], None], Callable[[], Iterator[bytes]]]]] = {
    "photo": (photo, _photos),
    "multipart": (multipart, _forms),
}


def main() -> None:
    """Fuzz one target."""
    parser = argparse.ArgumentParser(prog="fuzz.coverage", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="default: %(default)s")
    arguments = parser.parse_args()
    target, seeds = TARGETS[arguments.target]
    corpus = OUTPUT / arguments.target
    shutil.rmtree(corpus, ignore_errors=True)
    corpus.mkdir(parents=True)
    for number, content in enumerate(seeds()):
        (corpus / f"seed-{number}").write_bytes(content)
    options = [
        f"-max_total_time={arguments.seconds}", f"-artifact_prefix={OUTPUT}/{arguments.target}-",
        f"-max_len={LARGEST_SEED}", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
        "-verbosity=0", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""A file is told by its bytes, and one that is not read is named."""

import io

import pytest
from PIL import Image

from chalicelib.domain import MEDIA_TYPES
from chalicelib.errors import UnreadablePhoto, UnsupportedMediaType
from chalicelib.photo.formats import detect_format, name_format, refusal
from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
from fuzz.files import box
from tests.samples import SAMPLES

READER = PillowPhotoReader(
    DecodeLimits(
        bytes=10_000_000,
        pixels=1_000_000,
        decoding_bytes=100_000_000,
        jpeg_scans=50,
        segments=1_000,
        jpeg_share=0.5,
    )
)


def encoded(name: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, name)
    return file.getvalue()


def media(brand: bytes) -> bytes:
    """The beginning of an ISO base media file."""
    return box(b"ftyp", brand + bytes(4) + b"isommp42") + box(b"mdat", bytes(20))


TIFF = b"II*\0\x08\0\0\0" + bytes(100)

NAMES = {
    "a GIF": [encoded("GIF"), b"GIF87a"],
    "a BMP image": [encoded("BMP")],
    "a TIFF image": [encoded("TIFF"), TIFF, b"MM\0*" + bytes(100), b"II+\0" + bytes(100)],
    "an AVIF image": [media(b"avif"), media(b"avis")],
    "a camera raw file": [
        b"II*\0\x10\0\0\0CR\2\0" + bytes(100),  # Canon CR2
        TIFF + b"NIKON CORPORATION\0",
        TIFF + b"SONY\0",
        b"MM\0*" + bytes(100) + b"Adobe DNG Converter\0",
        media(b"crx "),  # Canon CR3
        b"FUJIFILMCCD-RAW 0201",
        b"IIRO\x08\0\0\0" + bytes(100),  # Olympus ORF
        b"IIU\0\x18\0\0\0" + bytes(100),  # Panasonic RW2
        b"FOVb" + bytes(100),
    ],
    "a JPEG XL image": [b"\xff\x0a" + bytes(20), b"\0\0\0\x0cJXL \r\n\x87\n"],
    "a JPEG 2000 image": [b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51" + bytes(20)],
    "a Photoshop file": [b"8BPS\0\1" + bytes(20)],
    "a video": [
        media(b"mp42"),
        media(b"isom"),
        media(b"qt  "),
        media(b"3gp5"),
        box(b"moov", bytes(20)),
        b"\x1aE\xdf\xa3" + bytes(30),  # WebM
        b"RIFF\0\0\0\0AVI LIST",
    ],
    "a media file of an unknown type": [media(b"none")],
    "a PDF": [b"%PDF-1.7\n"],
    "a ZIP archive": [b"PK\3\4" + bytes(30)],
    "an SVG drawing": [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg/>',
    ],
    "a web page": [b"<!DOCTYPE html><html>", b"\n <HTML lang=de>"],
    "a text": [
        b"hello",
        '{"photo": "é"}'.encode(),
        ("é" * 5_000).encode(),
        b"x" + "é".encode() * 5_000,
    ],
    "of an unknown format": [
        bytes(20),
        b"\xff\xfe\xfd",
        b"hello\0",
        b"\xff\xd8",
        b"RIFF\0\0\0\0WAVE",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, content) for name, contents in NAMES.items() for content in contents],
)
def test_what_is_not_read_is_named(name, content):
    """With what to do about it."""
    assert detect_format(content) is None
    assert name_format(content) == name
    with pytest.raises(UnsupportedMediaType, match=f"The photo is {name}. ") as caught:
        READER.open(content)
    assert caught.value.accepted == MEDIA_TYPES


def test_the_advice_fits_the_format():
    """A picture is converted, and anything else is replaced."""
    assert refusal("a GIF") == "The photo is a GIF. Convert it to JPEG, PNG, WebP or HEIC."
    assert refusal("a video") == (
        "The photo is a video. Take a still from it. Send a JPEG, PNG, WebP or HEIC photo."
    )
    assert refusal("a text") == "The photo is a text. Send a JPEG, PNG, WebP or HEIC photo."


def test_an_empty_photo_is_said_to_be_empty():
    """It has no format."""
    with pytest.raises(UnreadablePhoto, match="empty"):
        READER.open(b"")


@pytest.mark.parametrize(
    ("file", "name"),
    [("jaguar.jpg", "JPEG"), ("scarlet-macaw.png", "PNG"), ("koala.heic", "HEIF")],
)
def test_photos_are_detected(file, name):
    """By their first bytes."""
    assert detect_format(SAMPLES[file].content) == name
    assert detect_format(encoded("WEBP")) == "WEBP"

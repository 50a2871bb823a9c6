"""Name what a file is, by its first bytes: never by a name or a declared type."""

from typing import Final

from chalicelib.photo.image_containers import PNG_SIGNATURE

HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
)
"""Brands of an ISO base media file (bytes 8 to 12) that hold HEVC stills: ISO/IEC 23008-12."""

AVIF: Final = "an AVIF image"
AVIF_BRANDS: Final = (b"avif", b"avis")
"""Brands of the same kind of file that hold AV1: AV1 Image File Format, section 6."""

SIGNATURES: Final = (
    ("a GIF", (b"GIF87a", b"GIF89a")),
    ("a BMP image", (b"BM",)),
    ("a JPEG XL image", (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")),
    ("a JPEG 2000 image", (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")),
    ("a camera raw file", (
        b"FUJIFILMCCD-RAW", b"II\x1a\0\0\0HEAPCCDR", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb",
        b"\0MRM",
    )),
    ("a Photoshop file", (b"8BPS",)),
    ("a video", (b"\x1aE\xdf\xa3", b"\0\0\1\xba", b"FLV\1", b"OggS")),
    ("a PDF", (b"%PDF-",)),
    ("a ZIP archive", (b"PK\3\4",)),
)  # fmt: skip
"""Names of formats that are not read, and the bytes that their files begin with."""

TIFF_SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
RAW_MAKERS: Final = (
    b"Canon", b"NIKON", b"SONY", b"PENTAX", b"OLYMPUS", b"LEICA", b"Panasonic", b"SAMSUNG",
    b"Hasselblad", b"Phase One", b"Adobe DNG", b"Apple", b"RICOH", b"EASTMAN KODAK", b"Google",
)  # fmt: skip
"""Makers that begin a raw file as a TIFF, and name themselves in it."""

RAW_BRANDS: Final = (b"crx ",)
VIDEO_BRANDS: Final = (b"qt  ", b"mp4", b"isom", b"iso", b"avc1", b"M4V", b"3gp", b"3g2", b"MSNV")
VIDEO_BOXES: Final = (b"moov", b"mdat", b"wide", b"free", b"skip")
"""First boxes of a QuickTime film without a type: QuickTime File Format."""

HEAD_BYTES: Final = 4_096
"""As much of a file as is looked at."""


def detect_format(content: bytes) -> str | None:
    """Return Pillow's name of the format; ``None`` if this service does not read it."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(PNG_SIGNATURE):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
        return "HEIF"
    return None


def name_format(content: bytes) -> str:
    """Return what a file is that this service does not read: ``a GIF``, ``a text``."""
    head = content[:HEAD_BYTES]
    for name, signatures in SIGNATURES:
        if head.startswith(signatures):
            return name
    if head.startswith(TIFF_SIGNATURES):
        is_raw = head[8:10] == b"CR" or any(maker in head for maker in RAW_MAKERS)
        return "a camera raw file" if is_raw else "a TIFF image"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "a video"
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in VIDEO_BOXES:
        return "a video"
    return _text(head)


def refusal(name: str) -> str:
    """Return the sentences that tell the client what it sent, and what to do about it."""
    return f"The photo is {name}. {ADVICE.get(name, CONVERT)}"


def _iso_media(head: bytes) -> str:
    brand = head[8:12]
    if brand in AVIF_BRANDS:
        return AVIF
    if brand in RAW_BRANDS:
        return "a camera raw file"
    return "a video" if brand.startswith(VIDEO_BRANDS) else "a media file of an unknown type"


def _text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in start:
        return "an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "a web page"
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        # A character may be cut in two where the head ends.
        if error.start < HEAD_BYTES - 3:
            return "of an unknown format"
        text = head[: error.start].decode()
    is_text = all(character.isprintable() or character in "\t\r\n\f" for character in text)
    return "a text" if is_text else "of an unknown format"


CONVERT: Final = "Convert it to JPEG, PNG, WebP or HEIC."
ACCEPTED: Final = "Send a JPEG, PNG, WebP or HEIC photo."
ADVICE: Final = {
    "a video": f"Take a still from it. {ACCEPTED}",
    "a PDF": ACCEPTED,
    "a ZIP archive": ACCEPTED,
    "a web page": ACCEPTED,
    "a text": ACCEPTED,
    "a media file of an unknown type": ACCEPTED,
    "of an unknown format": ACCEPTED,
}
"""What to do about a file, where it is not to convert it."""

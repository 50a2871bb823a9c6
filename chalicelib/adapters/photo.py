"""Photos by Pillow: opened by content, decoded no larger than the model needs.

Four formats, told by their bytes and never by a name or a declared type. JPEG
is decoded at a reduced scale (``Image.draft``), which for a 12-megapixel photo
costs a fifth of the full decode. HEIC comes from pi-heif, imported when the
first such photo arrives.
"""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.domain import MEDIA_TYPES, InputSize, Pixels
from chalicelib.errors import PhotoTooLarge, UnreadablePhoto, UnsupportedMediaType

HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
)
"""Brands of an ISO base media file (bytes 8 to 12) that hold HEVC stills: ISO/IEC 23008-12."""

DRAFT_OVERSAMPLING: Final = 2
"""A reduced JPEG stays at least this many times larger than the model's input.

At twice the size the first class was the same as after a full decode for every
photo tried; at once the size for 99 % of them.
"""

EXIF_HEADER: Final = b"Exif\0\0"

UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photo of each EXIF orientation upright: EXIF 2.32, table 6."""

ON_WHITE: Final = (255, 255, 255, 255)

Image.MAX_IMAGE_PIXELS = None
# Pillow's own guard warns first and knows no setting of ours; the reader's limit replaces it.


@dataclass(frozen=True, slots=True)
class PillowPhoto:
    """An opened photo: the :class:`~chalicelib.ports.Photo` on Pillow."""

    image: Image.Image
    format: str
    width: int
    height: int

    @property
    def exif(self) -> bytes:
        """The EXIF block without its ``Exif`` header: a TIFF stream, or nothing."""
        block = self.image.info.get("exif") or b""
        return block.removeprefix(EXIF_HEADER) if isinstance(block, bytes) else b""

    def pixels(self, size: InputSize, orientation: int) -> Pixels:
        """Centre square, resized and upright; RGB, shape (height, width, 3).

        Cropping a square at the centre and turning it commute, so the turn is
        made last, on the small picture.
        """
        try:
            square = self._square(size)
        except Exception:  # decoders raise whatever they stumble over
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None
        turn = UPRIGHT.get(orientation)
        return np.asarray(square.transpose(turn) if turn is not None else square)

    def _square(self, size: InputSize) -> Image.Image:
        image = self.image
        needed = DRAFT_OVERSAMPLING * max(size.width, size.height) / size.crop_fraction
        scale = needed / min(image.size)
        # Only JPEG knows drafts; for other formats this does nothing.
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        image.load()
        frame = image.size if size.frame == "whole" else (min(image.size),) * 2
        width, height = (size.crop_fraction * side for side in frame)
        left, top = (image.width - width) / 2, (image.height - height) / 2
        return _as_rgb(image).resize(
            (size.width, size.height),
            Image.Resampling[size.resample.upper()],
            box=(left, top, left + width, top + height),
        )


@dataclass(frozen=True, slots=True)
class PillowPhotoReader:
    """The :class:`~chalicelib.ports.PhotoReader` on Pillow, with its two limits."""

    maximum_bytes: int
    maximum_pixels: int

    def open(self, content: bytes) -> PillowPhoto:
        """Read the header. Refuses before any pixel is decoded."""
        if not content:
            raise UnreadablePhoto("The photo is empty.")
        if len(content) > self.maximum_bytes:
            raise PhotoTooLarge(len(content), self.maximum_bytes, "bytes")
        name = detect_format(content)
        if name is None:
            raise UnsupportedMediaType(
                "The photo is none of JPEG, PNG, WebP and HEIC.", MEDIA_TYPES
            )
        try:
            image = _open_as(name, io.BytesIO(content))
        except Exception:  # damaged headers raise whatever the decoder stumbles over
            raise UnreadablePhoto("The photo's header is damaged.") from None
        image.decodermaxblock = len(content)  # it is all here, so no need to go by 64 kB
        pixels = image.width * image.height
        if pixels > self.maximum_pixels:
            raise PhotoTooLarge(pixels, self.maximum_pixels, "pixels")
        return PillowPhoto(image, name, image.width, image.height)


def detect_format(content: bytes) -> str | None:
    """The format by its signature; ``None`` for all that we do not read."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
        return "HEIF"
    return None


def _as_rgb(image: Image.Image) -> Image.Image:
    """Any mode as RGB; what is transparent becomes white, 16 bits become 8."""
    if image.mode == "RGB" and not image.has_transparency_data:
        return image  # convert() would copy all of it
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, ON_WHITE), picture).convert(
            "RGB"
        )
    return image.convert("RGB")


def _open_as(name: str, file: io.BytesIO) -> ImageFile.ImageFile:
    """The header, read by the class of that format alone.

    ``Image.open`` imports the classes of other formats first: 4 ms of a cold start, and 25 of
    the first WebP. It also takes a JPEG with several pictures for an animation.
    """
    match name:
        case "PNG":
            from PIL import PngImagePlugin

            return PngImagePlugin.PngImageFile(file)
        case "WEBP":
            from PIL import WebPImagePlugin

            return WebPImagePlugin.WebPImageFile(file)
        case "HEIF":
            from pi_heif import HeifImageFile  # 40 ms and 4 MB that only such photos need

            heif: ImageFile.ImageFile = HeifImageFile(file)
            return heif
    return JpegImagePlugin.JpegImageFile(file)

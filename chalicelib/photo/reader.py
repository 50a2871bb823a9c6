"""Photos by Pillow: opened by content, decoded no larger than the model needs.

Four formats, told by their bytes and never by a name or a declared type. JPEG
is decoded at a reduced scale (``Image.draft``), which for a 12-megapixel photo
costs a fifth of the full decode. HEIC comes from pi-heif, imported when the
first such photo arrives. What decoding would cost is known before it begins, and
refused where it is too much (docs/hostile-input.md).
"""

import io
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.domain import MEDIA_TYPES, ModelInput, Pixels
from chalicelib.errors import (
    PhotoTooLarge,
    RangefinderError,
    UnreadablePhoto,
    UnsupportedMediaType,
)
from chalicelib.photo import image_containers

HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"}
)
"""Brands of an ISO base media file (bytes 8 to 12) that hold HEVC stills: ISO/IEC 23008-12."""

DRAFT_OVERSAMPLING: Final = 2
"""A reduced JPEG stays at least this many times larger than the model's input.

At twice the size the first class was the same as after a full decode for every
photo tried; at once the size for 99 % of them.
"""

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

DECODED_BYTES: Final = {
    "1": 5, "L": 1, "I;16": 2, "P": 5, "RGB": 4, "LA": 8, "RGBA": 8, "CMYK": 8,
    "WEBP": 17, "HEIF": 8,
}  # fmt: skip
"""Memory for each pixel while a photo is decoded and resized, by mode or, where the decoder
takes more than Pillow, by format. Measured: ``make fuzz`` checks that it holds."""

COPIES: Final = 2
"""How often the file itself is there: as it came, and as its decoder gets it."""

COEFFICIENT_BYTES: Final = 2
"""Of each sample of a JPEG with several scans, which libjpeg keeps until the last."""

WITH_ALPHA: Final = ("LA", "RGBA")

ON_WHITE: Final = (255, 255, 255, 255)

Image.MAX_IMAGE_PIXELS = None
# Pillow's own guard warns first and knows no setting of ours; the reader's limit replaces it.


class DecodeLimits(NamedTuple):
    """How much a photo may cost: the most of each, and the least of a JPEG that broke off.

    ``jpeg_share`` is of the rows that the model looks at. The settings tell the rest.
    """

    bytes: int
    pixels: int
    decoding_bytes: int
    jpeg_scans: int
    segments: int
    jpeg_share: float


class PillowPhoto(NamedTuple):
    """An opened photo: the :class:`~chalicelib.ports.Photo` on Pillow."""

    image: ImageFile.ImageFile
    file: image_containers.CutFile
    scans: int
    format: str
    width: int
    height: int
    exif: bytes
    limits: DecodeLimits

    @property
    def is_truncated(self) -> bool:
        """Whether it broke off, which decoding finds out."""
        return self.file.is_cut

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Centre square, resized and upright; RGB, shape (height, width, 3).

        Cropping a square at the centre and turning it commute, so the turn is
        made last, on the small picture.
        """
        try:
            square = self._square(size)
        except RangefinderError:
            raise
        except Exception:  # decoders raise whatever they stumble over
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None
        # libheif turns pictures itself, as their own boxes say and not as EXIF repeats it.
        turn = UPRIGHT.get(orientation) if self.format != "HEIF" else None
        return np.asarray(square.transpose(turn) if turn is not None else square)

    def _square(self, size: ModelInput) -> Image.Image:
        image = self.image
        needed = DRAFT_OVERSAMPLING * max(size.width, size.height) / size.crop_fraction
        scale = needed / min(image.size)
        # Only JPEG knows drafts; for other formats this does nothing.
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        pixels = self.width * self.height
        needed_bytes = _bytes_to_decode(image, pixels, self.scans)
        needed_bytes += COPIES * self.file.getbuffer().nbytes
        _check_memory(pixels, needed_bytes, self.limits.decoding_bytes)
        image.load()
        if self.is_truncated and decoded_share(image, size) < self.limits.jpeg_share:
            raise UnreadablePhoto("The photo is cut off: too little of it is there.")
        small = _with_whole_colours(image).resize(
            (size.width, size.height),
            Image.Resampling[size.resample.upper()],
            box=_view(image, size),
        )
        return _as_rgb(small)


class PillowPhotoReader(NamedTuple):
    """The :class:`~chalicelib.ports.PhotoReader` on Pillow."""

    limits: DecodeLimits

    def open(self, content: bytes) -> PillowPhoto:
        """Read the header. Refuses before any pixel is decoded."""
        if not content:
            raise UnreadablePhoto("The photo is empty.")
        if len(content) > self.limits.bytes:
            raise PhotoTooLarge(len(content), self.limits.bytes, "bytes")
        name = detect_format(content)
        if name is None:
            raise UnsupportedMediaType(
                "The photo is none of JPEG, PNG, WebP and HEIC.", MEDIA_TYPES
            )
        parts = self._take_apart(name, content)
        file = image_containers.CutFile(parts.file)
        try:
            image = _open_as(name, file)
        except Exception:  # damaged headers raise whatever the decoder stumbles over
            raise UnreadablePhoto("The photo's header is damaged.") from None
        image.decodermaxblock = len(parts.file)  # it is all here: no need to go by 64 kB
        self._check_pixels(*image.size)
        return PillowPhoto(
            image=image,
            file=file,
            scans=parts.scans,
            format=name,
            width=image.width,
            height=image.height,
            exif=(parts.exif or image.info.get("exif") or b"").removeprefix(
                image_containers.EXIF_HEADER
            ),
            limits=self.limits,
        )

    def _take_apart(self, name: str, content: bytes) -> image_containers.Parts:
        match name:
            case "JPEG":
                parts = image_containers.jpeg(content, self.limits.segments)
                if parts.scans > self.limits.jpeg_scans:
                    raise PhotoTooLarge(parts.scans, self.limits.jpeg_scans, "scans")
                return parts
            case "PNG":
                return image_containers.png(content, self.limits.segments)
            case "HEIF":
                from chalicelib.photo.heif import heif

                return heif(content, self.limits.segments)
        # WebP: its decoder takes memory for the canvas as soon as it is opened.
        width, height = image_containers.webp_size(content)
        self._check_pixels(width, height)
        needed_bytes = DECODED_BYTES[name] * width * height
        _check_memory(width * height, needed_bytes, self.limits.decoding_bytes)
        return image_containers.Parts(content, b"")

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.limits.pixels:
            raise PhotoTooLarge(width * height, self.limits.pixels, "pixels")


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


def decoded_share(image: Image.Image, size: ModelInput) -> float:
    """How much there is of the rows that the model looks at, in a JPEG that broke off.

    libjpeg fills what never came with one grey.
    """
    pixels = np.asarray(image)
    flat = (pixels == pixels[-1, -1]).reshape(image.height, -1).all(axis=1)
    rows = 0 if flat.all() else image.height - int(np.argmin(flat[::-1]))
    _, top, _, bottom = _view(image, size)
    return min((rows - top) / (bottom - top), 1.0)


def _check_memory(pixels: int, needed: float, maximum: int) -> None:
    if needed > maximum:
        raise PhotoTooLarge(pixels, int(pixels * maximum / needed), "pixels")


def _bytes_to_decode(image: ImageFile.ImageFile, pixels: int, scans: int) -> float:
    """The most memory that it takes to decode and resize a photo of so many ``pixels``."""
    if image.format in DECODED_BYTES:
        return DECODED_BYTES[image.format] * pixels
    for_each = DECODED_BYTES[image.mode]
    if image.mode not in WITH_ALPHA and image.has_transparency_data:
        for_each += DECODED_BYTES["RGBA"]
    needed = for_each * image.width * image.height
    if scans > 1 and isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = [(across, down) for _, across, down, _ in image.layer]
        block = max(one for one, _ in sampling) * max(one for _, one in sampling)
        samples = sum(across * down for across, down in sampling) / max(block, 1)
        return needed + COEFFICIENT_BYTES * samples * pixels
    return needed


def _view(image: Image.Image, size: ModelInput) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what the model looks at."""
    frame = image.size if size.frame == "whole" else (min(image.size),) * 2
    width, height = (size.crop_fraction * side for side in frame)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return left, top, left + width, top + height


def _with_whole_colours(image: Image.Image) -> Image.Image:
    """In a mode in which neighbours can be averaged, as large as it is."""
    if image.mode not in WITH_ALPHA and image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("RGB") if image.mode in ("1", "P", "CMYK") else image


def _as_rgb(image: Image.Image) -> Image.Image:
    """What is transparent becomes white, 16 bits become 8."""
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in WITH_ALPHA:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, ON_WHITE)
        return Image.alpha_composite(white, picture).convert("RGB")
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

            photo: ImageFile.ImageFile = HeifImageFile(file)
            return photo
    return JpegImagePlugin.JpegImageFile(file)

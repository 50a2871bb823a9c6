"""Open and decode photos with Pillow, no larger than the model needs.

The content decides between four formats, never a name or a declared type. Pillow decodes a JPEG
at a reduced scale (``Image.draft``), which for a photo of 12 megapixels costs a fifth of the full
decode. pi-heif decodes HEIC; it is imported when the first such photo arrives. The cost of
decoding is known before it begins, and a photo that costs too much is refused
(docs/hostile-input.md).
"""

import io
from math import ceil
from typing import Final

import numpy as np
from msgspec import Struct
from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.domain import MEDIA_TYPES, ModelInput, Part, Pixels, View
from chalicelib.errors import (
    PhotoTooLarge,
    RangefinderError,
    UnreadablePhoto,
    UnsupportedMediaType,
)
from chalicelib.photo import image_containers
from chalicelib.photo.colours import to_resizable_mode, to_rgb
from chalicelib.photo.crop import crop_box, upright_part, view_box
from chalicelib.photo.decode_cost import (
    BYTES_PER_RESIZED_PIXEL,
    FILE_COPIES,
    bytes_to_decode,
    check_memory,
)
from chalicelib.photo.decode_time import CHEAP_SECONDS, check_time, seconds_to_decode
from chalicelib.photo.eoi_padded_file import EoiPaddedFile
from chalicelib.photo.formats import detect_format, name_format, refusal
from chalicelib.ports import Photo

DRAFT_OVERSAMPLING: Final = 2
"""A JPEG at a reduced scale stays at least this many times larger than the model's input.

At twice the size, the first class was the same as after a full decode for every photo tried. At
the same size, it was for 99 % of them.
"""

ORIENTATION_TRANSPOSE: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a photo of each EXIF orientation upright: EXIF 2.32, table 6."""

MAXIMUM_SIDE: Final = 65_535
"""Pixels. JPEG has no larger ones, and each row of a PNG costs memory of its own."""

Image.MAX_IMAGE_PIXELS = None
# Pillow's own limit warns first and ignores our settings. The reader's limit replaces it.


class DecodeLimits(Struct, frozen=True):
    """The most that a photo may cost. ``Settings`` explains each limit.

    ``jpeg_share`` is the least share that must be there of the rows that the model sees, in a
    truncated JPEG. ``kept_bytes``: of a HEIC whose decoding takes no more, the tiles stay in
    memory for a second look.
    """

    bytes: int
    pixels: int
    decoding_bytes: int
    jpeg_scans: int
    segments: int
    jpeg_share: float
    hevc_pixels: int = 14_500_000
    kept_bytes: int = 0


class PillowPhoto(Struct, frozen=True, eq=False):
    """An opened photo: the :class:`~chalicelib.ports.Photo` on Pillow."""

    image: ImageFile.ImageFile
    file: EoiPaddedFile
    scans: int
    seconds: float
    format: str
    width: int
    height: int
    exif: bytes
    later_exif: tuple[bytes, ...]
    xmp: bytes
    limits: DecodeLimits

    @property
    def is_truncated(self) -> bool:
        """Whether the file ends too early. Known after decoding."""
        return self.file.hit_end

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Decode, crop, resize and turn upright. Return RGB, shape (height, width, 3).

        The small picture is turned, not the photo: cropping at the centre comes to the same
        before and after. Raises ``PhotoTooLarge`` or ``UnreadablePhoto``.
        """
        try:
            self._decode(size)
        except RangefinderError:
            raise
        except Exception:  # decoders raise many types of errors
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None
        return self.pixels_again(size, orientation)

    def pixels_again(self, size: ModelInput, orientation: int) -> Pixels:
        """Return what another model sees first. Raises ``UnreadablePhoto``."""
        transpose = ORIENTATION_TRANSPOSE.get(orientation)
        try:
            crop = self._crop(size)
            return np.asarray(crop if transpose is None else crop.transpose(transpose))
        except Exception:  # as above
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        """Return another part of the decoded photo, upright, and where it is.

        An incomplete photo has no other parts: what is missing is grey. Neither has one that took
        long to decode. A JPEG at a reduced scale is large enough for squares of half its shorter
        side.
        """
        if self.is_truncated or self.seconds > CHEAP_SECONDS:
            return None
        try:
            return self._cut(size, ORIENTATION_TRANSPOSE.get(orientation), view)
        except Exception:  # as above
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None

    def _cut(
        self, size: ModelInput, transpose: Image.Transpose | None, view: View
    ) -> tuple[Pixels, Part]:
        image = self.image
        turns = () if transpose is None else (transpose,)
        box = view_box((0, 0, *image.size), min(image.size), view, turns)
        left, top = int(box[0]), int(box[1])
        # Modes are converted after the cut, which is the smaller work.
        cut = to_resizable_mode(image.crop((left, top, ceil(box[2]), ceil(box[3]))))
        small = cut.resize(
            (size.width, size.height),
            Image.Resampling[size.resample.upper()],
            box=(box[0] - left, box[1] - top, box[2] - left, box[3] - top),
            # Shrink a large picture by whole pixels first, which is faster.
            reducing_gap=None if cut.mode == "I;16" else DRAFT_OVERSAMPLING,
        )
        upright = to_rgb(small) if transpose is None else to_rgb(small).transpose(transpose)
        return np.asarray(upright), upright_part(box, *image.size, turns)

    def _decode(self, size: ModelInput) -> None:
        image = self.image
        needed_side = DRAFT_OVERSAMPLING * max(size.width, size.height) / size.crop_fraction
        scale = needed_side / min(image.size)
        # Only JPEG has drafts. For other formats this does nothing.
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        pixels = self.width * self.height
        needed_bytes = bytes_to_decode(image, pixels, self.scans)
        needed_bytes += FILE_COPIES * self.file.getbuffer().nbytes
        resized_bytes = BYTES_PER_RESIZED_PIXEL * size.width * image.height
        check_memory(pixels, needed_bytes, self.limits.decoding_bytes - resized_bytes)
        check_time(pixels, self.seconds)
        image.load()
        if self.is_truncated and decoded_share(image, size) < self.limits.jpeg_share:
            raise UnreadablePhoto("The photo is cut off: too little of it is there.")

    def _crop(self, size: ModelInput) -> Image.Image:
        image = self.image
        crop = to_resizable_mode(image).resize(
            (size.width, size.height),
            Image.Resampling[size.resample.upper()],
            box=crop_box(image.width, image.height, size),
        )
        return to_rgb(crop)


class PillowPhotoReader(Struct, frozen=True):
    """The :class:`~chalicelib.ports.PhotoReader` on Pillow."""

    limits: DecodeLimits

    def open(self, content: bytes) -> Photo:
        """Read the header, and refuse a photo before any pixel is decoded.

        Raises ``UnsupportedMediaType``, ``PhotoTooLarge`` or ``UnreadablePhoto``.
        """
        if not content:
            raise UnreadablePhoto("The photo is empty.")
        if len(content) > self.limits.bytes:
            raise PhotoTooLarge(len(content), self.limits.bytes, "bytes")
        name = detect_format(content)
        if name is None:
            raise UnsupportedMediaType(refusal(name_format(content)), MEDIA_TYPES)
        if name == "HEIF":
            from chalicelib.photo.heif.photo import HeifLimits, open_heif

            limits = self.limits
            heif_limits = HeifLimits(
                boxes=limits.segments,
                pixels=limits.pixels,
                decoding_bytes=limits.decoding_bytes,
                hevc_pixels=limits.hevc_pixels,
                kept_bytes=limits.kept_bytes,
            )
            return open_heif(content, heif_limits)
        stripped = self._strip_metadata(name, content)
        file = EoiPaddedFile(stripped.file)
        try:
            image = _open_as(name, file)
            seconds = stripped.seconds + seconds_to_decode(image)
        except Exception:  # decoders raise many types of errors on damaged headers
            raise UnreadablePhoto("The photo's header is damaged.") from None
        image.decodermaxblock = len(stripped.file)  # read it at once, not in blocks of 64 kB
        self._check_pixels(*image.size)
        return PillowPhoto(
            image=image,
            file=file,
            scans=stripped.scans,
            seconds=seconds,
            format=name,
            width=image.width,
            height=image.height,
            exif=stripped.exif,
            later_exif=stripped.later_exif,
            xmp=stripped.xmp,
            limits=self.limits,
        )

    def _strip_metadata(self, name: str, content: bytes) -> image_containers.StrippedImage:
        match name:
            case "JPEG":
                stripped = image_containers.strip_jpeg(content, self.limits.segments)
                if stripped.scans > self.limits.jpeg_scans:
                    raise PhotoTooLarge(stripped.scans, self.limits.jpeg_scans, "scans")
                return stripped
            case "PNG":
                return image_containers.strip_png(content, self.limits.segments)
        from chalicelib.photo.webp.container import strip_webp

        # Its decoder allocates memory for the canvas as soon as it opens the file.
        webp = strip_webp(content, self.limits.segments, self._check_pixels)
        check_memory(webp.width * webp.height, webp.decoding_bytes, self.limits.decoding_bytes)
        check_time(webp.width * webp.height, webp.seconds)
        return webp

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.limits.pixels:
            raise PhotoTooLarge(width * height, self.limits.pixels, "pixels")
        if max(width, height) > MAXIMUM_SIDE:
            raise PhotoTooLarge(max(width, height), MAXIMUM_SIDE, "pixels along one side")


def decoded_share(image: Image.Image, size: ModelInput) -> float:
    """Return the share that is there of the rows that the model sees, in a truncated JPEG.

    libjpeg fills the missing rows with one grey. The share is at most 1; it is negative if the
    file ends above those rows.
    """
    pixels = np.asarray(image)
    is_grey = (pixels == pixels[-1, -1]).reshape(image.height, -1).all(axis=1)
    rows = 0 if is_grey.all() else image.height - int(np.argmin(is_grey[::-1]))
    _, top, _, bottom = crop_box(image.width, image.height, size)
    return min((rows - top) / (bottom - top), 1.0)


def _open_as(name: str, file: io.BytesIO) -> ImageFile.ImageFile:
    """Read the header with the class of one format.

    ``Image.open`` imports the classes of other formats first: 4 ms of a cold start, and 25 ms of
    the first WebP. It also takes a JPEG with several pictures for an animation.
    """
    match name:
        case "PNG":
            from PIL import PngImagePlugin

            return PngImagePlugin.PngImageFile(file)
        case "WEBP":
            from chalicelib.photo.webp.container import FrugalWebpFile

            return FrugalWebpFile(file)
    return JpegImagePlugin.JpegImageFile(file)

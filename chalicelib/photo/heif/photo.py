"""Open and decode HEIC and HEIF photos.

Each step takes away what an attacker could use. The structure is read first, and refused where it
is not one of a photo. Then a new file is written for the decoder, with the coded images alone.
Of a grid, it holds one row of the tiles that the model sees: memory does not grow with the photo.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from msgspec import Struct, field
from PIL import Image

from chalicelib.domain import ModelInput, Part, Pixels, View
from chalicelib.errors import PhotoTooLarge, UnreadablePhoto
from chalicelib.photo.crop import crop_box, upright_part, view_box
from chalicelib.photo.decode_cost import check_memory
from chalicelib.photo.heif.cost import bytes_to_decode, work_to_decode
from chalicelib.photo.heif.picture import Picture, read_picture
from chalicelib.photo.heif.strips import (
    DecodedStrip,
    Strip,
    cut_strips,
    decode,
    resize,
    seen_area,
)

KEPT_BYTES_PER_PIXEL: Final = 4
"""Memory of a decoded pixel: RGBA at most."""

CHEAP_SHARE: Final = 0.8
"""A photo that takes a larger share of the most work is looked at once. A phone's takes 0.75."""

LEAST_PREVIEW: Final = 0.8
"""A preview must have this share of the model's input. Phones write 240 rows or more."""


class HeifLimits(Struct, frozen=True):
    """The most that a HEIF photo may cost.

    ``pixels`` counts those of all images, ``hevc_pixels`` those that are decoded, with
    a share for their bytes. ``kept_bytes``: what is decoded stays in memory for a second look, if
    that and decoding take no more.
    """

    boxes: int
    pixels: int
    decoding_bytes: int
    hevc_pixels: int
    kept_bytes: int = 0


class Kept(Struct, eq=False):
    """What is decoded, and of which picture; the picture is ``None`` if nothing was kept.

    ``seen`` are the pixels that the model saw first.
    """

    picture: Picture | None = None
    seen: Pixels | None = None
    strips: list[DecodedStrip] = field(default_factory=list)


class HeifPhoto(Struct, frozen=True, eq=False):
    """An opened photo: the :class:`~chalicelib.ports.Photo` on libheif."""

    picture: Picture
    file_bytes: int
    limits: HeifLimits
    kept: Kept = field(default_factory=Kept)

    @property
    def format(self) -> str:
        """``HEIF``."""
        return "HEIF"

    @property
    def width(self) -> int:
        """Pixels as shown."""
        return self.picture.clean[3 if self.picture.is_on_its_side else 2]

    @property
    def height(self) -> int:
        """Pixels as shown."""
        return self.picture.clean[2 if self.picture.is_on_its_side else 3]

    @property
    def exif(self) -> bytes:
        """The EXIF block as a TIFF stream; empty if there is none."""
        return self.picture.exif

    @property
    def xmp(self) -> bytes:
        """The XMP packet; empty if there is none."""
        return self.picture.xmp

    @property
    def later_exif(self) -> tuple[bytes, ...]:
        """More EXIF blocks: none is read."""
        return ()

    @property
    def is_truncated(self) -> bool:
        """Whether the file ends too early: never, since such a file is refused."""
        return False

    def pixels(self, size: ModelInput, orientation: int) -> Pixels:
        """Decode, crop, resize and turn as the file says. Return RGB, (height, width, 3).

        The orientation of EXIF is not used: it repeats what the file's own properties say.
        Raises ``PhotoTooLarge`` or ``UnreadablePhoto``.
        """
        del orientation
        try:
            self.kept.seen = self._decode(self.picture, size)
        except PhotoTooLarge:
            preview = _as_picture(self.picture, size)
            if not preview:
                raise
            self.kept.seen = self._decode(preview, size)
        return self.kept.seen

    def pixels_again(self, size: ModelInput, orientation: int) -> Pixels:
        """Return what another model sees first: of the tiles that are kept, else of what was seen.

        Raises ``UnreadablePhoto``.
        """
        middle = View(side=size.crop_fraction, across=0.5, down=0.5)
        if size.frame == "square" and (seen := self.view(size, orientation, middle)):
            return seen[0]
        if self.kept.seen is None:
            return self.pixels(size, orientation)
        small = Image.fromarray(self.kept.seen)
        resample = Image.Resampling[size.resample.upper()]
        return np.asarray(small.resize((size.width, size.height), resample))

    def view(self, size: ModelInput, orientation: int, view: View) -> tuple[Pixels, Part] | None:
        """Return another part of the decoded tiles, turned as the file says, and where it is.

        Decoding takes most of the time of such a photo. So no other tile is decoded, and the view
        stays within those that are there.
        """
        del orientation
        picture, strips = self.kept.picture, self.kept.strips
        if picture is None:
            return None
        left, top, width, height = picture.clean
        first, last = strips[0].strip, strips[-1].strip
        area = (
            max(left, first.left),
            max(top, first.top),
            min(left + width, first.left + first.tiles.width),
            min(top + height, last.top + last.tiles.height),
        )
        box = view_box(area, min(width, height), view, picture.turns)
        size = _as_stored(size, picture)
        small = resize(picture, strips, seen_area(box, area, size), box, size)
        part = (box[0] - left, box[1] - top, box[2] - left, box[3] - top)
        return _upright(small, picture), upright_part(part, width, height, picture.turns)

    def _decode(self, picture: Picture, size: ModelInput) -> Pixels:
        size = _as_stored(size, picture)
        left, top, width, height = picture.clean
        box = crop_box(width, height, size)
        box = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
        seen = seen_area(box, (left, top, left + width, top + height), size)
        strips = cut_strips(picture, seen)
        keeps_tiles = self._check_cost(picture, strips)
        try:
            decoded = self._open(picture, strips, keeps_tiles=keeps_tiles)
            small = resize(picture, decoded, seen, box, size)
        except Exception:  # decoders raise many types of errors
            raise UnreadablePhoto("The photo is damaged or incomplete.") from None
        return _upright(small, picture)

    def _open(
        self, picture: Picture, strips: list[Strip], *, keeps_tiles: bool
    ) -> Iterator[DecodedStrip]:
        """Decode strip by strip, and keep what is decoded if ``keeps_tiles``."""
        self.kept.strips.clear()
        for strip in strips:
            decoded = decode(picture, strip)
            if keeps_tiles:
                self.kept.picture = picture
                self.kept.strips.append(decoded)
            yield decoded

    def _check_cost(self, picture: Picture, strips: list[Strip]) -> bool:
        """Refuse what costs too much, and return whether the decoded tiles may stay in memory."""
        pixels = self.width * self.height
        needed_bytes = max(bytes_to_decode(strip.tiles, picture.alpha) for strip in strips)
        check_memory(pixels, needed_bytes + self.file_bytes, self.limits.decoding_bytes)
        work = sum(work_to_decode(strip.tiles, picture.alpha) for strip in strips)
        if work > self.limits.hevc_pixels:
            raise PhotoTooLarge(pixels, int(pixels * self.limits.hevc_pixels / work), "pixels")
        needed_bytes += KEPT_BYTES_PER_PIXEL * sum(
            strip.tiles.width * strip.tiles.height for strip in strips
        )
        is_cheap = work <= CHEAP_SHARE * self.limits.hevc_pixels
        return is_cheap and needed_bytes + self.file_bytes <= self.limits.kept_bytes


def open_heif(content: bytes, limits: HeifLimits) -> HeifPhoto:
    """Read the structure of a HEIF file.

    Raises:
        UnreadablePhoto: it is damaged, or not one that this service reads.
        PhotoTooLarge: the images to decode have too many pixels.
    """
    picture = read_picture(content, limits.boxes, limits.pixels)
    return HeifPhoto(picture=picture, file_bytes=len(content), limits=limits)


def _as_picture(picture: Picture, size: ModelInput) -> Picture | None:
    """Return the preview of a photo, if the model would see enough of it."""
    preview, whole = picture.preview, (0, 0, picture.tiles.width, picture.tiles.height)
    if not preview or picture.alpha or picture.clean != whole:
        return None
    seen = min(preview.width, preview.height) * size.crop_fraction
    if seen < LEAST_PREVIEW * max(size.width, size.height):
        return None
    return Picture(
        tiles=preview,
        alpha=None,
        preview=None,
        is_premultiplied=False,
        clean=(0, 0, preview.width, preview.height),
        turns=picture.turns,
        exif=b"",
        xmp=b"",
    )


def _as_stored(size: ModelInput, picture: Picture) -> ModelInput:
    """Return the model's input as it is before the picture is turned upright."""
    if not picture.is_on_its_side:
        return size
    return ModelInput(size.height, size.width, size.crop_fraction, size.resample, size.frame)


def _upright(small: Image.Image, picture: Picture) -> Pixels:
    for turn in picture.turns:
        small = small.transpose(turn)
    return np.asarray(small)

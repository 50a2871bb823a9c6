"""Other parts of a decoded photo: what a second look sees."""

import io
from bisect import bisect_left

import numpy as np
import pi_heif
import pytest
from msgspec.structs import replace
from PIL import Image, ImageOps

from chalicelib.domain import ModelInput, Part, View
from chalicelib.errors import PhotoTooLarge
from chalicelib.photo.decode_time import CHEAP_SECONDS
from chalicelib.photo.heif.photo import CHEAP_SHARE
from chalicelib.photo.reader import DecodeLimits, PillowPhoto, PillowPhotoReader
from fuzz.files import encode, sample
from fuzz.heif_files import Heif, irot, small
from tests.pictures import picture

SIZE = ModelInput(64, 64, 0.9)
LARGE = (800, 600)
LIMITS = DecodeLimits(
    bytes=20_000_000,
    pixels=64_000_000,
    decoding_bytes=220_000_000,
    jpeg_scans=20,
    segments=100,
    jpeg_share=0.5,
    kept_bytes=220_000_000,
)
READER = PillowPhotoReader(LIMITS)
CORNER = View(0.6, 1, 0)
"""The upper right corner."""


def reference(upright: Image.Image, part: Part) -> np.ndarray:
    """Cut the part out of the upright photo, and resize."""
    left, top = part.left * upright.width, part.top * upright.height
    box = (left, top, left + part.width * upright.width, top + part.height * upright.height)
    cut = upright.convert("RGB").resize((SIZE.width, SIZE.height), Image.Resampling.BILINEAR, box)
    return np.asarray(cut).astype(int)


@pytest.mark.parametrize(
    ("form", "mode", "most"),
    [
        ("JPEG", "RGB", 4), ("JPEG", "CMYK", 6), ("JPEG", "L", 4), ("PNG", "RGB", 2),
        ("PNG", "P", 10),
        ("PNG", "1", 300), ("PNG", "RGBA", 2), ("PNG", "LA", 2), ("WEBP", "RGB", 12),
    ],
)  # fmt: skip
def test_a_part_is_that_of_the_whole_photo(form, mode, most):
    """In every format and colour mode; a JPEG at a reduced scale, too."""
    content = encode(picture(mode, LARGE), form)
    photo = READER.open(content)
    photo.pixels(SIZE, 1)
    seen = photo.view(SIZE, 1, CORNER)
    assert seen
    pixels, part = seen
    assert (part.left, part.top) == pytest.approx((0.55, 0))
    assert (part.width, part.height) == pytest.approx((0.45, 0.6))
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    whole = Image.open(io.BytesIO(content))
    assert np.abs(pixels - reference(whole, part)).mean() <= most / 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_part_of_a_turned_photo_is_upright(orientation):
    """The corner and its shares are those of the upright photo."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(picture(size=LARGE), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    photo = READER.open(content)
    photo.pixels(SIZE, orientation)
    seen = photo.view(SIZE, orientation, CORNER)
    assert seen
    pixels, part = seen
    assert part.left + part.width == pytest.approx(1)
    assert part.top == pytest.approx(0)
    assert np.abs(pixels - reference(upright, part)).max() <= 2


def test_the_first_look_does_not_change():
    """A second look leaves the decoded photo as it is."""
    photo = READER.open(encode(picture(size=LARGE), "JPEG"))
    first = photo.pixels(SIZE, 1)
    photo.view(SIZE, 1, CORNER)
    assert (photo.pixels(SIZE, 1) == first).all()


def test_a_photo_that_broke_off_has_no_other_parts():
    """What is missing is grey, and the model would look at that."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 800, 3), np.uint8))
    content = encode(noise, "JPEG")
    photo = READER.open(content[: int(len(content) * 0.9)])
    photo.pixels(SIZE, 1)
    assert photo.view(SIZE, 1, CORNER) is None


def test_a_photo_that_takes_long_to_decode_has_no_other_parts():
    """An attacker would make the service look at the most expensive photo most often."""
    photo = READER.open(encode(picture(size=LARGE), "PNG"))
    assert isinstance(photo, PillowPhoto)
    photo.pixels(SIZE, 1)
    assert replace(photo, seconds=CHEAP_SECONDS).view(SIZE, 1, CORNER)
    assert replace(photo, seconds=CHEAP_SECONDS * 1.01).view(SIZE, 1, CORNER) is None


def grid(*properties: bytes, **options: tuple[int, int]) -> bytes:
    """A grid of five by two small pictures."""
    heif = Heif()
    heif.grid(small(), 5, 2, *properties, **options)
    return heif.write()


HEICS = {
    "one picture": sample("koala.heic"),
    "a grid": grid(),
    "a grid that is turned": grid(irot(1)),
    "a grid that is trimmed": grid(trim=(30, 20)),
}


@pytest.mark.parametrize("view", [CORNER, View(0.6, 0, 1), View(0.4, 0.5, 0.5)])
@pytest.mark.parametrize("content", HEICS.values(), ids=HEICS)
def test_a_part_of_a_heic_is_that_of_the_whole_photo(content, view):
    """It is taken from the tiles that the first look decoded, and from no others."""
    photo = READER.open(content)
    photo.pixels(SIZE, 1)
    seen = photo.view(SIZE, 1, view)
    assert seen
    pixels, part = seen
    whole = pi_heif.HeifImageFile(io.BytesIO(content))
    assert np.abs(pixels - reference(whole, part)).mean() < 1
    assert part.width * whole.width == pytest.approx(part.height * whole.height)
    assert part.width * whole.width == pytest.approx(view.side * min(whole.size))


def views(limits: DecodeLimits) -> bool:
    """Return whether a grid has other parts under these limits; refuse it as the service does."""
    photo = PillowPhotoReader(limits).open(HEICS["a grid"])
    photo.pixels(SIZE, 1)
    return photo.view(SIZE, 1, CORNER) is not None


def test_a_heic_is_looked_at_once_if_its_tiles_are_not_kept():
    """Where the setting turns second looks off, or memory is short."""
    assert views(LIMITS)
    assert not views(replace(LIMITS, kept_bytes=0))
    assert not views(replace(LIMITS, kept_bytes=100_000))


def test_a_heic_that_takes_nearly_all_the_work_is_looked_at_once():
    """Work is counted before it is done, as for the first look."""

    def is_accepted(pixels: int) -> bool:
        try:
            views(replace(LIMITS, hevc_pixels=pixels))
        except PhotoTooLarge:
            return False
        return True

    least = bisect_left(range(1_000_000), True, key=is_accepted)
    assert not views(replace(LIMITS, hevc_pixels=least))
    assert views(replace(LIMITS, hevc_pixels=round(least / CHEAP_SHARE) + 1))

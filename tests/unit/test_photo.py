import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from chalicelib.adapters.photo import UPRIGHT, PillowPhotoReader
from chalicelib.domain import InputSize
from chalicelib.errors import (
    PhotoTooLarge,
    RangefinderError,
    UnreadablePhoto,
    UnsupportedMediaType,
)

SIZE = InputSize(64, 64, 0.9)
READER = PillowPhotoReader(maximum_bytes=2_000_000, maximum_pixels=1_000_000)


def picture(mode: str = "RGB", size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Smooth colours, a different one in every corner."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    red, green = x * 255 / size[0], y * 255 / size[1]
    pixels = np.stack([red, green, 255 - (red + green) / 2], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encode(image: Image.Image, form: str, **options) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def reference(image: Image.Image) -> np.ndarray:
    """The plain way: all pixels, then crop, then resize."""
    side = SIZE.crop_fraction * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    small = image.convert("RGB").resize((SIZE.width, SIZE.height), Image.Resampling.BILINEAR, box)
    return np.asarray(small).astype(int)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pixels_are_those_of_a_full_decode(form):
    """Reduced-scale decoding saves time and changes nothing that one could see."""
    content = encode(picture(), form, **({"lossless": True} if form == "WEBP" else {}))
    photo = READER.open(content)
    assert (photo.format, photo.width, photo.height) == (form, 400, 300)
    found = photo.pixels(SIZE, 1)
    assert found.shape == (64, 64, 3)
    assert found.dtype == np.uint8
    assert np.abs(found - reference(picture())).max() <= 4


def test_a_large_jpeg_is_decoded_at_a_reduced_scale():
    """That is where the time of a phone's photo goes; the picture stays the same."""
    image = picture(size=(1200, 800))
    photo = READER.open(encode(image, "JPEG", quality=95))
    found = photo.pixels(SIZE, 1)
    assert photo.image.width < 1200
    assert (photo.width, photo.height) == (1200, 800)
    assert np.abs(found - reference(image)).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation):
    """As Pillow's own transposition of the whole photo does it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(picture(), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    found = READER.open(content).pixels(SIZE, orientation)
    assert np.abs(found - reference(upright)).max() <= 1
    assert set(UPRIGHT) == set(range(2, 9))


@pytest.mark.parametrize(
    ("mode", "form"),
    [("CMYK", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("P", "PNG"), ("1", "PNG"), ("RGBA", "WEBP")],
)
def test_other_colour_modes_become_rgb(mode, form):
    """The same colours as Pillow's conversion gives."""
    content = encode(picture(mode), form)
    found = READER.open(content).pixels(SIZE, 1)
    assert np.abs(found - reference(Image.open(io.BytesIO(content)))).mean() < 8


def test_sixteen_bits_become_eight():
    """Not white, which is what cutting them off would give."""
    values = np.linspace(0, 65535, 400 * 300).astype(np.uint16).reshape(300, 400)
    found = READER.open(encode(Image.fromarray(values), "PNG")).pixels(SIZE, 1)
    expected = reference(Image.fromarray((values >> 8).astype(np.uint8)))
    assert np.abs(found - expected).max() <= 2


def test_what_is_transparent_becomes_white():
    """And not the black that many files hide behind it."""
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert READER.open(encode(image, "PNG")).pixels(SIZE, 1).min() == 255


def test_one_transparent_colour_becomes_white():
    """PNG can name one in place of a channel: such a picture is RGB, and yet not taken as it is."""
    content = encode(Image.new("RGB", (100, 100), (0, 0, 0)), "PNG", transparency=(0, 0, 0))
    assert READER.open(content).pixels(SIZE, 1).min() == 255


def test_the_first_picture_of_an_animation_counts():
    """A moving picture is still a picture."""
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    content = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert READER.open(content).pixels(SIZE, 1)[32, 32].tolist() == [255, 0, 0]


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3000, 2), (7, 9)])
def test_tiny_and_narrow_photos_are_stretched_not_refused(size):
    """They will not show much, but they are photos."""
    for form in ("JPEG", "PNG"):
        assert READER.open(encode(picture(size=size), form)).pixels(SIZE, 1).shape == (64, 64, 3)


@pytest.mark.parametrize("content", [encode(picture(), "GIF"), b"<svg/>", b"%PDF-1.4", b"\0" * 64])
def test_other_formats_are_refused_by_their_content(content):
    """With the list of those that are read."""
    with pytest.raises(UnsupportedMediaType) as caught:
        READER.open(content)
    assert "image/jpeg" in caught.value.accepted


def test_an_empty_photo_is_told_as_such():
    """And not as an unknown format."""
    with pytest.raises(UnreadablePhoto, match="empty"):
        READER.open(b"")


def test_too_many_bytes_are_refused():
    """Before anything looks at them."""
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(b"\xff" * 2_000_001)
    assert (caught.value.actual, caught.value.limit, caught.value.unit) == (
        2_000_001,
        2_000_000,
        "bytes",
    )


def test_too_many_pixels_are_refused_before_they_are_decoded():
    """A few kilobytes can unfold to gigabytes."""
    bomb = encode(Image.new("1", (20_000, 20_000)), "PNG")
    assert len(bomb) < 2_000_000
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(bomb)
    assert caught.value.unit == "pixels"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_photo_is_unreadable(form):
    """An upload that broke off is no photo of an animal."""
    content = encode(picture(), form)
    with pytest.raises(UnreadablePhoto):
        READER.open(content[: len(content) // 2]).pixels(SIZE, 1)


@given(st.data())
def test_any_damage_ends_in_pixels_or_in_a_clear_refusal(data):
    """No decoder's own error comes through."""
    content = bytearray(data.draw(st.sampled_from(DAMAGEABLE)))
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = READER.open(bytes(content)).pixels(SIZE, 1)
    except RangefinderError:
        return
    assert found.shape == (64, 64, 3)


DAMAGEABLE = [encode(picture(size=(80, 60)), form) for form in ("JPEG", "PNG", "WEBP")]

import io
import zlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageOps

from chalicelib.domain import ModelInput
from chalicelib.errors import (
    PhotoTooLarge,
    RangefinderError,
    UnreadablePhoto,
    UnsupportedMediaType,
)
from chalicelib.photo.reader import (
    ORIENTATION_TRANSPOSE,
    DecodeLimits,
    PillowPhoto,
    PillowPhotoReader,
)
from fuzz import files
from fuzz.files import encode
from tests import exif_blocks
from tests.pictures import picture
from tools import ROOT

SIZE = ModelInput(64, 64, 0.9)
PIXEL = zlib.compress(bytes(4))
SMALL_HEIC = (ROOT / "tests" / "data" / "small.heic").read_bytes()
"""samples/jaguar.jpg, written by pillow-heif: 96 by 64 pixels, and a quarter turn."""

LIMITS = DecodeLimits(
    bytes=2_000_000,
    pixels=1_000_000,
    decoding_bytes=20_000_000,
    jpeg_scans=20,
    segments=100,
    jpeg_share=0.5,
)
READER = PillowPhotoReader(LIMITS)


def reference(image: Image.Image) -> np.ndarray:
    """Decode all pixels, then crop, then resize."""
    side = SIZE.crop_fraction * min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    small = image.convert("RGB").resize((SIZE.width, SIZE.height), Image.Resampling.BILINEAR, box)
    return np.asarray(small).astype(int)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pixels_are_those_of_a_full_decode(form):
    """Decoding at a reduced scale makes no visible difference."""
    content = encode(picture(), form, **({"lossless": True} if form == "WEBP" else {}))
    photo = READER.open(content)
    assert (photo.format, photo.width, photo.height) == (form, 400, 300)
    pixels = photo.pixels(SIZE, 1)
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    assert np.abs(pixels - reference(picture())).max() <= 4


def test_a_large_jpeg_is_decoded_at_a_reduced_scale():
    """Decoding takes most of the time of a phone's photo. The picture stays the same."""
    image = picture(size=(1200, 800))
    photo = READER.open(encode(image, "JPEG", quality=95))
    pixels = photo.pixels(SIZE, 1)
    assert isinstance(photo, PillowPhoto)
    assert photo.image.width < 1200
    assert (photo.width, photo.height) == (1200, 800)
    assert np.abs(pixels - reference(image)).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation):
    """As Pillow's own transposition of the whole photo."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(picture(), "PNG", exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    pixels = READER.open(content).pixels(SIZE, orientation)
    assert np.abs(pixels - reference(upright)).max() <= 1
    assert set(ORIENTATION_TRANSPOSE) == set(range(2, 9))


@pytest.mark.parametrize(
    ("mode", "form"),
    [
        ("CMYK", "JPEG"), ("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("1", "PNG"),
        ("RGBA", "PNG"), ("RGBA", "WEBP"),
    ],
)  # fmt: skip
def test_other_colour_modes_become_rgb(mode, form):
    """The same colours as Pillow's conversion gives."""
    content = encode(picture(mode), form)
    pixels = READER.open(content).pixels(SIZE, 1)
    assert np.abs(pixels - reference(Image.open(io.BytesIO(content)))).mean() < 8


def test_sixteen_bits_become_eight():
    """Clipping them would give white."""
    values = np.linspace(0, 65535, 400 * 300).astype(np.uint16).reshape(300, 400)
    pixels = READER.open(encode(Image.fromarray(values), "PNG")).pixels(SIZE, 1)
    expected = reference(Image.fromarray((values >> 8).astype(np.uint8)))
    assert np.abs(pixels - expected).max() <= 2


def test_transparent_pixels_become_white():
    """They do not become black, the colour that many files store there."""
    image = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    assert READER.open(encode(image, "PNG")).pixels(SIZE, 1).min() == 255


def test_one_transparent_colour_becomes_white():
    """A PNG without an alpha channel may name one transparent colour."""
    content = encode(Image.new("RGB", (100, 100), (0, 0, 0)), "PNG", transparency=(0, 0, 0))
    assert READER.open(content).pixels(SIZE, 1).min() == 255


def test_an_animation_gives_its_first_picture():
    """Later frames do not matter."""
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    content = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    assert READER.open(content).pixels(SIZE, 1)[32, 32].tolist() == [255, 0, 0]


def half_clear(mode: str) -> tuple[Image.Image, dict]:
    """Return black on the right; on the left transparent black or red."""
    if mode in ("RGBA", "LA"):
        image = Image.new(mode, (100, 100), 0)
        image.paste((0,) * (len(mode) - 1) + (255,), (50, 0, 100, 100))
        return image, {}
    if mode == "P":
        image = Image.new("P", (100, 100), 0)
        image.putpalette([255, 0, 0, 0, 0, 0])
        image.paste(1, (50, 0, 100, 100))
        return image, {"transparency": bytes((0, 255))}
    image = Image.new(mode, (100, 100), 7)
    image.paste(0, (50, 0, 100, 100))
    return image, {"transparency": 7 if mode == "L" else (7, 0, 0)}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB"])
def test_transparency_in_every_form_becomes_white(mode):
    """A channel, an entry of the palette, or a colour. Opaque pixels stay."""
    image, options = half_clear(mode)
    pixels = READER.open(encode(image, "PNG", **options)).pixels(SIZE, 1)
    assert (pixels[:, :28] == 255).all()
    assert (pixels[:, -28:] == 0).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_hidden_colours_do_not_bleed_into_the_edges(mode):
    """The result is that of a photo on white: alpha weights the mean of the pixels."""
    generator = np.random.default_rng(2)
    layers = generator.integers(0, 255, (300, 400, len(mode)), np.uint8)
    image = Image.fromarray(layers, mode=None if mode == "RGBA" else "LA")
    colours = np.repeat(layers[..., :1], 3, axis=-1) if mode == "LA" else layers[..., :3]
    opacity = layers[..., -1:] / 255
    on_white = (colours * opacity + 255 * (1 - opacity)).round().astype(np.uint8)
    pixels = READER.open(encode(image, "PNG")).pixels(SIZE, 1)
    assert np.abs(pixels - reference(Image.fromarray(on_white))).max() <= 3


def test_an_animated_png_shows_its_default_picture():
    """The control chunk here is nonsense, and is not read."""
    plain = encode(picture(), "PNG")
    control = files.chunk(b"acTL", b"\xff" * 8) + files.chunk(b"fcTL", b"\xff" * 26)
    animated = plain[:33] + control + plain[33:]
    assert (READER.open(animated).pixels(SIZE, 1) == READER.open(plain).pixels(SIZE, 1)).all()


def test_interlaced_pngs_are_read():
    """Seven passes give the same picture."""
    pixels = np.full((8, 8, 3), (200, 100, 50), np.uint8)
    passes = ((1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4))
    rows = b"".join((b"\0" + pixels[0, :wide].tobytes()) * high for wide, high in passes)
    content = files.png(8, 8, zlib.compress(rows), kind=(8, 2, 0, 0, 1))
    assert (READER.open(content).pixels(SIZE, 1) == (200, 100, 50)).all()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_profiles_and_previews_do_not_change_pixels(form):
    """A profile of a megabyte, and a preview of another colour inside the EXIF block."""
    options = {"lossless": True} if form == "WEBP" else {}
    preview = encode(Image.new("RGB", (160, 120), "red"), "JPEG")
    block = exif_blocks.block({exif_blocks.ORIENTATION: 1}) + preview
    extra = {"icc_profile": bytes(1_000_000), "exif": b"Exif\0\0" + block}
    plain, burdened = (encode(picture(), form, **options, **more) for more in ({}, extra))
    photo = READER.open(burdened)
    assert photo.exif == block
    assert (photo.pixels(SIZE, 1) == READER.open(plain).pixels(SIZE, 1)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (3000, 2), (7, 9)])
def test_tiny_and_narrow_photos_are_stretched_not_refused(size):
    """They show little, but they are photos."""
    for form in ("JPEG", "PNG"):
        assert READER.open(encode(picture(size=size), form)).pixels(SIZE, 1).shape == (64, 64, 3)


@pytest.mark.parametrize("content", [encode(picture(), "GIF"), b"<svg/>", b"%PDF-1.4", b"\0" * 64])
def test_other_formats_are_refused_by_their_content(content):
    """The error lists the formats that we read."""
    with pytest.raises(UnsupportedMediaType) as caught:
        READER.open(content)
    assert "image/jpeg" in caught.value.accepted


def test_an_empty_photo_has_an_error_of_its_own():
    """It does not count as an unknown format."""
    with pytest.raises(UnreadablePhoto, match="empty"):
        READER.open(b"")


def test_too_many_bytes_are_refused():
    """Before anything reads them."""
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(b"\xff" * 2_000_001)
    assert (caught.value.actual, caught.value.limit, caught.value.unit) == (
        2_000_001,
        2_000_000,
        "bytes",
    )


def test_too_many_pixels_are_refused_before_they_are_decoded():
    """A few kilobytes can decode to gigabytes."""
    bomb = encode(Image.new("1", (20_000, 20_000)), "PNG", compress_level=1)
    assert len(bomb) < 2_000_000
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(bomb)
    assert caught.value.unit == "pixels"


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_a_truncated_photo_is_unreadable(form):
    """PNG and WebP decoders have no use for half a file."""
    content = encode(picture(), form)
    with pytest.raises(UnreadablePhoto):
        READER.open(content[: len(content) // 2]).pixels(SIZE, 1)


def noisy(size: tuple[int, int] = (400, 300)) -> Image.Image:
    """Return a picture whose parts all take about the same number of bytes."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (*size[::-1], 3), np.uint8))


@pytest.mark.parametrize(("share", "is_enough"), [(0.3, False), (0.8, True), (0.999, True)])
def test_a_truncated_jpeg_is_read_if_enough_of_it_is_there(share, is_enough):
    """Its rows are those of the whole photo, and ``is_truncated`` says so."""
    content = encode(noisy(), "JPEG", quality=90)
    photo = READER.open(content[: int(len(content) * share)])
    if not is_enough:
        with pytest.raises(UnreadablePhoto, match="cut off"):
            photo.pixels(SIZE, 1)
        return
    pixels = photo.pixels(SIZE, 1)
    assert photo.is_truncated
    whole = READER.open(content)
    assert (pixels[:40] == whole.pixels(SIZE, 1)[:40]).all()
    assert not whole.is_truncated


def test_jpeg_share_says_how_much_is_enough():
    """1 refuses each truncated JPEG."""
    content = encode(noisy(), "JPEG", quality=90)
    strict = PillowPhotoReader(replace(LIMITS, jpeg_share=1.0))
    assert strict.open(content).pixels(SIZE, 1).shape == (64, 64, 3)
    with pytest.raises(UnreadablePhoto, match="cut off"):
        strict.open(content[: int(len(content) * 0.8)]).pixels(SIZE, 1)


def test_missing_rows_count_only_where_the_model_looks():
    """A tall photo without its lower quarter still has its whole middle."""
    content = encode(noisy((300, 600)), "JPEG", quality=90)
    pixels = READER.open(content[: int(len(content) * 0.76)]).pixels(SIZE, 1)
    assert (pixels == READER.open(content).pixels(SIZE, 1)).all()
    with pytest.raises(UnreadablePhoto, match="cut off"):
        READER.open(content[: int(len(content) * 0.45)]).pixels(SIZE, 1)


LARGE = PillowPhotoReader(replace(LIMITS, pixels=100_000_000, decoding_bytes=10_000_000))
"""Only its memory is limited: 10 MB."""


@pytest.mark.parametrize(
    ("form", "mode", "size", "options", "is_let_through"),
    [
        ("PNG", "RGB", (1950, 1200), {}, True),  # 4 bytes a pixel
        ("PNG", "L", (4000, 2000), {}, True),  # 1
        ("PNG", "RGB", (2200, 1200), {}, False),
        ("PNG", "RGBA", (1200, 1100), {}, False),  # 8
        ("PNG", "RGB", (1000, 900), {"transparency": (1, 2, 3)}, False),  # 12
        ("WEBP", "RGB", (1000, 900), {}, False),  # 17
        ("JPEG", "RGB", (4000, 3000), {}, True),  # decoded at an eighth
        ("JPEG", "RGB", (4000, 3000), {"progressive": True}, False),  # all of it kept
        ("JPEG", "RGB", (4000, 3000), {"progressive": True, "subsampling": 0}, False),
        ("JPEG", "RGB", (1700, 1700), {"progressive": True}, True),
        ("JPEG", "RGB", (40_000, 90), {}, False),  # too low to be reduced
    ],
)
def test_too_much_memory_is_refused_before_decoding(form, mode, size, options, is_let_through):
    """Format, mode, scale and scans decide how much a photo needs."""
    content = encode(picture(mode, size), form, **options)
    if is_let_through:
        assert LARGE.open(content).pixels(SIZE, 1).shape == (64, 64, 3)
        return
    with pytest.raises(PhotoTooLarge) as caught:
        LARGE.open(content).pixels(SIZE, 1)
    assert caught.value.unit == "pixels"
    assert caught.value.limit < caught.value.actual


def test_a_photo_just_below_the_limit_in_the_error_is_read():
    """A client that shrinks a photo to that limit is not refused again."""
    with pytest.raises(PhotoTooLarge) as caught:
        LARGE.open(encode(picture("RGBA", size=(1500, 1500)), "PNG")).pixels(SIZE, 1)
    side = int(caught.value.limit**0.5)
    again = encode(picture("RGBA", size=(side, side)), "PNG")
    assert LARGE.open(again).pixels(SIZE, 1).shape == (64, 64, 3)


def with_scans(count: int) -> bytes:
    """Return a progressive JPEG with ten scans of its own; the others are empty."""
    content = encode(picture(), "JPEG", progressive=True)
    own = content.count(b"\xff\xda")
    empty = files.segment(0xDA, bytes((1, 1, 0, 1, 63, 0)))
    return content[:-2] + empty * (count - own) + content[-2:]


def test_scans_are_counted_before_they_are_decoded():
    """Each scan goes over the whole picture, and needs ten bytes in the file."""
    assert READER.open(with_scans(20)).pixels(SIZE, 1).shape == (64, 64, 3)
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(with_scans(21))
    assert (caught.value.actual, caught.value.limit, caught.value.unit) == (21, 20, "scans")


@pytest.mark.parametrize(
    ("make", "limit"),
    [
        (lambda count: files.insert(encode(picture(), "JPEG"), files.segment(0xFE) * count), 80),
        (lambda count: files.insert(encode(picture(), "JPEG"), b"\xff" * count), 80),
        (lambda count: files.png(1, 1, PIXEL, [files.chunk(b"tEXt", b"")] * count), 90),
    ],
    ids=["JPEG segments", "JPEG padding", "PNG chunks"],
)  # fmt: skip
def test_a_file_is_stripped_in_a_limited_number_of_steps(make, limit):
    """Segments, padding and chunks all count."""
    assert READER.open(make(limit)).pixels(SIZE, 1).shape == (64, 64, 3)
    with pytest.raises(UnreadablePhoto):
        READER.open(make(101))


def test_exif_may_follow_the_pixels_of_a_png():
    """Older writers put it there."""
    content = encode(picture(), "PNG")
    block = exif_blocks.block(gps=exif_blocks.gps())
    for offset in (33, len(content) - 12):
        late = content[:offset] + files.chunk(b"eXIf", block) + content[offset:]
        assert READER.open(late).exif == block


def test_a_heic_is_turned_once():
    """Libheif turns it as its own box says. Its EXIF repeats the same orientation."""
    photo = READER.open(SMALL_HEIC)
    assert (photo.width, photo.height) == (64, 96)
    assert (photo.pixels(SIZE, 6) == photo.pixels(SIZE, 1)).all()


def test_a_heic_gives_us_its_first_exif_block():
    """Others, and what they describe, are not looked at."""
    block = exif_blocks.block(gps=exif_blocks.gps())
    photo = READER.open(files.heic(20, 20, b"\0\0\0\6Exif\0\0" + block))
    assert photo.exif == block
    assert photo.pixels(SIZE, 1).shape == (64, 64, 3)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_only_the_first_picture_of_several_is_decoded(form):
    """The second may be damaged or missing."""
    first, second = (Image.new("RGB", (100, 100), colour) for colour in ("red", "blue"))
    if form == "JPEG":
        content = encode(first, "JPEG") + encode(second, "JPEG")[:-300]
    else:
        content = encode(first, form, save_all=True, append_images=[second])[:-20] + bytes(20)
    red, green, blue = READER.open(content).pixels(SIZE, 1)[32, 32]
    assert red > 240
    assert max(green, blue) < 10


DAMAGEABLE = [encode(picture(size=(80, 60)), form) for form in ("JPEG", "PNG", "WEBP")]
DAMAGEABLE.append(SMALL_HEIC)
CHANGES = st.lists(st.tuples(st.integers(0, 9_999), st.integers(0, 255)), max_size=20)


@given(st.sampled_from(DAMAGEABLE), CHANGES)
@example(DAMAGEABLE[0], [])
@example(DAMAGEABLE[1], [])
@example(DAMAGEABLE[2], [])
@example(DAMAGEABLE[3], [])
def test_any_damage_ends_in_pixels_or_in_a_clear_refusal(content, changes):
    """No decoder's own error reaches the caller, and what is not damaged is not refused."""
    damaged = bytearray(content)
    for offset, value in changes:
        damaged[offset % len(content)] = value
    try:
        pixels = READER.open(bytes(damaged)).pixels(SIZE, 1)
    except RangefinderError:
        assert damaged != content
        return
    assert pixels.shape == (64, 64, 3)

"""HEIF photos are read as libheif reads them, and refused before libheif sees them."""

import io
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pi_heif
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from chalicelib.domain import ModelInput
from chalicelib.errors import PhotoTooLarge, RangefinderError, UnreadablePhoto, UnsupportedMediaType
from chalicelib.photo.crop import crop_box
from chalicelib.photo.heif.photo import HeifLimits, open_heif
from fuzz import heif_sizes, limits_heif
from fuzz.files import box, heic, sample
from fuzz.heif_files import (
    Heif,
    auxc,
    clap,
    grid_data,
    imir,
    irot,
    ispe,
    koala,
    large_box,
    small,
)
from tests import exif_blocks
from tools import ROOT

LIMITS = HeifLimits(
    boxes=10_000, pixels=64_000_000, decoding_bytes=220_000_000, hevc_pixels=14_500_000
)
SIZE = ModelInput(48, 48, 0.9)
EXIF = exif_blocks.block(gps=exif_blocks.gps())
METADATA = b"\0\0\0\6Exif\0\0" + EXIF
REFUSED = dict(limits_heif.refused())


def one(*properties: bytes) -> Heif:
    """A file of one small picture."""
    heif = Heif()
    heif.image(small(), *properties)
    return heif


def grid(columns: int = 3, rows: int = 2, *properties: bytes, **options: tuple[int, int]) -> bytes:
    """A grid of small pictures."""
    heif = Heif()
    heif.grid(small(), columns, rows, *properties, **options)
    return heif.write()


def by_libheif(content: bytes, size: ModelInput) -> np.ndarray:
    """The whole file decoded by libheif, then cropped and resized by Pillow."""
    image = pi_heif.HeifImageFile(io.BytesIO(content))
    image.load()
    small_image = image.resize(
        (size.width, size.height),
        Image.Resampling[size.resample.upper()],
        box=crop_box(image.width, image.height, size),
    )
    white = Image.new("RGBA", small_image.size, "white")
    return np.asarray(Image.alpha_composite(white, small_image.convert("RGBA")).convert("RGB"))


@pytest.fixture
def decoded(monkeypatch) -> list[bytes]:
    """The files that libheif gets."""
    files: list[bytes] = []
    decode = pi_heif.HeifFile

    def record(content: bytes, **options: object) -> object:
        files.append(content)
        return decode(content, **options)

    monkeypatch.setattr(pi_heif, "HeifFile", record)
    return files


HONEST = {
    "one picture": one().write(),
    "a sample": sample("koala.heic"),
    "turned by its box": (ROOT / "tests" / "data" / "small.heic").read_bytes(),
    "pixels first": one().write_media_first(),
    "a film beside it": one().write(
        before=box(b"uuid", bytes(40)), after=box(b"sefd", bytes(100)) + box(b"mpvd", bytes(9))
    ),
    "a free box of 64 bits before it": one().write(before=large_box(b"free", b"")),
    "a free box in its tables": one().write(inside=box(b"free", bytes(10))),
    "pixels up to the end": one().write().replace(
        struct.pack(">I4s", 8 + len(small().data), b"mdat"), struct.pack(">I4s", 0, b"mdat")
    ),
    "a grid": grid(),
    "a grid that is trimmed": grid(trim=(70, 40)),
    "a grid in a column": grid(1, 5),
    "a grid of one": grid(1, 1),
    "a grid that is turned": grid(3, 2, irot(1)),
}  # fmt: skip


@pytest.mark.parametrize("content", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize(
    "size",
    [SIZE, ModelInput(48, 48, 1.0, "bicubic", "whole"), ModelInput(60, 40, 0.5, "lanczos")],
    ids=["square", "whole", "not square"],
)
def test_a_photo_is_decoded_as_libheif_decodes_it(content, size):
    """In strips of tiles, without those that the model does not see."""
    photo = open_heif(content, LIMITS)
    image = pi_heif.HeifImageFile(io.BytesIO(content))
    assert (photo.format, photo.width, photo.height) == ("HEIF", *image.size)
    pixels, expected = photo.pixels(size, 1), by_libheif(content, size)
    assert pixels.shape == expected.shape
    assert pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - expected).mean() < 0.5
    assert not photo.is_truncated


def test_a_film_beside_a_photo_is_not_looked_at():
    """A live photo has one in the same file. Libheif would read its tables."""
    content = one().write(after=box(b"moov", b"no tables of a film"))
    pixels = open_heif(content, LIMITS).pixels(SIZE, 1)
    assert (pixels == open_heif(one().write(), LIMITS).pixels(SIZE, 1)).all()


TRANSFORMATIONS = {
    **{f"turned {quarters} times": [irot(quarters)] for quarters in range(4)},
    "mirrored top to bottom": [imir(0)],
    "mirrored left to right": [imir(1)],
    "turned, then mirrored": [irot(1), imir(0)],
    "mirrored, then turned": [imir(0), irot(1)],
    "cropped": [clap(40, 50, 4, -2)],
    "cropped by halves, then turned": [clap(41, 51, 3, -1, 2), irot(1)],
    "cropped, turned and mirrored": [clap(60, 50), irot(3), imir(1)],
}


@pytest.mark.parametrize("properties", TRANSFORMATIONS.values(), ids=TRANSFORMATIONS)
def test_a_photo_is_cropped_and_turned_as_libheif_does_it(properties):
    """The whole file in one piece, and as a grid."""
    for content in (one(*properties).write(), grid(1, 1, *properties)):
        photo = open_heif(content, LIMITS)
        image = pi_heif.HeifImageFile(io.BytesIO(content))
        assert (photo.width, photo.height) == image.size
        difference = photo.pixels(SIZE, 6).astype(int) - by_libheif(content, SIZE)
        assert np.abs(difference).mean() < 1.5  # libheif moves the chroma of odd crops


@pytest.mark.parametrize("is_premultiplied", [False, True])
def test_transparency_becomes_white(is_premultiplied):
    """As in every format."""
    heif = one()
    heif.refer(b"auxl", heif.image(small(), auxc()), 1)
    if is_premultiplied:
        heif.refer(b"prem", 1, 2)
    content = heif.write()
    pixels = open_heif(content, LIMITS).pixels(SIZE, 1).astype(int)
    opaque = open_heif(one().write(), LIMITS).pixels(SIZE, 1)
    assert (pixels.mean(axis=(0, 1)) > opaque.mean(axis=(0, 1))).all()
    if not is_premultiplied:
        assert np.abs(pixels - by_libheif(content, SIZE)).mean() < 0.5


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED)
def test_what_is_not_a_photo_never_reaches_libheif(content, decoded):
    """Its structure decides."""
    with pytest.raises((UnreadablePhoto, PhotoTooLarge)):
        open_heif(content, LIMITS).pixels(SIZE, 1)
    assert not decoded


@pytest.mark.parametrize("tiles", [1, 12])
def test_pieces_that_overlap_are_not_put_together(tiles):
    """They may say that a file of 4 MB holds 1.6 GB."""
    content = REFUSED[f"HEIC: {tiles} tiles of 32 pieces of 4 MB that overlap"]
    tracemalloc.start()
    with pytest.raises(UnreadablePhoto):
        open_heif(content, LIMITS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(content)


def test_only_coded_images_reach_libheif(decoded):
    """Neither metadata, profiles, previews nor other pictures, wherever they hide."""
    profile = box(b"colr", b"prof" + b"profile" * 1_000)
    heif = one(profile)
    for name in (b"thmb", b"auxl"):
        heif.refer(name, heif.image(koala(), auxc(b"urn:com:apple:photo:2020:aux:hdrgainmap")), 1)
    heif.refer(b"cdsc", heif.item(b"Exif", METADATA), 1)
    photo = open_heif(heif.write(after=box(b"free", b"secret")), LIMITS)
    photo.pixels(SIZE, 1)
    open_heif(one().write(), LIMITS).pixels(SIZE, 1)
    assert decoded[0] == decoded[1]
    assert photo.exif == EXIF


def test_a_grid_is_decoded_row_by_row_where_the_model_looks(decoded):
    """Memory does not grow with the photo, and the tiles at its sides cost nothing."""
    open_heif(grid(9, 4), LIMITS).pixels(ModelInput(48, 48, 0.4), 1)
    assert [content.count(b"hvc1") for content in decoded] == [3, 3]


def test_units_other_than_the_picture_stay_behind(decoded):
    """Parameter sets within the data would replace those that were read."""
    coded = small()
    extra = struct.pack(">IBB", 10, 33 << 1, 1) + bytes(8)
    heif = Heif()
    heif.image(replace(coded, data=extra + coded.data + extra))
    pixels = open_heif(heif.write(), LIMITS).pixels(SIZE, 1)
    assert extra not in decoded[0]
    assert (pixels == open_heif(one().write(), LIMITS).pixels(SIZE, 1)).all()


def test_colours_are_those_of_the_file(decoded):
    """Of the grid first, then of its tiles."""
    colours = box(b"colr", b"nclx" + bytes((0, 1, 0, 13, 0, 6, 0x80)))
    for content in (one(colours).write(), grid(1, 2, colours)):
        decoded.clear()
        open_heif(content, LIMITS).pixels(SIZE, 1)
        assert all(colours in each for each in decoded)


@pytest.mark.parametrize(
    ("limit", "value"), [("pixels", 30_000), ("decoding_bytes", 40_000), ("hevc_pixels", 30_000)]
)
def test_a_photo_that_costs_too_much_is_refused(limit, value, decoded):
    """With the number of pixels that would pass."""
    content = grid()
    costs = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__} | {limit: value}
    with pytest.raises(PhotoTooLarge) as caught:
        open_heif(content, HeifLimits(**costs)).pixels(SIZE, 1)
    assert caught.value.unit == "pixels"
    assert caught.value.limit < caught.value.actual
    assert not decoded


@pytest.mark.parametrize("turns", [[], [irot(1)]])
def test_the_preview_of_a_photo_that_costs_too_much_is_used(turns, decoded):
    """Where it shows the same, and is large enough for the model."""
    heif = Heif()
    whole = heif.grid(small(), 3, 3, *turns)
    heif.refer(b"thmb", heif.image(small()), whole)
    content = heif.write()
    costs = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    photo = open_heif(content, HeifLimits(**costs | {"hevc_pixels": 40_000}))
    assert sorted((photo.width, photo.height)) == [192, 288]
    pixels = photo.pixels(SIZE, 1)
    assert (pixels == open_heif(one(*turns).write(), LIMITS).pixels(SIZE, 1)).all()
    with pytest.raises(PhotoTooLarge):
        photo.pixels(ModelInput(100, 100, 1.0), 1)
    decoded.clear()
    open_heif(content, LIMITS).pixels(SIZE, 1)
    assert len(decoded) == 3


@pytest.mark.parametrize("preview", [koala(), heif_sizes.claim(small(), 64, 64)])
def test_a_preview_of_another_shape_is_not_used(preview):
    """It may show something else."""
    heif = Heif()
    whole = heif.grid(small(), 3, 3)
    heif.refer(b"thmb", heif.image(preview), whole)
    costs = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__}
    with pytest.raises(PhotoTooLarge):
        open_heif(heif.write(), HeifLimits(**costs | {"hevc_pixels": 10_000})).pixels(SIZE, 1)


def test_transparency_counts():
    """As much as the photo."""
    heif = one()
    heif.refer(b"auxl", heif.image(small(), auxc()), 1)
    costs = {name: getattr(LIMITS, name) for name in LIMITS.__struct_fields__} | {"pixels": 10_000}
    open_heif(one().write(), HeifLimits(**costs))
    with pytest.raises(PhotoTooLarge):
        open_heif(heif.write(), HeifLimits(**costs))


@pytest.mark.parametrize("is_grid", [False, True])
def test_an_avif_in_the_clothes_of_a_heic_is_named(is_grid):
    """Some writers use the brand of all HEIF files."""
    heif = Heif([b"av01"], [bytes(10)], [[ispe(96, 64)]])
    if is_grid:
        heif.primary = heif.item(b"grid", grid_data(1, 1, 96, 64), ispe(96, 64))
        heif.refer(b"dimg", 2, 1)
    with pytest.raises(UnsupportedMediaType, match="an AVIF image"):
        open_heif(heif.write(), LIMITS)


def test_the_first_exif_block_and_xmp_are_separated():
    """As a TIFF stream, and as a packet."""
    assert open_heif(heic(2, 3, METADATA), LIMITS).exif == EXIF
    heif = one()
    heif.item(b"Exif", METADATA)
    heif.item(b"Exif", METADATA + b"other")
    photo = open_heif(heif.write(), LIMITS)
    assert photo.exif == EXIF
    assert photo.xmp == b""
    heif.item(b"mime\0text/html", b"<html>")
    heif.item(b"mime\0application/rdf+xml", b"<x:xmpmeta/>")
    assert open_heif(heif.write(), LIMITS).xmp == b"<x:xmpmeta/>"


def test_metadata_that_cannot_be_found_costs_no_photo():
    """It counts as none."""
    heif = one()
    heif.item(b"Exif", METADATA)
    content = heif.write()
    assert open_heif(content[:-20] + bytes(20), LIMITS).exif != EXIF
    place = struct.pack(">II", len(content) - len(METADATA), len(METADATA))
    photo = open_heif(content.replace(place, struct.pack(">II", 2**31, 9)), LIMITS)
    assert photo.exif == b""


DAMAGEABLE = [grid(2, 2), HONEST["turned by its box"]]
CHANGES = st.lists(st.tuples(st.integers(0, 999), st.integers(0, 255)), max_size=20)


@given(st.sampled_from(DAMAGEABLE), CHANGES)
@example(DAMAGEABLE[0], [])
@example(DAMAGEABLE[1], [])
def test_any_damage_ends_in_pixels_or_in_a_clear_refusal(content, changes):
    """No decoder's own error reaches the caller, and what is not damaged is not refused."""
    damaged = bytearray(content)
    for offset, value in changes:
        damaged[offset % len(content)] = value
    try:
        pixels = open_heif(bytes(damaged), LIMITS).pixels(SIZE, 1)
    except RangefinderError:
        assert damaged != content
        return
    assert pixels.shape == (48, 48, 3)

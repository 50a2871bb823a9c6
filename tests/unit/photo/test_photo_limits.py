"""Photos that would cost too much are refused by their header and structure."""

import time
import zlib

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from chalicelib.domain import ModelInput
from chalicelib.errors import PhotoTooLarge, RangefinderError, UnreadablePhoto
from chalicelib.photo import jpeg_scans
from chalicelib.photo.image_containers import strip_jpeg, strip_png
from chalicelib.photo.reader import DecodeLimits, PillowPhotoReader
from chalicelib.photo.webp import vp8l
from chalicelib.photo.webp.container import strip_webp
from chalicelib.settings import Settings
from fuzz import files, limits_jpeg, limits_png, limits_webp
from tests import exif_blocks

SETTINGS = Settings()
LIMITS = DecodeLimits(
    bytes=SETTINGS.maximum_upload_bytes,
    pixels=SETTINGS.maximum_photo_pixels,
    decoding_bytes=SETTINGS.maximum_decoding_bytes,
    jpeg_scans=SETTINGS.maximum_jpeg_scans,
    segments=SETTINGS.maximum_photo_segments,
    jpeg_share=SETTINGS.minimum_jpeg_share,
)
READER = PillowPhotoReader(LIMITS)
SIZE = ModelInput(260, 260, 0.89)
REFUSED = [*limits_jpeg.refused(), *limits_png.refused(), *limits_webp.refused()]
SECONDS = 0.3
"""Far less than decoding any of them would take, and enough for a busy machine."""


@pytest.mark.parametrize(("name", "content"), REFUSED, ids=[name for name, _ in REFUSED])
def test_a_photo_beyond_the_limits_is_refused_before_it_is_decoded(name, content):
    """Area times work is bounded, whatever the number of bytes."""
    start = time.process_time()
    with pytest.raises((PhotoTooLarge, UnreadablePhoto)):
        READER.open(content).pixels(SIZE, 1)
    assert time.process_time() - start < SECONDS, name


def test_scans_of_real_files_pass_up_to_the_limit_on_memory():
    """About ten, of 50 megapixels."""
    content = files.encode(files.slope(8_100, 6_100), "JPEG", progressive=True)
    assert strip_jpeg(content, 1_000).scans == 10
    photo = READER.open(content)
    assert photo.pixels(SIZE, 1).shape == (260, 260, 3)


@pytest.mark.parametrize("trailer", [b"\xff\xda" * 60, b"\xff\xda\0\x0c\3" * 60, bytes(9)])
def test_scans_end_with_the_picture(trailer):
    """Phones put videos behind it."""
    content = files.encode(files.picture(), "JPEG", progressive=True)
    assert strip_jpeg(content + trailer, 1_000).scans == 10
    photo = READER.open(content + trailer)
    assert (photo.pixels(SIZE, 1) == READER.open(content).pixels(SIZE, 1)).all()


@pytest.mark.parametrize("scans", [17, 30, 50])
def test_an_end_inside_a_segment_hides_no_scan(scans):
    """Libjpeg skips comments, and what they hold."""
    content = limits_jpeg.hidden_ends(scans)
    assert strip_jpeg(content, 1_000).scans == scans
    assert strip_jpeg(content + b"\xff\xda" * 60, 1_000).scans == scans


def test_the_cost_of_scans_is_that_of_their_blocks():
    """Of all components that a scan names; refining costs more."""
    blocks = {1: 4 * 100, 2: 100, 3: 100}
    content = limits_jpeg.progressive((160, 160), 3, sampling=(0x22, 0x11, 0x11), data=b"")
    offset = content.index(b"\xff\xda")
    frame = jpeg_scans.read_frame(content[content.index(b"\xff\xc2") :])
    assert frame.blocks == blocks
    scans = jpeg_scans.count_scans(content, offset, frame, 100)
    in_bytes = jpeg_scans.NS_PER_BYTE * (len(content) - offset)
    assert scans.seconds * 1e9 - in_bytes == pytest.approx(
        jpeg_scans.NS_PER_BLOCK * 600 + jpeg_scans.NS_PER_REFINED_BLOCK * (400 + 100)
    )


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCF])
def test_kinds_of_jpeg_that_no_camera_writes_are_refused(marker):
    """Lossless, hierarchical and arithmetic-coded ones."""
    content = files.patch_frame(files.encode(files.picture(), "JPEG"), b"", marker)
    with pytest.raises(UnreadablePhoto, match="Save it as a baseline or progressive JPEG"):
        READER.open(content)


def test_a_jpeg_in_several_scans_is_read():
    """Baseline, its colours one after the other."""
    jpeg = limits_jpeg
    scans = b"".join(jpeg.scan(number, (0, 63, 0), bytes(100)) for number in (1, 2, 3))
    content = b"".join(
        (b"\xff\xd8", jpeg.QUANTISATION, jpeg.frame(0xC0, 64, 64, (0x11,) * 3), jpeg.DC_TABLE,
         jpeg.AC_TABLE.replace(b"\xe0", b"\0"), scans, jpeg.EOI)
    )  # fmt: skip
    assert strip_jpeg(content, 1_000).scans == 3
    photo = READER.open(content)
    assert photo.pixels(SIZE, 1).shape == (260, 260, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_side_has_at_most_65535_pixels(form):
    """Each row costs memory of its own."""
    slim = files.slope(1, 65_500) if form == "JPEG" else files.slope(1, 65_535)
    assert READER.open(files.encode(slim, form)).pixels(SIZE, 1).shape == (260, 260, 3)
    if form == "PNG":
        with pytest.raises(PhotoTooLarge, match="along one side"):
            READER.open(files.encode(files.slope(1, 65_536), form))


@pytest.mark.parametrize("groups", [1, 2, 300, 999, 1_000, 1_001, 4_000])
def test_groups_of_a_lossless_webp_are_counted(groups):
    """As libwebp counts them."""
    content = limits_webp.lossless_groups(256, groups)
    entries = vp8l.FIXED_TABLE_ENTRIES + vp8l.GREEN_TABLE_ENTRIES[0]
    needed_bytes = groups * (vp8l.GROUP_BYTES + 4 * entries) + 4 * 64 * 64
    assert vp8l.table_bytes(memoryview(content)[25:], 256, 256) == needed_bytes
    assert READER.open(content).pixels(SIZE, 1).shape == (260, 260, 3)


@pytest.mark.parametrize("method", [0, 3, 6])
@pytest.mark.parametrize("kind", ["photo", "noise", "palette", "slope", "alpha"])
def test_what_libwebp_writes_is_walked_through(kind, method):
    """Predictors, cross colours, palettes, colour caches, and alpha planes."""
    image = {
        "photo": files.picture(),
        "noise": limits_webp.noise(300, 200),
        "palette": files.picture().quantize(11).convert("RGB"),
        "slope": files.slope(300, 200),
        "alpha": files.picture("RGBA").resize((120, 80)),  # libwebp takes seconds for more
    }[kind]
    if kind == "alpha":
        image = image.copy()
        image.putalpha(image.getchannel("G"))
    lossless = files.encode(image, "WEBP", lossless=True, method=method, exact=True)
    pixels = READER.open(lossless).pixels(SIZE, 1)
    expected = READER.open(files.encode(image, "PNG")).pixels(SIZE, 1)
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    lossy = READER.open(files.encode(image, "WEBP", method=method, quality=95))
    assert lossy.pixels(SIZE, 1).shape == (260, 260, 3)


def test_sixteen_megapixels_of_webp_fit():
    """Phones write them."""
    content = files.encode(files.slope(4_624, 3_468), "WEBP", method=0)
    assert READER.open(content).pixels(SIZE, 1).shape == (260, 260, 3)


def test_a_smaller_first_frame_stands_on_its_canvas():
    """Only that frame is decoded, where the file puts it."""
    part = files.encode(Image.new("RGB", (64, 64), "red"), "WEBP", lossless=True)[12:]
    place = (16).to_bytes(3, "little") * 2 + (63).to_bytes(3, "little") * 2 + bytes(4)
    head = b"\2\0\0\0" + (127).to_bytes(3, "little") * 2
    frames = [(b"ANMF", place + part), (b"ANMF", place + b"nonsense")]
    content = files.riff((b"VP8X", head), (b"ANIM", b"\xff" * 4 + bytes(2)), *frames)
    photo = READER.open(content)
    assert (photo.width, photo.height) == (128, 128)
    assert photo.pixels(SIZE, 1)[130, 130].tolist() == [255, 0, 0]
    beyond = content.replace(place, (100).to_bytes(3, "little") * 2 + place[6:])
    with pytest.raises(UnreadablePhoto):
        READER.open(beyond)


@pytest.mark.parametrize("side", [399, 401, 16_383])
def test_a_webp_whose_canvas_is_not_that_of_its_picture_is_damaged(side):
    """The canvas takes the memory."""
    content = files.encode(files.picture("RGBA", size=(400, 400)), "WEBP", exif=b"II*\0")
    patched = content[:24] + (side - 1).to_bytes(3, "little") + content[27:]
    with pytest.raises(RangefinderError):
        READER.open(patched)


LOSSLESS = files.encode(files.picture(size=(40, 30)), "WEBP", lossless=True)
LOSSY = files.encode(files.picture(size=(40, 30)), "WEBP")
ALPHA = files.encode(files.picture("RGBA", size=(40, 30)), "WEBP", exif=b"II*\0")


@pytest.mark.parametrize("content", [LOSSLESS, LOSSY, ALPHA], ids=["lossless", "lossy", "canvas"])
def test_the_canvas_of_each_kind_of_webp_is_checked(content):
    """Before its prefix codes are read, which takes longer the larger it is."""

    def refuse(width: int, height: int) -> None:
        raise PhotoTooLarge(width, height, "pixels")

    with pytest.raises(PhotoTooLarge) as caught:
        strip_webp(content, 1_000, refuse)
    assert (caught.value.actual, caught.value.limit) == (40, 30)


def test_a_lossless_webp_has_at_most_the_pixels_of_any_photo():
    """Its header alone says how many: 14 bits for each side."""
    largest = LOSSLESS[:21] + b"\xff\xff\xff\x0f" + LOSSLESS[25:]
    with pytest.raises(PhotoTooLarge) as caught:
        READER.open(largest)
    assert caught.value.actual == 16_384**2


@pytest.mark.parametrize("content", [LOSSLESS, LOSSY, ALPHA], ids=["lossless", "lossy", "canvas"])
def test_a_webp_that_ends_in_its_header_is_damaged(content):
    """Wherever it ends."""
    assert READER.open(content).pixels(SIZE, 1).any()
    for length in range(12, 30):
        with pytest.raises(UnreadablePhoto):
            READER.open(content[:length])


@pytest.mark.parametrize(
    "content",
    [
        LOSSLESS[:20] + b"\x2e" + LOSSLESS[21:],
        LOSSLESS[:24] + bytes([LOSSLESS[24] | 0x20]) + LOSSLESS[25:],
        LOSSY[:23] + b"\0" + LOSSY[24:],
        LOSSY[:26] + bytes(2) + LOSSY[28:],
        LOSSY[:28] + bytes(2) + LOSSY[30:],
    ],
    ids=["lossless signature", "lossless version", "lossy signature", "no width", "no height"],
)
def test_a_webp_whose_header_is_wrong_never_reaches_libwebp(content):
    """Its header decides, before anything is decoded."""
    with pytest.raises(UnreadablePhoto, match="header is damaged"):
        strip_webp(content, 1_000, lambda *_: None)


@pytest.mark.parametrize(
    "chunks",
    [
        (), ((b"VP8 ", b""),), ((b"VP8L", b""),), ((b"VP8L", b"\x2f"),),
        ((b"VP8L", LOSSLESS[20:25]),), ((b"VP8 ", LOSSY[20:29]),), ((b"VP8X", bytes(10)),),
        ((b"VP8X", b"\2" + bytes(9)), (b"ANMF", bytes(16))),
    ],
)  # fmt: skip
def test_a_webp_whose_picture_is_too_short_is_damaged(chunks):
    """It has no picture, or nothing behind the picture's header."""
    with pytest.raises(UnreadablePhoto):
        READER.open(files.riff(*chunks))


RAW = b"\nexif\n    %d\n"


def raw_profile(block: bytes) -> bytes:
    """As ImageMagick writes it: 36 bytes a line."""
    digits = block.hex().encode()
    lines = [digits[start : start + 72] for start in range(0, len(digits), 72)]
    return RAW % len(block) + b"\n".join(lines) + b"\n"


@pytest.mark.parametrize("keyword", [b"Raw profile type exif", b"Raw profile type APP1"])
@pytest.mark.parametrize("chunk_type", [b"tEXt", b"zTXt"])
@pytest.mark.parametrize("header", [b"", b"Exif\0\0"])
@pytest.mark.parametrize("is_behind", [False, True])
def test_exif_in_a_text_of_a_png_is_read(keyword, chunk_type, header, is_behind):
    """Before the pixels or behind them, with the header of a JPEG's segment or without."""
    block = exif_blocks.block({exif_blocks.ORIENTATION: 6}, gps=exif_blocks.gps())
    text = raw_profile(header + block)
    body = keyword + (b"\0" + text if chunk_type == b"tEXt" else b"\0\0" + zlib.compress(text))
    content = files.encode(files.picture(), "PNG")
    offset = len(content) - 12 if is_behind else 33
    photo = READER.open(content[:offset] + files.chunk(chunk_type, body) + content[offset:])
    assert photo.exif == block


@pytest.mark.parametrize(
    "text", [b"", b"\nexif\n", b"\nexif\n 4\nzz", b"\nexif\n 4\n49492A", b"nonsense", b"\xff" * 50]
)
def test_a_text_that_makes_no_sense_is_no_error(text):
    """At most three bytes of EXIF come of it."""
    for chunk_type, body in ((b"tEXt", text), (b"zTXt", b"\0" + text), (b"iTXt", text)):
        chunk = files.chunk(chunk_type, b"Raw profile type exif\0" + body)
        png = files.encode(files.picture(), "PNG")
        assert len(strip_png(png[:33] + chunk + png[33:], 100).exif) <= 3


def test_an_exif_chunk_wins_over_a_text():
    """It is the standard."""
    block = exif_blocks.block(gps=exif_blocks.gps())
    text = files.chunk(b"tEXt", b"Raw profile type exif\0" + raw_profile(b"II*\0other"))
    png = files.encode(files.picture(), "PNG", exif=block)
    assert READER.open(png[:33] + text + png[33:]).exif == block


def test_each_exif_segment_of_a_jpeg_is_a_block():
    """Up to four of them."""
    blocks = [b"II*\0%d" % number for number in range(6)]
    segments = [files.segment(0xE1, b"Exif\0\0" + block) for block in blocks]
    photo = READER.open(files.insert(files.encode(files.picture(), "JPEG"), *segments))
    assert (photo.exif, *photo.later_exif) == tuple(blocks[:4])


@pytest.mark.parametrize("transparent", [0, 300, 65_535])
def test_a_transparent_grey_of_16_bits_changes_nothing(transparent):
    """Pillow cannot convert it, and clips all that is above 255."""
    values = np.linspace(0, 65_535, 400 * 300).astype(np.uint16).reshape(300, 400)
    plain = files.encode(Image.fromarray(values), "PNG")
    chunk = files.chunk(b"tRNS", transparent.to_bytes(2))
    with_chunk = plain[:33] + chunk + plain[33:]
    expected = READER.open(plain).pixels(SIZE, 1)
    assert (READER.open(with_chunk).pixels(SIZE, 1) == expected).all()


def test_a_wide_photo_pays_for_the_rows_that_are_resized_first():
    """They have the new width and the old height."""
    reader = PillowPhotoReader(replace(LIMITS, decoding_bytes=30_000_000))
    with pytest.raises(PhotoTooLarge):
        reader.open(files.encode(files.slope(20, 40_000), "PNG")).pixels(SIZE, 1)
    assert reader.open(files.encode(files.slope(40_000, 20), "PNG")).pixels(SIZE, 1).any()


@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (8, 0), (8, 2)])
def test_a_transparent_colour_behind_the_pixels_is_left_out(depth, colour):
    """It must stand before them, and it would cost a copy that is in no estimate."""
    late = limits_png.late_colour(64, 48, depth, colour)
    assert b"tRNS" in late
    stripped = strip_png(late, 1_000)
    assert b"tRNS" not in stripped.file
    assert stripped.file == strip_png(limits_png.noisy(64, 48, depth, colour), 1_000).file

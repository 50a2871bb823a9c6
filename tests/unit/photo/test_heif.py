"""Metadata and profiles are hidden from libheif, wherever a box begins and nowhere else."""

import io
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pi_heif import HeifImageFile

from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.heif import strip_heif
from fuzz import files
from tests import exif_blocks

EXIF = exif_blocks.block(gps=exif_blocks.gps())
HEIC = files.heic(2, 3, b"\0\0\0\6Exif\0\0" + EXIF)
MAXIMUM_BOXES = 1_000


def with_size(name: bytes, size: int, content: bytes = HEIC) -> bytes:
    """Let the first box of that name claim another size."""
    start = content.index(name) - 4
    return content[:start] + struct.pack(">I", size) + content[start + 4 :]


def box_start(name: bytes) -> int:
    return HEIC.index(name) - 4


def box_size(name: bytes) -> int:
    return int.from_bytes(HEIC[box_start(name) : box_start(name) + 4])


def insert(extra: bytes, offset: int, parents: tuple[bytes, ...]) -> bytes:
    """Insert bytes, and make the boxes around them larger."""
    content = HEIC
    for name in parents:
        content = with_size(name, box_size(name) + len(extra), content)
    return content[:offset] + extra + content[offset:]


def with_profile(profile: bytes, header: Callable[[int], bytes]) -> bytes:
    """Give the first image a colour profile in place of its colour numbers."""
    start = box_start(b"colr")
    content = insert(header(len(profile)) + profile, start, (b"ipco", b"iprp", b"meta"))
    return content.replace(b"colrnclx", b"freenclx")


def info(content: bytes) -> dict:
    """What pi-heif has copied for the first image."""
    information: dict = HeifImageFile(io.BytesIO(content)).info
    return information


ATTACKS = {
    "plain": HEIC,
    **{f"a reference that claims {size} bytes": with_size(b"cdsc", size) for size in (0, 2, 7, 8)},
    "a reference that claims the others": with_size(b"cdsc", box_size(b"iref") - 12).replace(
        b"cdsc", b"thmb", 1
    ),
    "a reference with a longer type": insert(
        struct.pack(">I4s16sHHH", 30, b"uuid", bytes(16), 3, 1, 1),
        box_start(b"iref") + 12,
        (b"iref", b"meta"),
    ),
    "a meta box with a size of 64 bits": HEIC[: box_start(b"meta")]
    + struct.pack(">I4sQ", 1, b"meta", box_size(b"meta") + 8)
    + HEIC[box_start(b"meta") + 8 :],
    "a box with a size of 64 bits before it": insert(
        struct.pack(">I4sQ", 1, b"free", 16), box_start(b"meta"), ()
    ),
    "an empty meta box before it": insert(files.box(b"meta", bytes(4)), box_start(b"meta"), ()),
    "an iref box up to the end": with_size(b"iref", 0),
    "an empty iref box before it": insert(
        files.box(b"iref", bytes(4)), box_start(b"iref"), (b"meta",)
    ),
}


@pytest.mark.parametrize("content", ATTACKS.values(), ids=ATTACKS)
def test_no_trick_with_sizes_gives_libheif_metadata(content):
    """It goes by the items of a reference, whatever size the reference claims."""
    if content is not ATTACKS["an empty iref box before it"]:
        assert info(content)["exif"], "this attack aims at nothing"
    assert not info(strip_heif(content, MAXIMUM_BOXES).file)["exif"]


@pytest.mark.parametrize(
    "header",
    [
        lambda size: struct.pack(">I4s4s", size + 12, b"colr", b"prof"),
        lambda size: struct.pack(">I4s4s", size + 12, b"colr", b"rICC"),
        lambda size: struct.pack(">I4sQ4s", 1, b"colr", size + 20, b"prof"),
    ],
    ids=["prof", "rICC", "64 bits"],
)
def test_no_colour_profile_reaches_libheif(header):
    """Of whatever type, with either form of header."""
    content = with_profile(bytes(1_000), header)
    assert info(content)["icc_profile"] == bytes(1_000)
    assert not info(strip_heif(content, MAXIMUM_BOXES).file).get("icc_profile")


def test_only_the_types_of_metadata_references_and_profiles_change():
    """Colour numbers and all other boxes stay as they are."""
    content = with_profile(b"", lambda size: struct.pack(">I4s4s", size + 12, b"colr", b"prof"))
    expected = content.replace(b"cdsc", b"skip").replace(b"colrprof", b"skipprof")
    assert content != expected
    assert strip_heif(content, MAXIMUM_BOXES).file == expected
    nothing_to_hide = HEIC.replace(b"cdsc", b"thmb")
    assert b"colrnclx" in nothing_to_hide
    assert strip_heif(nothing_to_hide, MAXIMUM_BOXES).file == nothing_to_hide


@pytest.mark.parametrize("parents", [(b"meta",), (b"iprp", b"meta")])
def test_pixels_that_look_like_the_name_of_a_box_stay(parents):
    """An ``idat`` box may hold an image: any bytes."""
    pixels = b"..cdsc..colrprof..colrrICC" + files.box(b"colr", b"prof") + files.box(b"cdsc", b"")
    start = box_start(parents[0]) + (12 if parents[0] == b"meta" else 8)
    content = insert(files.box(b"idat", pixels), start, parents)
    stripped = strip_heif(content, MAXIMUM_BOXES).file
    assert stripped[start + 8 : start + 8 + len(pixels)] == pixels
    assert stripped.count(b"cdsc") == 2
    assert len(stripped) == len(content)


def test_the_first_exif_block_is_separated():
    """As a TIFF stream."""
    assert strip_heif(HEIC, MAXIMUM_BOXES).exif == EXIF


@pytest.mark.parametrize(
    "content",
    [
        HEIC + files.box(b"free", b"") * 100,
        insert(files.box(b"free", b"") * 100, box_start(b"iref"), (b"meta",)),
        files.heic(2, 100, EXIF),
    ],
    ids=["in the file", "in a box", "references"],
)
def test_a_file_of_too_many_boxes_is_refused(content):
    """Wherever they are; otherwise libheif would read those behind the limit."""
    strip_heif(content, 1_000)
    with pytest.raises(UnreadablePhoto, match="too many boxes"):
        strip_heif(content, 100)


@given(st.data())
def test_any_damage_is_stripped_or_refused(data):
    """Nothing else is raised, and nothing but types of four bytes changes."""
    content = bytearray(HEIC[:2_000])
    for _ in range(data.draw(st.integers(1, 30))):
        content[data.draw(st.integers(0, 999))] = data.draw(st.integers(0, 255))
    try:
        stripped = strip_heif(bytes(content), MAXIMUM_BOXES)
    except UnreadablePhoto:
        return
    assert len(stripped.file) == len(content)

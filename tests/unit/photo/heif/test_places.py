"""Where an ``iloc`` box may say that the data of an item is: ISO/IEC 14496-12, section 8.11.3."""

import struct
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.heif.photo import open_heif
from fuzz.files import box
from fuzz.heif_files import FILE_TYPE, full_box, small
from tests.unit.photo.heif.test_photo import LIMITS, SIZE, by_libheif, one

DATA = small().data


class Layout(NamedTuple):
    """How a file says where the data of its only picture is. Sizes are bytes of a field."""

    version: int
    construction: int = 0
    offset_size: int = 4
    base_size: int = 0
    index_size: int = 0
    pieces: int = 1
    source: int = 0
    """Number of the file that has the data; 0 is this one."""


def located(layout: Layout) -> bytes:
    """Write a file of one picture, whose data stands before the tables, or in ``idat``."""
    heif = one()
    in_idat = layout.construction in (1, 3)
    media = b"" if in_idat else box(b"mdat", DATA)
    tables = heif.meta_body(0, box(b"idat", DATA) if in_idat else b"")
    start = tables.index(b"iloc") - 4
    end = start + int.from_bytes(tables[start : start + 4])
    iloc = _iloc(layout, 0 if in_idat else len(FILE_TYPE) + 8)
    return FILE_TYPE + media + box(b"meta", tables[:start] + iloc + tables[end:])


def _iloc(layout: Layout, start: int) -> bytes:
    number = "I" if layout.version >= 2 else "H"
    sizes = (layout.offset_size, 4, layout.base_size, layout.index_size)
    packed = sum(size << shift for size, shift in zip(sizes, (12, 8, 4, 0), strict=True))
    body = struct.pack(f">H{number}{number}", packed, 1, 1)
    if layout.version:
        body += struct.pack(">H", layout.construction)
    body += struct.pack(">H", layout.source)
    base = start if layout.base_size else 0
    body += _number(base, layout.base_size) + struct.pack(">H", layout.pieces)
    bounds = [len(DATA) * piece // layout.pieces for piece in range(layout.pieces + 1)]
    for piece, (at, following) in enumerate(pairwise(bounds), 1):
        index = _number(piece, layout.index_size) if layout.version else b""
        body += index + _number(start - base + at, layout.offset_size)
        body += struct.pack(">I", following - at)
    return full_box(b"iloc", body, layout.version)


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size) if size else b""


READABLE = {
    "version 0": Layout(0),
    "version 1": Layout(1),
    "version 2": Layout(2),
    "offsets of 8 bytes": Layout(0, offset_size=8),
    "a base of 4 bytes": Layout(0, base_size=4),
    "a base of 8 bytes": Layout(1, base_size=8),
    "a base and no offset": Layout(1, offset_size=0, base_size=4),
    "an index of 4 bytes": Layout(1, index_size=4),
    "an index of 8 bytes": Layout(2, index_size=8),
    "three pieces": Layout(0, pieces=3),
    "three pieces with an index": Layout(1, pieces=3, index_size=4),
    "in its tables, version 1": Layout(1, construction=1),
    "in its tables, version 2": Layout(2, construction=1),
    "in its tables, three pieces": Layout(1, construction=1, pieces=3),
}
REFUSED = {
    "version 3": Layout(3),
    "in another item": Layout(1, construction=2),
    "in no known way": Layout(2, construction=3),
    "in another file": Layout(0, source=1),
    "in another file, version 1": Layout(1, source=1),
}


@pytest.mark.parametrize("layout", READABLE.values(), ids=READABLE)
def test_data_is_read_from_where_the_table_says(layout):
    """As libheif reads it: the same picture, wherever it is."""
    content = located(layout)
    pixels = open_heif(content, LIMITS).pixels(SIZE, 1)
    assert (pixels == open_heif(one().write(), LIMITS).pixels(SIZE, 1)).all()
    assert np.abs(pixels.astype(int) - by_libheif(content, SIZE)).mean() < 0.5


@pytest.mark.parametrize("layout", REFUSED.values(), ids=REFUSED)
def test_data_that_is_elsewhere_is_not_looked_for(layout):
    """Such data is in another file, in another item, or behind a table of a later edition."""
    with pytest.raises(UnreadablePhoto):
        open_heif(located(layout), LIMITS).pixels(SIZE, 1)


def test_data_in_tables_needs_them():
    """Without an ``idat`` box there is nothing to read, also if the offset is in the file."""
    content = located(Layout(1, construction=1))
    assert content.count(b"idat") == 1
    with pytest.raises(UnreadablePhoto, match="not in the file"):
        open_heif(content.replace(b"idat", b"free"), LIMITS).pixels(SIZE, 1)


@pytest.mark.parametrize(
    "content",
    [one().write(), located(Layout(1, construction=1)) + box(b"free", bytes(9))],
    ids=["in the file", "in its tables"],
)
def test_data_ends_where_its_file_or_table_ends(content):
    """One byte more is not there."""
    assert open_heif(content, LIMITS).pixels(SIZE, 1).any()
    length = struct.pack(">I", len(DATA))
    assert content.count(length) == 1
    with pytest.raises(UnreadablePhoto, match="not within the file"):
        open_heif(content.replace(length, struct.pack(">I", len(DATA) + 1)), LIMITS)

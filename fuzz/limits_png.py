"""PNGs that walk to the limits: rows, sides, bits of a pixel, filters and passes."""

import zlib
from collections.abc import Iterator

import numpy as np

from fuzz import files

PAETH = 4
"""The filter that takes longest to undo: PNG (Third Edition), section 9."""

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type."""

PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # fmt: skip
"""The first column and row, and the steps, of each pass: PNG (Third Edition), section 8.1."""


def noisy(width: int, height: int, depth: int, colour: int, *, interlaced: bool = False) -> bytes:
    """Return a PNG with one row of noise, over and over. It is small, and slow to decode."""
    packer = zlib.compressobj(6)
    pieces = []
    for left, top, across, down in PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        size = -(-columns * depth * CHANNELS[colour] // 8)
        noise = np.random.default_rng(1).integers(0, 256, size, np.uint8).tobytes()
        pieces += [packer.compress(bytes([PAETH]) + noise) for _ in range(rows)]
    pixels = b"".join((*pieces, packer.flush()))
    palette = [files.chunk(b"PLTE", bytes(768))] if colour == 3 else []
    return files.png(width, height, pixels, palette, (depth, colour, 0, 0, int(interlaced)))


def refused() -> Iterator[tuple[str, bytes]]:
    """Yield PNGs that cost too much, in few bytes. Their pixels are never unfolded."""
    pixels = zlib.compress(bytes(100_000))
    for name, width, height, kind in (
        ("1x40,000,000, one bit", 1, 40_000_000, (1, 0, 0, 0, 0)),
        ("1x27,000,000, RGBA", 1, 27_000_000, (8, 6, 0, 0, 0)),
        ("40,000,000x1, grey", 40_000_000, 1, (8, 0, 0, 0, 0)),
        ("1x65,536", 1, 65_536, (8, 2, 0, 0, 0)),
        ("48 megapixels of 48 bits", 8_000, 6_000, (16, 2, 0, 0, 0)),
        ("48 megapixels, interlaced", 8_000, 6_000, (8, 2, 0, 0, 1)),
        ("24 megapixels of 64 bits", 6_000, 4_000, (16, 6, 0, 0, 0)),
        ("64 megapixels of 16 bits, interlaced", 8_000, 8_000, (16, 0, 0, 0, 1)),
    ):
        yield f"PNG: {name}", files.png(width, height, pixels, kind=kind)
    texts = files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n"))
    yield "PNG: 20,000 profiles", files.png(8, 8, zlib.compress(bytes(200)), [texts * 20_000])


def late_colour(width: int, height: int, depth: int, colour: int) -> bytes:
    """Return a PNG whose transparent colour stands behind its pixels, where it is too late."""
    content = noisy(width, height, depth, colour)
    transparent = files.chunk(b"tRNS", bytes(2 * CHANNELS[colour]))
    end = len(content) - len(files.chunk(b"IEND", b""))
    return content[:end] + transparent + content[end:]


def at_the_limits() -> Iterator[tuple[str, bytes]]:
    """Yield PNGs that are accepted, and cost as much as any."""
    yield "PNG: 1x65,535", noisy(1, 65_535, 8, 6)
    yield "PNG: 65,535 rows, 24 megapixels", noisy(370, 65_535, 8, 2)
    yield "PNG: 24 megapixels of noise", noisy(6_000, 4_000, 8, 2)
    yield "PNG: 13 megapixels of 48 bits", noisy(4_500, 3_000, 16, 2)
    yield "PNG: 9 megapixels of 64 bits", noisy(3_900, 2_400, 16, 6)
    yield "PNG: 21 megapixels, interlaced", noisy(5_250, 4_000, 8, 2, interlaced=True)
    yield "PNG: 36 megapixels, palette, interlaced", noisy(7_200, 5_000, 8, 3, interlaced=True)
    yield "PNG: 30 megapixels of 16 bits, interlaced", noisy(7_500, 4_000, 16, 0, interlaced=True)
    yield "PNG: 42 megapixels of one bit", noisy(8_400, 5_000, 1, 0)
    yield "PNG: 64 megapixels of grey, a transparent colour behind", late_colour(8_000, 8_000, 8, 0)
    yield "PNG: 24 megapixels, a transparent colour behind", late_colour(6_000, 4_000, 8, 2)
    yield (
        "PNG: 42 megapixels of one bit, a transparent colour behind",
        late_colour(8_400, 5_000, 1, 0),
    )
    bomb = files.chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(100_000_000), 9))
    yield "PNG: EXIF that unfolds to 100 MB", files.png(8, 8, zlib.compress(bytes(200)), [bomb])

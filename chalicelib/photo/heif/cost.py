"""The memory and the work of decoding a HEIF, known before it begins.

``make fuzz`` measures what the decoder takes, and checks that these figures hold.
"""

from typing import Final

from chalicelib.photo.heif.picture import Tiles

HEVC_BYTES_PER_PIXEL: Final = 1.5
"""What libde265 notes of each pixel, besides the pixel."""

CODED_COPIES: Final = 4
"""Coded data is in memory as libheif, libde265 and the new file hold it."""

HEVC_PIXELS_PER_TILE: Final = 5_000
"""What a tile costs besides its pixels: 0.2 ms."""

ORDINARY_SAMPLES: Final = 1.5
"""Samples of a pixel whose chroma has half the width and height."""


def bytes_to_decode(tiles: Tiles, alpha: Tiles | None) -> float:
    """Return the most memory in bytes that libheif takes for tiles that it decodes together.

    Of each image there are two decoded copies: one of the decoder and one of libheif. Of a grid
    there is only the whole, since a few tiles are decoded at a time. The pixels come on top.
    """
    needed_bytes = 0.0
    for each in (tiles, alpha):
        if each:
            coded_bytes = sum(len(unit) for units in each.data for unit in units)
            pixels = max(each.coded_pixels, each.width * each.height)
            per_pixel = 2 * each.decoding.bytes_per_pixel + HEVC_BYTES_PER_PIXEL
            needed_bytes += pixels * per_pixel + CODED_COPIES * coded_bytes
    channels = 4 if alpha else 3
    return needed_bytes + channels * tiles.width * tiles.height


def work_to_decode(tiles: Tiles, alpha: Tiles | None) -> float:
    """Return what decoding costs, in pixels: each takes 40 ns of CPU time, and 75 ns at most.

    A coded byte costs as much as a pixel, and a tile has a cost of its own. Chroma without
    subsampling doubles the pixels. Nothing but its coded data says where a slice ends, so each
    slice of a tile may go over all of it: the decoder does not mind blocks that it has already.
    ``make fuzz`` sends the worst that was found.
    """
    work = 0.0
    for each in (tiles, alpha):
        if each:
            coded_bytes = sum(len(unit) for units in each.data for unit in units)
            samples = max(each.decoding.samples_per_pixel / ORDINARY_SAMPLES, 1)
            slices = sum(map(len, each.data))
            work += slices * each.decoding.coded_pixels * samples
            work += coded_bytes + HEVC_PIXELS_PER_TILE * len(each.data)
    return work

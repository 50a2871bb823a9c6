"""Count the scans of a JPEG and the blocks that they go over: ITU-T T.81, annexes B and G.

A scan costs ten bytes, and time for each block of the picture, however few bytes it has. So the
cost of a JPEG with several scans lies in scans times blocks, and not in its length.
"""

import re
from typing import Final

from msgspec import Struct

from chalicelib.errors import UnreadablePhoto

SOS: Final = b"\xff\xda"
EOI: Final = b"\xff\xd9"
BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Markers of a frame header: ITU-T T.81, table B.1."""

_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00-\xbf\xd0-\xd7\xff]")
"""In entropy-coded data, zeros stuff and restart markers synchronise. libjpeg skips the rest."""

WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})
"""JPEG markers that stand alone, and padding: ITU-T T.81, table B.1."""

NS_PER_BLOCK: Final = 16
NS_PER_REFINED_BLOCK: Final = 62
NS_PER_BYTE: Final = 45
"""CPU that libjpeg-turbo needs in a file with several scans: for each block that a scan goes over,
with AC refinement (which looks at each coefficient), and for each byte. Measured by `make fuzz`."""


class Scans(Struct, frozen=True):
    """The number of scans, the CPU in seconds that they take, and where the last one ends."""

    count: int
    seconds: float
    end: int


class Frame(Struct, frozen=True):
    """A frame header: its marker, the number of components, and the blocks by component."""

    marker: int
    components: int
    blocks: dict[int, int]


def read_frame(segment: bytes) -> Frame:
    """Read a frame header, with its marker.

    Raises:
        UnreadablePhoto: cameras and editors do not write this kind.
    """
    if segment[1] not in (BASELINE, EXTENDED, PROGRESSIVE):
        raise UnreadablePhoto(
            "The photo is an arithmetic-coded, lossless or hierarchical JPEG. Save it as a "
            "baseline or progressive JPEG."
        )
    components = segment[9] if len(segment) > 9 else 0
    if len(segment) < 10 + 3 * components:
        raise UnreadablePhoto("The photo's header is damaged.")
    height, width = (int.from_bytes(segment[start : start + 2]) for start in (5, 7))
    factors = [(segment[start], segment[start + 1] >> 4, segment[start + 1] & 15)
               for start in range(10, 10 + 3 * components, 3)]  # fmt: skip
    across = 8 * max((each for _, each, _ in factors), default=1) or 8
    down = 8 * max((each for _, _, each in factors), default=1) or 8
    units = -(-width // across) * -(-height // down)
    blocks: dict[int, int] = {}
    for number, each_across, each_down in factors:
        blocks[number] = blocks.get(number, 0) + units * each_across * each_down
    return Frame(segment[1], components, blocks)


def count_scans(content: bytes, offset: int, frame: Frame, maximum_segments: int) -> Scans:
    """Count the scans from the first one on, which begins at ``offset``.

    Where the first scan of a baseline JPEG has all components, libjpeg refuses a second one.

    Raises:
        UnreadablePhoto: more than ``maximum_segments`` stand between the scans.
    """
    if frame.marker != PROGRESSIVE and content[offset + 4] == frame.components:
        return Scans(1, 0.0, len(content))
    return _Count(content, offset, frame).scans(maximum_segments)


class _Count:
    def __init__(self, content: bytes, offset: int, frame: Frame) -> None:
        self._content = content
        self._offset = offset
        self._frame = frame
        self._all_blocks = sum(frame.blocks.values())

    def scans(self, maximum_segments: int) -> Scans:
        """Count roughly, or exactly where that comes to a lot.

        What looks like a scan may also stand in a segment or behind the end, where phones put
        videos. The rough count is therefore never too small, and it costs one ``find``.
        """
        offsets: list[int] = []
        offset = self._offset
        while offset >= 0 and len(offsets) <= MOST_ROUGH_SCANS:
            offsets.append(offset)
            offset = self._content.find(SOS, offset + len(SOS))
        if len(offsets) <= MOST_ROUGH_SCANS:
            return self._sum(offsets, len(self._content))
        return self._exact(maximum_segments)

    def _exact(self, maximum_segments: int) -> Scans:
        """Walk from marker to marker, as libjpeg does."""
        offsets: list[int] = []
        offset, pattern = self._offset, _MARKER
        for _ in range(maximum_segments):
            match = pattern.search(self._content, offset)
            if match is None:
                return self._sum(offsets, len(self._content))
            offset, marker = match.start(), match[0][1]
            if marker == EOI[1]:
                return self._sum(offsets, offset + len(EOI))
            if marker in WITHOUT_LENGTH:
                offset += 2
                continue
            pattern = _MARKER
            if marker == SOS[1]:
                offsets.append(offset)
                pattern = _MARKER_IN_SCAN
            offset += 2 + int.from_bytes(self._content[offset + 2 : offset + 4])
        raise UnreadablePhoto("The photo has too many segments.")

    def _sum(self, offsets: list[int], end: int) -> Scans:
        nanoseconds = sum(map(self._nanoseconds, offsets)) + NS_PER_BYTE * (end - self._offset)
        return Scans(max(2, len(offsets)), nanoseconds / 1e9, end)

    def _nanoseconds(self, offset: int) -> int:
        """Return the time for the blocks of one scan."""
        count = self._content[offset + 4] if offset + 4 < len(self._content) else 0
        header = self._content[offset + 5 : offset + 8 + 2 * count]
        if len(header) < 3 + 2 * count:
            return 0
        blocks = sum(
            self._frame.blocks.get(number, self._all_blocks) for number in header[: 2 * count : 2]
        )
        is_refined = header[-3] > 0 and header[-1] >= 0x10
        return blocks * (NS_PER_REFINED_BLOCK if is_refined else NS_PER_BLOCK)


MOST_ROUGH_SCANS: Final = 16
"""Real files have about ten. With more, the exact count decides."""

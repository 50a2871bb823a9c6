"""Read the boxes of an ISO base media file: ISO/IEC 14496-12, section 4.2.

Decoders differ in what they forgive. This reader forgives nothing: boxes must fill their parent
without a gap, and none may end after it.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from chalicelib.errors import UnreadablePhoto

DAMAGED: Final = "The photo's structure is damaged: {}."


def damaged(detail: str) -> UnreadablePhoto:
    """Create the error for a file whose boxes do not hold together."""
    return UnreadablePhoto(DAMAGED.format(detail))


class Box(Struct, frozen=True):
    """A box: its type, and where its body starts and ends in the file."""

    type: bytes
    start: int
    end: int


class BoxReader:
    """Reads boxes and numbers of one file, in a limited number of boxes."""

    def __init__(self, content: bytes, maximum_boxes: int) -> None:
        self.content = content
        self._boxes_left = maximum_boxes

    def boxes(self, start: int, end: int) -> Iterator[Box]:
        """Yield the boxes that fill the bytes between two offsets.

        Raises:
            UnreadablePhoto: they leave a gap, one ends too late, or there are too many.
        """
        content = self.content
        while start < end:
            self._boxes_left -= 1
            if self._boxes_left < 0:
                raise UnreadablePhoto("The photo has too many boxes.")
            size, body = self.number(start, 4), start + 8
            box_type = content[start + 4 : body]
            if size == 1:  # the size follows, in 64 bits
                size, body = self.number(body, 8), body + 8
            elif size == 0:  # up to the end of the file: only the last box may
                if end != len(content):
                    raise damaged("a box has no size")
                size = end - start
            if box_type == b"uuid":  # the longer type follows
                body += 16
            if start + size < body or start + size > end:
                raise damaged("a box does not fit where it is")
            start += size
            yield Box(box_type, body, start)

    def children(self, parent: Box, skipped: int = 0) -> dict[bytes, Box]:
        """Return the boxes in a box by type; none may be there twice.

        Args:
            parent: the box.
            skipped: how many bytes of its body precede the first box.
        """
        children: dict[bytes, Box] = {}
        for box in self.boxes(parent.start + skipped, parent.end):
            if children.setdefault(box.type, box) is not box and box.type not in REPEATABLE:
                raise damaged("a box is there twice")
        return children

    def number(self, offset: int, size: int) -> int:
        """Return a number; bytes behind the end of the file do not count."""
        return int.from_bytes(self.content[offset : offset + size])


REPEATABLE: Final = frozenset({b"free", b"skip", b"uuid"})
"""Types of boxes without meaning here."""


class Fields:
    """Reads the fields of one box one after the other.

    Raises ``UnreadablePhoto`` where the box ends too early.
    """

    def __init__(self, content: bytes, box: Box) -> None:
        self._content = content
        self._end = box.end
        self._offset = box.start

    def number(self, size: int) -> int:
        """Return the number in the next ``size`` bytes."""
        return int.from_bytes(self.bytes(size))

    def bytes(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        start = self._offset
        self._offset += size
        if self._offset > self._end:
            raise damaged("a box ends too early")
        return self._content[start : self._offset]

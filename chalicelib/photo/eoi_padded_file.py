"""A file object for JPEGs that may be truncated."""

import io
from typing import Final

EOI: Final = b"\xff\xd9"
"""JPEG's end-of-image marker: ITU-T T.81, table B.1."""


class EoiPaddedFile(io.BytesIO):
    """A file object that appends an end-of-image marker to a truncated JPEG.

    libjpeg then fills the missing rows with grey. Pillow's own setting for this,
    ``LOAD_TRUNCATED_IMAGES``, holds for the whole process and for every format.
    """

    hit_end = False
    """Whether the decoder has tried to read beyond the end."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ``BytesIO.read`` does; at the end, return the marker once."""
        content = super().read(size)
        if content or self.hit_end:
            return content
        self.hit_end = True
        return EOI

"""Gather the tags of an EXIF block with exifread, at a bounded cost.

exifread follows whatever pointers a block holds. Here it reads three directories: the first, and
those of EXIF and GPS. It does not read the directory of the preview (IFD1): cameras and editors
leave stale pointers to it, and no tag there says anything about the photo.
"""

import io
import logging
from typing import Any, Final

from exifread.core.exif_header import ExifHeader

MAXIMUM_EXIF_BYTES: Final = 262_144
"""Longest EXIF block, and the most bytes that exifread may read from it.

An APP1 segment holds 64 kB. Other containers have no limit of their own. Tags may share their
bytes: 600 texts over one block of 4 MB came to 2.7 GB.
"""

BYTE_ORDERS: Final = {b"II": "I", b"MM": "M"}
"""The first bytes of a TIFF stream, and exifread's letters for them: TIFF 6.0, section 2."""

logging.getLogger("exifread").setLevel(logging.CRITICAL)
# exifread logs values of tags. Positions and names do not belong in logs.


class BudgetSpentError(ValueError):
    """A block needs more reads, or more bytes, than it may."""


class BudgetedReader(io.BytesIO):
    """Bytes that can be read a limited number of times, and up to a limited sum.

    It ends endless parsing: crafted EXIF can make exifread loop for minutes
    (https://github.com/ianare/exif-py/issues/182).
    """

    def __init__(self, content: bytes, reads: int, maximum_bytes: int = MAXIMUM_EXIF_BYTES) -> None:
        super().__init__(content)
        self.reads_left = reads
        self.bytes_left = maximum_bytes

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ``BytesIO.read`` does. Raises ``BudgetSpentError`` once a budget is spent."""
        self.reads_left -= 1
        if self.reads_left < 0:
            raise BudgetSpentError("read too often")
        content = super().read(size)
        self.bytes_left -= len(content)
        if self.bytes_left < 0:
            raise BudgetSpentError("read too much")
        return content


class _TolerantHeader(ExifHeader):
    """The parser of exifread. A tag that it cannot read costs no other tag."""

    def _process_tag(self, *arguments: Any) -> None:
        try:
            super()._process_tag(*arguments)
        except BudgetSpentError:
            raise
        except Exception:  # exifread raises a dozen types of errors on malformed tags
            return


def exif_tags(exif: bytes, maximum_reads: int) -> dict[str, Any]:
    """Return the tags of a TIFF stream by exifread's names; none if it is unreadable.

    Tags that were gathered before a fault stay, unless the block spends its budget.
    """
    byte_order = BYTE_ORDERS.get(exif[:2])
    if byte_order is None or len(exif) > MAXIMUM_EXIF_BYTES:
        return {}
    header = _TolerantHeader(
        BudgetedReader(exif, maximum_reads), byte_order, 0, 0, strict=False, detailed=False
    )
    try:
        header.dump_ifd(header.s2n(4, 4), "Image")  # it also reads the directory of GPS
        pointer = getattr(header.tags.get("Image ExifOffset"), "values", None)
        if isinstance(pointer, list) and pointer and isinstance(pointer[0], int):
            header.dump_ifd(pointer[0], "EXIF")
    except BudgetSpentError:
        return {}
    except Exception:  # of a directory beyond the end, for example
        return header.tags
    return header.tags

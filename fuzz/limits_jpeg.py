"""JPEGs that walk to the limits: area times scans, segments, and bytes of entropy-coded data."""

import struct
from collections.abc import Iterator

from fuzz import files

EOI = b"\xff\xd9"
QUANTISATION = files.segment(0xDB, bytes(1) + bytes([1]) * 64)
DC_TABLE = files.segment(0xC4, b"\0" + bytes([1]) + bytes(15) + b"\0")
"""One code of one bit: a difference of zero."""

AC_TABLE = files.segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\xe0")
"""One code of one bit: 16,384 blocks and more without a coefficient (EOB14)."""

EOB_RUN_BLOCKS = 32_767
"""The most blocks that one code of two bytes leaves empty: ITU-T T.81, G.1.2.2."""


def frame(marker: int, width: int, height: int, sampling: tuple[int, ...]) -> bytes:
    """Return a frame header with components of such sampling factors."""
    components = b"".join(bytes((number, each, 0)) for number, each in enumerate(sampling, 1))
    body = struct.pack(">BHHB", 8, height, width, len(sampling)) + components
    return files.segment(marker, body)


def scan(components: int | tuple[int, ...], spectral: tuple[int, int, int], data: bytes) -> bytes:
    """Return a scan: its header, and its entropy-coded data."""
    numbers = (components,) if isinstance(components, int) else components
    body = bytes([len(numbers)]) + b"".join(bytes((each, 0)) for each in numbers)
    return files.segment(0xDA, body + bytes(spectral)) + data


def eob_runs(blocks: int) -> bytes:
    """Return data that leaves so many blocks empty."""
    runs = blocks // EOB_RUN_BLOCKS + 1
    bits = "0" + "1" * 14  # the code, and the run's low bits
    text = bits * runs
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")


def progressive(
    size: tuple[int, int],
    scans: int,
    *,
    sampling: tuple[int, ...] = (0x11,),
    spectral: tuple[int, int, int] = (1, 63, 0x10),
    data: bytes | None = None,
) -> bytes:
    """Return a progressive JPEG whose scans are as short as can be.

    Args:
        size: width and height in pixels.
        scans: one of all DC coefficients, the others of AC coefficients.
        sampling: the factors of each component, as in the frame header.
        spectral: of the later scans. By default they refine, which looks at each coefficient.
        data: of the later scans; by default runs of empty blocks.
    """
    width, height = size
    blocks = -(-width // 8) * -(-height // 8)
    numbers = tuple(range(1, len(sampling) + 1))
    runs = eob_runs(blocks) if data is None else data
    later = (scan(numbers[each % len(numbers)], spectral, runs) for each in range(scans - 1))
    return b"".join((
        b"\xff\xd8", QUANTISATION, frame(0xC2, width, height, sampling), DC_TABLE, AC_TABLE,
        scan(numbers, (0, 0, 0), bytes(blocks * len(numbers) // 8 + 1)), *later, EOI,
    ))  # fmt: skip


def hidden_ends(scans: int) -> bytes:
    """Return a JPEG whose segments between the scans hold what looks like an end."""
    content = progressive((8_000, 8_000), scans, data=b"")
    return content.replace(b"\xff\xda", files.segment(0xFE, EOI) + b"\xff\xda")


def hidden_picture(marker: int) -> bytes:
    """Return a small JPEG in which a segment without a length hides one of many scans.

    Where that segment stands alone, a decoder takes the next marker for its length, and so skips
    the small picture.
    """
    tables = QUANTISATION + frame(0xC0, 64, 64, (0x11,)) + DC_TABLE
    small = tables + AC_TABLE + scan(1, (0, 63, 0), b"")
    skipped = int.from_bytes(QUANTISATION[:2])
    hidden = progressive((8_000, 8_000), 30).removeprefix(b"\xff\xd8")
    start = b"\xff\xd8" + bytes((0xFF, marker, 0, 0))
    return start + small + bytes(skipped - len(small)) + hidden


def refused() -> Iterator[tuple[str, bytes]]:
    """Yield JPEGs that cost too much, in few bytes."""
    square = 8_000, 8_000
    without_data = progressive(square, 50, data=b"")
    for name, marker in (
        ("arithmetic", 0xC9),
        ("arithmetic progressive", 0xCA),
        ("lossless", 0xC3),
    ):
        changed = without_data.replace(b"\xff\xc2", bytes((0xFF, marker)))
        yield f"JPEG: {name}, 64 megapixels, 50 scans", changed
    yield "JPEG: 50 scans of runs over 64 megapixels", progressive(square, 50)
    yield "JPEG: 50 scans of empty blocks", progressive(square, 50, spectral=(1, 63, 1))
    yield "JPEG: 50 scans without data", progressive(square, 50, data=b"")
    yield "JPEG: 50 scans behind ends in comments", hidden_ends(50)
    yield "JPEG: 30 scans of three colours", progressive((5_700, 5_700), 30, sampling=(0x11,) * 3)
    for marker in (0xDC, 0xDD, 0xE0, 0xFE):
        yield (
            f"JPEG: a picture behind a segment {marker:X} without a length",
            hidden_picture(marker),
        )
    small = progressive((64, 64), 2)
    many = files.segment(0xFE, b"\xff\xda") * 20_000
    yield (
        "JPEG: 20,000 comments between its scans",
        small.replace(b"\xff\xda", many + b"\xff\xda").replace(many, b"", 1),
    )


def at_the_limits() -> Iterator[tuple[str, bytes]]:
    """Yield JPEGs that are accepted, and cost as much as any."""
    yield "JPEG: 64 megapixels, 10 scans that refine", progressive((8_000, 8_000), 10)
    yield (
        "JPEG: 64 megapixels, 40 scans of empty blocks",
        progressive((8_000, 8_000), 40, spectral=(1, 63, 1)),
    )
    yield "JPEG: 64 megapixels, DC alone", progressive((8_000, 8_000), 1)
    dense = files.segment(0xC4, b"\x10" + bytes([1]) + bytes(15) + b"\x01")
    content = progressive((8_000, 8_000), 1).removesuffix(EOI)
    yield (
        "JPEG: 4.5 MB of coefficients",
        (content + dense + scan(1, (1, 63, 0), b"\x55" * 4_400_000) + EOI),
    )

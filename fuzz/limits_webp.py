"""WebPs that walk to the limits: area, bytes, alpha planes, and groups of prefix codes."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

from fuzz import files


class _Bits:
    """Bits, the lowest of each byte first: RFC 9649, section 4."""

    def __init__(self) -> None:
        self.text: list[str] = []

    def number(self, value: int, count: int) -> None:
        """Add a number."""
        self.text.append(f"{value:0{count}b}"[::-1])

    def code_of_one_symbol(self) -> None:
        """Add a prefix code of the symbol 0, which takes no bits."""
        self.text.append("1000")

    def code_of_all_bytes(self) -> None:
        """Add a prefix code of 256 symbols of 8 bits: all code lengths are 8."""
        self.text.append("0" + f"{12 - 4:04b}"[::-1] + "000" * 11 + "100")
        self.text.append("1" + "110")  # not for all symbols of the alphabet: a number of 8 bits
        self.number(256 - 2, 8)

    def content(self) -> bytes:
        """Return the bytes."""
        text = "".join(self.text)
        text += "0" * (-len(text) % 8)
        return int(text[::-1], 2).to_bytes(len(text) // 8, "little")


def lossless_groups(side: int, groups: int) -> bytes:
    """Return a lossless WebP of one colour with so many groups; its side is a multiple of 4."""
    bits = _Bits()
    bits.number(side - 1, 14)
    bits.number(side - 1, 14)
    bits.number(0, 4)  # no alpha, version 0
    bits.number(0, 2)  # no transform, no colour cache
    bits.number(1, 1)  # groups, one for each square of 4 by 4 pixels
    bits.number(0, 3)
    bits.number(0, 1)
    bits.code_of_all_bytes()
    bits.code_of_all_bytes()
    for _ in range(3):
        bits.code_of_one_symbol()
    for square in range((side // 4) ** 2):
        group = square % groups
        bits.text.append(f"{group & 255:08b}{group >> 8:08b}")  # green, then red
    for _ in range(5 * groups):
        bits.code_of_one_symbol()
    return files.riff((b"VP8L", b"\x2f" + bits.content() + bytes(8)))


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Return noise, which no encoder makes smaller."""
    layers = np.random.default_rng(1).integers(0, 256, (height, width, len(mode)), np.uint8)
    return Image.fromarray(layers.squeeze())


def refused() -> Iterator[tuple[str, bytes]]:
    """Yield WebPs that cost too much."""
    yield "WebP: 65,536 groups", lossless_groups(1_024, 65_536)
    yield "WebP: 30,000 groups", lossless_groups(700, 30_000)
    alpha = lossless_groups(700, 30_000)[20 + 5 :]
    picture = files.encode(files.picture(size=(700, 700)), "WEBP")[12:]
    body = picture[8 : 8 + int.from_bytes(picture[4:8], "little")]
    header = b"\x10\0\0\0" + (699).to_bytes(3, "little") * 2
    yield (
        "WebP: 30,000 groups of its alpha plane",
        files.riff((b"VP8X", header), (b"ALPH", b"\1" + alpha), (b"VP8 ", body)),
    )
    frame = (0).to_bytes(6) + (699).to_bytes(3, "little") * 2 + bytes(4)
    groups = lossless_groups(700, 30_000)[12:]
    yield (
        "WebP: 30,000 groups of its first frame",
        files.riff((b"VP8X", b"\2" + header[1:]), (b"ANIM", bytes(6)), (b"ANMF", frame + groups)),
    )
    yield "WebP: 20 megapixels", files.encode(files.slope(5_000, 4_000), "WEBP", method=0)


def at_the_limits() -> Iterator[tuple[str, bytes]]:
    """Yield WebPs that are accepted, and cost as much as any."""
    yield "WebP: 16,000 groups", lossless_groups(512, 16_000)
    yield "WebP: 16 megapixels", files.encode(files.slope(4_800, 3_480), "WEBP", method=0)
    yield "WebP: 4.5 MB of noise", files.encode(noise(2_000, 1_800), "WEBP", quality=93, method=0)
    clear = files.slope(4_400, 3_300)
    clear.putalpha(noise(4_400, 3_300, "L").point(lambda value: value & 3))
    yield "WebP: 14 megapixels with a noisy alpha plane", files.encode(clear, "WEBP", method=0)
    yield (
        "WebP: 16 megapixels, lossless",
        files.encode(files.slope(4_800, 3_480), "WEBP", lossless=True, method=0),
    )

"""Reckon the tables of a lossless WebP (VP8L), before it is decoded.

The decoder keeps five lookup tables for each group: up to 20 kB. A file of 300 kB can have 65,536
groups. Their number stands behind the transforms, so the images of the transforms have to be read
up to their ends. Their pixels do not matter here. Format: RFC 9649, sections 4 to 6.
"""

from typing import Final

from chalicelib.errors import UnreadablePhoto

PREDICTOR, CROSS_COLOUR, SUBTRACT_GREEN, COLOUR_INDEXING = range(4)

MAXIMUM_SYMBOLS: Final = 32_000
"""The most symbols that are read. libwebp writes fewer than 20,000 for 12 megapixels."""

LITERALS: Final = 256
LENGTH_CODES: Final = 24
DISTANCE_CODES: Final = 40

CODE_LENGTH_ORDER: Final = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
REPEATS: Final = {16: (2, 3), 17: (3, 3), 18: (7, 11)}
"""Code lengths that repeat: how many bits say how often, and the least."""

LONGEST_CODE: Final = 15
REFILL_BYTES: Final = 32

MOST_UNMAPPED_GROUPS: Final = 1_000
"""Up to this many groups, libwebp makes tables for unused numbers too."""

GROUP_BYTES: Final = 600
TABLE_ENTRY_BYTES: Final = 4
TRANSFORM_BYTES_PER_PIXEL: Final = 4
FIXED_TABLE_ENTRIES: Final = 630 * 3 + 410
GREEN_TABLE_ENTRIES: Final = (
    654, 656, 658, 662, 670, 686, 718, 782, 912, 1_168, 1_680, 2_704,
)  # fmt: skip
"""Sizes of a group and of its tables, by the bits of the colour cache: libwebp, vp8l_dec.c."""

Table = tuple[int, list[int]]
"""A prefix code: the length of its longest code, and 16 times the symbol plus its own length for
each possible run of so many bits."""


def table_bytes(stream: memoryview, width: int, height: int) -> int:
    """Return the memory for prefix codes and transforms that the decoder needs, at most.

    Args:
        stream: a VP8L stream behind its header of five bytes, or a compressed alpha plane.
        width: in pixels.
        height: in pixels.

    Raises:
        UnreadablePhoto: the stream is damaged, or takes too many steps.
    """
    reader = _Stream(stream)
    try:
        groups, cache_bits = reader.groups(width, height)
    except (IndexError, OverflowError):
        raise UnreadablePhoto("The photo is damaged or incomplete.") from None
    entries = FIXED_TABLE_ENTRIES + GREEN_TABLE_ENTRIES[cache_bits]
    return (
        groups * (GROUP_BYTES + TABLE_ENTRY_BYTES * entries)
        + TRANSFORM_BYTES_PER_PIXEL * reader.transform_pixels
    )


class _Stream:
    """Bits, the lowest of each byte first."""

    transform_pixels = 0

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._offset = 0
        self._bits = 0
        self._count = 0
        self._symbols_left = MAXIMUM_SYMBOLS

    def groups(self, width: int, height: int) -> tuple[int, int]:
        """Return the number of groups, and the bits of the colour cache."""
        used: set[int] = set()
        while self.read(1):
            transform = self.read(2)
            if transform in used:
                raise UnreadablePhoto("The photo is damaged or incomplete.")
            used.add(transform)
            if transform in (PREDICTOR, CROSS_COLOUR):
                size_bits = self.read(3) + 2
                self.skip_image(_subsampled(width, size_bits) * _subsampled(height, size_bits))
            elif transform == COLOUR_INDEXING:
                colours = self.read(8) + 1
                self.skip_image(colours)
                width_bits = next(
                    (bits for most, bits in ((2, 3), (4, 2), (16, 1)) if colours <= most), 0
                )
                width = _subsampled(width, width_bits)
        cache_bits = self.read_cache_bits()
        if not self.read(1):
            return 1, cache_bits
        size_bits = self.read(3) + 2
        numbers = self.skip_image(_subsampled(width, size_bits) * _subsampled(height, size_bits))
        groups = max(numbers) + 1
        return groups if groups <= MOST_UNMAPPED_GROUPS else len(numbers), cache_bits

    def read(self, count: int) -> int:
        """Return the next bits as a number."""
        if self._count < count:
            self._refill()
        value = self._bits & ((1 << count) - 1)
        self._bits >>= count
        self._count -= count
        return value

    def _refill(self) -> None:
        piece = self._content[self._offset : self._offset + REFILL_BYTES]
        if not len(piece):
            raise IndexError
        self._bits |= int.from_bytes(piece, "little") << self._count
        self._count += 8 * REFILL_BYTES  # behind the end, the bits are zeros
        self._offset += REFILL_BYTES

    def read_cache_bits(self) -> int:
        """Return the bits of the colour cache; 0 if there is none."""
        if not self.read(1):
            return 0
        bits = self.read(4)
        if not 1 <= bits <= 11:
            raise UnreadablePhoto("The photo is damaged or incomplete.")
        return bits

    def skip_image(self, pixels: int) -> set[int]:
        """Read an image of one group up to its end.

        Return the numbers that its red and green values make up, which is how an image of
        groups names them. Copies and the colour cache bring only numbers that were there before.
        """
        self.transform_pixels += pixels
        cache_bits = self.read_cache_bits()
        cache_size = 1 << cache_bits if cache_bits else 0
        green, red, blue, alpha, distance = (
            self.read_table(size)
            for size in (LITERALS + LENGTH_CODES + cache_size, *[LITERALS] * 3, DISTANCE_CODES)
        )
        if not any(table[0] for table in (green, red, blue, alpha)) and green[1][0] >> 4 < LITERALS:
            return {(red[1][0] >> 4) << 8 | green[1][0] >> 4}  # one colour, without any bits
        return self._skip_pixels(pixels, green, distance, (red, blue, alpha))

    def _skip_pixels(
        self, pixels: int, green: Table, distance: Table, others: tuple[Table, Table, Table]
    ) -> set[int]:
        """Read pixels. Local variables make this loop three times as fast."""
        numbers = {0}
        longest, entries = green
        (red_longest, red_entries), *blue_and_alpha = others
        mask, red_mask = (1 << longest) - 1, (1 << red_longest) - 1
        blue_and_alpha = [table for table in blue_and_alpha if table[0]]
        refill_below = LONGEST_CODE * len((green, *others))
        while pixels > 0:
            self._symbols_left -= 1
            if self._symbols_left < 0:
                raise UnreadablePhoto("The photo has too many lossless transforms.")
            if self._count < refill_below:
                self._refill()
            bits = self._bits
            entry = entries[bits & mask]
            length = entry & 15 if longest else 0
            symbol = entry >> 4
            if symbol < LITERALS:
                bits >>= length
                entry = red_entries[bits & red_mask]
                red_length = entry & 15 if red_longest else 0
                self._bits = bits >> red_length
                self._count -= length + red_length
                numbers.add(entry >> 4 << 8 | symbol)
                for table in blue_and_alpha:
                    self.read_symbol(table)
                pixels -= 1
                continue
            self._bits = bits >> length
            self._count -= length
            if symbol < LITERALS + LENGTH_CODES:
                pixels -= self.read_extra(symbol - LITERALS)
                self.read_extra(self.read_symbol(distance))
            else:
                pixels -= 1
        return numbers

    def read_symbol(self, table: Table) -> int:
        """Return the next symbol of a prefix code."""
        longest, entries = table
        if not longest:
            return entries[0] >> 4
        if self._count < longest:
            self._refill()
        entry = entries[self._bits & ((1 << longest) - 1)]
        length = entry & 15
        self._bits >>= length
        self._count -= length
        return entry >> 4

    def read_extra(self, prefix: int) -> int:
        """Return a length or a distance, whose prefix says how many bits follow."""
        if prefix < 4:
            return prefix + 1
        count = prefix - 2 >> 1
        return (2 + (prefix & 1) << count) + self.read(count) + 1

    def read_table(self, alphabet: int) -> Table:
        """Read a prefix code over so many symbols."""
        if self.read(1):  # one or two symbols
            has_two = self.read(1)
            first = self.read(8 if self.read(1) else 1)
            if not has_two:
                return 0, [first << 4]
            return 1, [first << 4 | 1, self.read(8) << 4 | 1]
        lengths_of_lengths = [0] * len(CODE_LENGTH_ORDER)
        for symbol in CODE_LENGTH_ORDER[: 4 + self.read(4)]:
            lengths_of_lengths[symbol] = self.read(3)
        table = _table(lengths_of_lengths)
        symbols_left = alphabet
        if self.read(1):
            symbols_left = 2 + self.read(2 + 2 * self.read(3))
        lengths: list[int] = []
        previous = 8
        while len(lengths) < alphabet and symbols_left > 0:
            symbols_left -= 1
            length = self.read_symbol(table)
            if length <= LONGEST_CODE:
                lengths.append(length)
                previous = length or previous
            else:
                bits, least = REPEATS[length]
                repeated = previous if length == 16 else 0
                lengths += [repeated] * (least + self.read(bits))
        if len(lengths) > alphabet:
            raise UnreadablePhoto("The photo is damaged or incomplete.")
        return _table(lengths)


def _table(lengths: list[int]) -> Table:
    """Return the prefix code of such code lengths, by symbol: RFC 9649, section 6.2.1."""
    coded = [symbol for symbol, length in enumerate(lengths) if length]
    if len(coded) == 1:
        return 0, [coded[0] << 4]
    longest = max(lengths, default=0)
    if sum(1 << longest - lengths[symbol] for symbol in coded) != 1 << longest or not coded:
        raise UnreadablePhoto("The photo is damaged or incomplete.")
    entries = [0] * (1 << longest)
    code = 0
    for length in range(1, longest + 1):
        code <<= 1
        for symbol in coded:
            if lengths[symbol] == length:
                reversed_code = int(f"{code:0{length}b}"[::-1], 2)
                entries[reversed_code :: 1 << length] = [symbol << 4 | length] * (
                    1 << longest - length
                )
                code += 1
    return longest, entries


def _subsampled(size: int, bits: int) -> int:
    return size + (1 << bits) - 1 >> bits

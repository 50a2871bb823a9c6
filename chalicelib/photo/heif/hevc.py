"""Read what an HEVC picture costs to decode: ITU-T H.265, sections 7.3 and 7.4.

The decoder believes the sequence parameter set, not the container. So this module reads the size
there, and lets one picture and its parameter sets through, and nothing else.
"""

from typing import Final

from msgspec import Struct

from chalicelib.errors import UnreadablePhoto
from chalicelib.photo.heif.iso_boxes import damaged

VPS, SPS, PPS = 32, 33, 34
"""Types of the parameter sets: table 7-1."""

MAXIMUM_PARAMETER_SETS: Final = 16
MAXIMUM_PARAMETER_BYTES: Final = 16_384
"""For all parameter sets. Cameras write one of each type, together about 100 bytes."""

PICTURE_TYPES: Final = range(16, 22)
"""Types of units that hold a picture which needs no other: IRAP pictures."""

REFERRING_TYPES: Final = range(16)
"""Types of units that hold a picture which refers to others."""

MAXIMUM_SLICES: Final = 600
"""Slices of one picture: table A.8, level 6.2. The decoder keeps the header of each."""

MAXIMUM_UNITS: Final = 1_000

CHROMA_SAMPLES: Final = (0.0, 0.5, 1.0, 2.0)
"""Chroma samples for each luma sample, by ``chroma_format_idc``: table 6-1."""

CHROMA_STEPS: Final = ((1, 1), (2, 2), (2, 1), (1, 1))
"""Width and height in luma samples of one chroma sample, by ``chroma_format_idc``."""


class Decoding(Struct, frozen=True):
    """The parameter sets of a picture, and what they say of it.

    ``coded_pixels`` is the area that the decoder works on, before it crops it to ``width`` and
    ``height``. ``bytes_per_pixel`` is the memory of one decoded picture.
    """

    configuration: bytes
    width: int
    height: int
    coded_pixels: int
    samples_per_pixel: float
    bytes_per_pixel: float


def read_configuration(hvcc: bytes) -> Decoding:
    """Read an ``hvcC`` property: ISO/IEC 14496-15, section 8.3.3.1.

    ``configuration`` is the same property with parameter sets only.
    """
    if len(hvcc) < 23 or hvcc[21] & 3 != 3:
        raise damaged("its HEVC configuration cannot be read")
    arrays: dict[int, list[bytes]] = {VPS: [], SPS: [], PPS: []}
    offset = 23
    for _ in range(hvcc[22]):
        if offset + 3 > len(hvcc):
            raise damaged("its HEVC configuration ends too early")
        unit_type, count = hvcc[offset] & 63, int.from_bytes(hvcc[offset + 1 : offset + 3])
        offset += 3
        for _ in range(count):
            end = offset + 2 + int.from_bytes(hvcc[offset : offset + 2])
            if end > len(hvcc) or end < offset + 4:
                raise damaged("its HEVC configuration ends too early")
            if unit_type in arrays:
                arrays[unit_type].append(hvcc[offset + 2 : end])
            offset = end
    units = [(unit_type, unit) for unit_type, units in arrays.items() for unit in units]
    if (
        len(arrays[SPS]) != 1
        or not arrays[PPS]
        or len(units) > MAXIMUM_PARAMETER_SETS
        or sum(len(unit) for _, unit in units) > MAXIMUM_PARAMETER_BYTES
        or any(len(unit) < 2 or unit[0] >> 1 & 63 != unit_type for unit_type, unit in units)
    ):
        raise damaged("it must have one HEVC sequence parameter set, and few others")
    configuration = b"".join((
        hvcc[:22],
        bytes((len(units),)),
        *(
            bytes((0x80 | unit_type, 0, 1)) + len(unit).to_bytes(2) + unit
            for unit_type, unit in units
        ),
    ))  # fmt: skip
    return _read_sps(arrays[SPS][0], configuration)


def picture_units(data: memoryview) -> list[memoryview]:
    """Return the units of the one picture in the data of an item, each with its length.

    Other units are left out: parameter sets that would replace those of the configuration,
    messages, and ends. Each takes four bytes of length: ISO/IEC 14496-15, section 8.3.2.

    Raises:
        UnreadablePhoto: the data holds several pictures, a picture that needs another, or too
            many slices.
    """
    units: list[memoryview] = []
    offset = pictures = 0
    for _ in range(MAXIMUM_UNITS):
        if offset == len(data):
            break
        end = offset + 4 + int.from_bytes(data[offset : offset + 4])
        if end > len(data) or end < offset + 7:
            raise UnreadablePhoto("The photo is damaged or incomplete.")
        header = int.from_bytes(data[offset + 4 : offset + 6])
        unit_type, layer = header >> 9 & 63, header >> 3 & 63
        if unit_type in PICTURE_TYPES and not layer:
            pictures += data[offset + 6] >> 7  # first_slice_segment_in_pic_flag
            units.append(data[offset:end])
        elif unit_type in REFERRING_TYPES:
            raise damaged("a picture in it needs others")
        offset = end
    if pictures != 1 or not units[0][6] >> 7 or offset != len(data):
        raise damaged("it must have one picture for each image")
    if len(units) > MAXIMUM_SLICES:
        raise damaged("it has too many slices")
    return units


def _read_sps(unit: bytes, configuration: bytes) -> Decoding:
    """Read a sequence parameter set up to the depth of its samples: section 7.3.2.2."""
    bits = _Bits(unit[2:])  # behind the header of the unit
    bits.skip(4)
    sub_layers = bits.number(3)
    bits.skip(1 + 88 + 8)
    flags = [bits.number(2) for _ in range(8)][:sub_layers] if sub_layers else []
    for flag in flags:  # profile and level of each sub-layer, where present
        bits.skip((88 if flag & 2 else 0) + (8 if flag & 1 else 0))
    bits.golomb()
    chroma = bits.golomb()
    if chroma > 3 or (chroma == 3 and bits.number(1)):
        raise damaged("its HEVC configuration is not one of a photo")
    coded_width, coded_height = bits.golomb(), bits.golomb()
    left, right, top, bottom = [bits.golomb() for _ in range(4)] if bits.number(1) else [0] * 4
    depths = 8 + bits.golomb(), 8 + bits.golomb()
    across, down = CHROMA_STEPS[chroma]
    width, height = coded_width - across * (left + right), coded_height - down * (top + bottom)
    if width < 1 or height < 1 or max(depths) > 16:
        raise damaged("its HEVC configuration is not one of a photo")
    samples = 1 + CHROMA_SAMPLES[chroma]
    return Decoding(
        configuration=configuration,
        width=width,
        height=height,
        coded_pixels=coded_width * coded_height,
        samples_per_pixel=samples,
        bytes_per_pixel=samples if max(depths) == 8 else 2 * samples,
    )


class _Bits:
    """Reads bits of a unit without its emulation prevention bytes: section 7.4.2."""

    def __init__(self, unit: bytes) -> None:
        payload = unit[:256].replace(b"\0\0\3", b"\0\0")
        self._value, self._left = int.from_bytes(payload), 8 * len(payload)

    def skip(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise damaged("its HEVC configuration ends too early")

    def number(self, count: int) -> int:
        self.skip(count)
        return self._value >> self._left & ((1 << count) - 1)

    def golomb(self) -> int:
        """Read an unsigned Exp-Golomb code: section 9.2."""
        zeros = 0
        while not self.number(1):
            zeros += 1
            if zeros > 31:
                raise damaged("its HEVC configuration cannot be read")
        return (1 << zeros) - 1 + self.number(zeros)

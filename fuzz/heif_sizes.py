"""HEVC that claims another size, or goes over it again: ITU-T H.265, sections 7.3.2 and 7.3.6."""

from dataclasses import replace

from fuzz.heif_files import Coded

CONFIGURATION_HEAD = 23
SPS = 33
HEADER_AND_LEVEL = 16 + 4 + 3 + 1 + 96
"""Bits before the number of a sequence parameter set of one sub-layer."""


def claim(coded: Coded, width: int, height: int, cut: tuple[int, int] = (0, 0)) -> Coded:
    """Let the bitstream be of a size, from which it cuts away columns and rows.

    Args:
        coded: a picture of 4:2:0 chroma.
        width: what the decoder works on, in pixels.
        height: the same.
        cut: how many of them it then cuts away at the right and at the bottom.
    """
    units = _units(coded.configuration)
    changed = [
        (name, _claim(unit, width, height, cut) if name == SPS else unit) for name, unit in units
    ]
    return Coded(configuration(coded, changed), coded.data, width - cut[0], height - cut[1])


def configuration(coded: Coded, units: list[tuple[int, bytes]]) -> bytes:
    """Return the configuration of a picture with other parameter sets."""
    arrays = b"".join(bytes((name, 0, 1)) + len(unit).to_bytes(2) + unit for name, unit in units)
    return coded.configuration[: CONFIGURATION_HEAD - 1] + bytes((len(units),)) + arrays


def again(coded: Coded, slices: int, address_bits: int) -> Coded:
    """Return a picture with more slices, each of which goes over all of it again.

    Args:
        coded: a picture of one slice that stands alone.
        slices: how many more.
        address_bits: the length of the number of its blocks: section 7.4.7.1.
    """
    head, payload = coded.data[4:6], coded.data[6:].replace(b"\0\0\3", b"\0\0")
    bits = f"{int.from_bytes(payload):0{8 * len(payload)}b}"
    # It is not the first slice, so the number of its first block follows the parameter set's.
    bits = "0" + bits[1:3] + "0" * address_bits + bits[3:]
    bits += "0" * (-len(bits) % 8)
    unit = head + _escape(int(bits, 2).to_bytes(len(bits) // 8))
    return replace(coded, data=coded.data + (len(unit).to_bytes(4) + unit) * slices)


def parameter_sets(coded: Coded) -> list[tuple[int, bytes]]:
    """Return the parameter sets of a picture, each with its type."""
    return _units(coded.configuration)


def _units(body: bytes) -> list[tuple[int, bytes]]:
    units, offset = [], CONFIGURATION_HEAD
    for _ in range(body[CONFIGURATION_HEAD - 1]):
        name, count = body[offset] & 63, int.from_bytes(body[offset + 1 : offset + 3])
        offset += 3
        for _ in range(count):
            end = offset + 2 + int.from_bytes(body[offset : offset + 2])
            units.append((name, body[offset + 2 : end]))
            offset = end
    return units


def _claim(unit: bytes, width: int, height: int, cut: tuple[int, int]) -> bytes:
    payload = unit.replace(b"\0\0\3", b"\0\0")
    bits = "".join(f"{byte:08b}" for byte in payload)
    position = HEADER_AND_LEVEL
    for _ in range(2):  # the number of the set, and the chroma format
        position += _length(bits, position)
    head = bits[:position]
    for _ in range(2):  # width and height
        position += _length(bits, position)
    has_window, position = bits[position] == "1", position + 1
    if has_window:
        for _ in range(4):
            position += _length(bits, position)
    window = "1" + "".join(map(golomb, (0, cut[0] // 2, 0, cut[1] // 2)))
    bits = head + golomb(width) + golomb(height) + window + bits[position:].rstrip("0")
    bits += "0" * (-len(bits) % 8)
    payload = bytes(int(bits[start : start + 8], 2) for start in range(0, len(bits), 8))
    return _escape(payload)


def golomb(value: int) -> str:
    """Return an unsigned Exp-Golomb code: section 9.2."""
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def _length(bits: str, position: int) -> int:
    zeros = bits.index("1", position) - position
    return 2 * zeros + 1


def _escape(payload: bytes) -> bytes:
    """Add emulation prevention bytes: section 7.4.2."""
    escaped = bytearray()
    for byte in payload:
        if byte <= 3 and escaped[-2:] == b"\0\0":
            escaped.append(3)
        escaped.append(byte)
    return bytes(escaped)

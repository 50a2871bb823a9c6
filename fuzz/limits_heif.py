"""HEIF files that walk to the limits: items, tiles, canvas, auxiliary images, boxes, bytes."""

import struct
from collections.abc import Iterator
from dataclasses import replace

from fuzz import heif_sizes
from fuzz.files import box
from fuzz.heif_files import (
    FILE_TYPE,
    Coded,
    Heif,
    auxc,
    clap,
    dense,
    full_box,
    grid_data,
    ispe,
    koala,
    large_box,
    small,
)

ROOM = 4_400_000
"""Bytes of a file, for what is repeated without end."""


DENSE_ADDRESS_BITS = 8
"""The dense picture has 256 blocks."""


def at_the_limits() -> Iterator[tuple[str, bytes]]:
    """Yield honest files that cost as much as is accepted."""
    tile = koala()
    heif = Heif()
    heif.grid(tile, 4, 3)
    yield "HEIC: a grid of 9 megapixels", heif.write()
    heif = Heif()
    heif.grid(dense(), 14, 13)
    yield "HEIC: 12 megapixels of blocks of 4 by 4", heif.write()
    heif = Heif()
    heif.grid(small(), 31, 32)
    yield "HEIC: a grid of 992 tiles", heif.write()
    heif = Heif()
    heif.grid(tile, 2, 3)
    sides = 2 * tile.width, 3 * tile.height
    alpha = heif.item(b"grid", grid_data(2, 3, *sides), ispe(*sides), auxc())
    heif.refer(b"auxl", alpha, heif.primary)
    heif.refer(b"dimg", alpha, *[heif.image(tile) for _ in range(6)])
    yield "HEIC: 5 megapixels with transparency", heif.write()
    heif = Heif()
    heif.image(tile)
    for _ in range(1_900):
        heif.image(tile)
    yield "HEIC: 1,900 other pictures", heif.write_shared()


def refused() -> Iterator[tuple[str, bytes]]:
    """Yield files that must be refused before anything is decoded."""
    yield from _derived()
    yield from _sizes()
    yield from _bitstreams()
    yield from _boxes()
    yield from _tables()


def _derived() -> Iterator[tuple[str, bytes]]:
    tile = small()
    for name in (b"iovl", b"iden", b"tili", b"unci", b"mski", b"jpeg"):
        heif = Heif()
        heif.image(tile)
        heif.primary = heif.item(name, bytes(32), ispe(96, 64))
        heif.refer(b"dimg", heif.primary, 1)
        yield f"HEIC: a primary image of type {name.decode()}", heif.write()
    heif = Heif()
    heif.image(tile)
    heif.image(tile)
    for level in range(20):
        overlay = bytes(2) + bytes(8) + struct.pack(">HH", 96, 64) + bytes(8)
        below = (2 * level + 1, 2 * level + 2)
        for _ in range(2):
            heif.primary = heif.item(b"iovl", overlay, ispe(96, 64))
            heif.refer(b"dimg", heif.primary, *below)
    yield "HEIC: overlays over overlays", heif.write()
    heif = Heif()
    inner = heif.grid(tile, 2, 2)
    heif.primary = heif.item(b"grid", grid_data(1, 1, 192, 128), ispe(192, 128))
    heif.refer(b"dimg", heif.primary, inner)
    yield "HEIC: a grid of a grid", heif.write()
    heif = Heif()
    heif.primary = heif.item(b"grid", grid_data(1, 1, 96, 64), ispe(96, 64))
    heif.refer(b"dimg", heif.primary, heif.primary)
    yield "HEIC: a grid of itself", heif.write()


def _sizes() -> Iterator[tuple[str, bytes]]:
    tile = small()
    huge = heif_sizes.claim(tile, 8_192, 8_192)
    for columns, rows in ((1, 1), (3, 3), (20, 20)):
        heif = Heif()
        tiles = [heif.image(huge) for _ in range(columns * rows)]
        heif.primary = heif.item(b"grid", grid_data(columns, rows, 64, 64), ispe(64, 64))
        heif.refer(b"dimg", heif.primary, *tiles)
        yield f"HEIC: {columns} by {rows} tiles of 8,192 pixels a side on 64", heif.write()
    for columns, rows in ((40, 40), (256, 256)):
        heif = Heif()
        heif.grid(tile, columns, rows) if columns < 256 else heif.image(tile)
        if columns == 256:
            heif.primary = heif.item(
                b"grid", grid_data(256, 256, 24_576, 16_384), ispe(24_576, 16_384)
            )
            heif.refer(b"dimg", heif.primary, *[1] * 65_535)
        yield f"HEIC: {columns} by {rows} tiles", heif.write()
    heif = Heif()
    heif.grid(_shortened(koala()), 8, 8)
    yield "HEIC: a grid of 50 megapixels", heif.write()
    heif = Heif()
    heif.grid(koala(), 4, 4)
    yield "HEIC: 16 tiles that share their data", heif.write_shared()
    for count in (1, 12):
        yield f"HEIC: {count} tiles of 32 pieces of 4 MB that overlap", _overlapping(count)
    for name, picture in (
        ("says 8,192 pixels a side, coded as 64", replace(tile, width=8_192, height=8_192)),
        ("says 64 pixels a side, coded as 8,192", replace(huge, width=64, height=64)),
        (
            "cuts 8,192 pixels a side down to 64",
            heif_sizes.claim(tile, 8_192, 8_192, (8_128, 8_128)),
        ),
        (
            "cuts 32,768 pixels a side down to 64",
            heif_sizes.claim(tile, 32_768, 32_768, (32_704, 32_704)),
        ),
        ("one image of 60 megapixels", heif_sizes.claim(tile, 7_680, 7_680)),
        ("one image of 67 megapixels", heif_sizes.claim(tile, 8_192, 8_192)),
    ):
        heif = Heif()
        heif.image(picture)
        yield f"HEIC: {name}", heif.write()
    for name, alpha in (("8,192", huge), ("128", heif_sizes.claim(tile, 128, 128))):
        heif = Heif()
        heif.image(tile)
        heif.refer(b"auxl", heif.image(alpha, auxc()), 1)
        yield f"HEIC: transparency of {name} pixels a side", heif.write()
    heif = Heif()
    heif.image(tile)
    for _ in range(60):
        heif.refer(b"auxl", heif.image(tile, auxc()), 1)
    yield "HEIC: transparency 60 times", heif.write()
    for name, crop in (
        ("nothing", clap(0, 0)), ("more than there is", clap(97, 64)),
        ("what is beside it", clap(40, 40, 1_000)), ("zeroths", clap(40, 40, 1, 1, 0)),
    ):  # fmt: skip
        heif = Heif()
        heif.image(tile, crop)
        yield f"HEIC: cropped to {name}", heif.write()


def _overlapping(tiles: int) -> bytes:
    """Return a file whose tiles each have the same message of 4 MB behind them, 32 times."""
    tile = small()
    message = struct.pack(">IBB", ROOM - 4, 39 << 1, 1) + bytes(ROOM - 6)
    heif = Heif()
    heif.grid(tile, tiles, 1)
    at = sum(map(len, heif.data))
    heif.data[-1] += message
    heif.pieces[tiles + 1] = [(at - len(heif.data[-1]) + len(message), 12)]
    for number in range(1, tiles + 1):
        heif.pieces[number] = [(0, len(tile.data)), *[(at, len(message))] * 31]
    return heif.write()


def _shortened(coded: Coded) -> Coded:
    """Return the beginning of a picture, to repeat it more often."""
    data = coded.data[4:2_000]
    return replace(coded, data=struct.pack(">I", len(data)) + data)


def _bitstreams() -> Iterator[tuple[str, bytes]]:
    tile = small()
    sets = heif_sizes.parameter_sets(tile)
    unit = tile.data
    slices = unit[:6] + bytes((unit[6] & 0x7F,)) + unit[7:9]
    slices = struct.pack(">I", len(slices) - 4) + slices[4:]
    referring = unit[:4] + bytes((1 << 1, 1)) + unit[6:]
    repeated = heif_sizes.again(dense(), 4, DENSE_ADDRESS_BITS)
    heif = Heif()
    heif.grid(repeated, 12, 12)
    yield "HEIC: 9 megapixels, gone over five times", heif.write()
    for name, picture in {
        "1,000 pictures in one image": replace(tile, data=unit * 1_000),
        "a picture that refers to others": replace(tile, data=unit + referring),
        "a million slices": replace(tile, data=unit + slices * (ROOM // len(slices))),
        "700 slices": replace(tile, data=unit + slices * 700),
        "a slice without a picture": replace(tile, data=slices),
        "units of no length": replace(tile, data=bytes(ROOM)),
        "parameter sets without end": replace(
            tile, configuration=heif_sizes.configuration(tile, sets + [sets[-1]] * 200)
        ),
        "a second size": replace(
            tile,
            configuration=heif_sizes.configuration(
                tile,
                sets
                + [
                    sets
                    for sets in heif_sizes.parameter_sets(heif_sizes.claim(tile, 8_192, 8_192))
                    if sets[0] == heif_sizes.SPS
                ],
            ),
        ),
        "no parameter sets": replace(tile, configuration=heif_sizes.configuration(tile, [])),
        "a configuration of one byte": replace(tile, configuration=b"\1"),
    }.items():
        heif = Heif()
        heif.image(picture)
        yield f"HEIC: {name}", heif.write()


def _boxes() -> Iterator[tuple[str, bytes]]:
    heif = Heif()
    heif.image(small())
    honest = heif.write()
    start = honest.index(b"meta") - 4
    end = start + int.from_bytes(honest[start : start + 4])
    meta, rest = honest[start:end], honest[end:]
    for name, content in {
        "a dummy meta box first": FILE_TYPE + box(b"meta", bytes(4)) + honest[len(FILE_TYPE) :],
        "a dummy meta box behind": honest + box(b"meta", bytes(4)),
        "a meta box of 64 bits, and another": FILE_TYPE
        + large_box(b"meta", meta[8:])
        + meta
        + rest,
        "a box beyond the end": honest + struct.pack(">I4s", 100, b"free"),
        "a box of 64 bits beyond the end": honest + struct.pack(">I4sQ", 1, b"free", 2**63),
        "bytes behind the last box": honest + b"trailer",
        "a box that is smaller than its header": honest + struct.pack(">I4s", 4, b"free"),
        "a box of 64 bits that is smaller than its header": honest
        + struct.pack(">I4sQ", 1, b"free", 8),
        "no file type": honest[len(FILE_TYPE) :].replace(b"meta", b"heic", 1),
        "550,000 boxes": honest + box(b"free", b"") * 550_000,
        "540,000 boxes of 64 bits": honest + large_box(b"free", b"") * 270_000,
        "550,000 boxes in its tables": heif.write(inside=box(b"free", b"") * 550_000),
    }.items():
        yield f"HEIC: {name}", content
    for kind in (b"iloc", b"iinf", b"pitm", b"iprp", b"ipco", b"ipma", b"hvcC", b"ispe"):
        at = honest.index(kind)
        size = int.from_bytes(honest[at - 4 : at])
        for label, lie in (("0", 0), ("7", 7), ("one more", size + 1), ("all", 2**31)):
            content = honest[: at - 4] + struct.pack(">I", lie) + honest[at:]
            yield f"HEIC: {kind.decode()} says {label} bytes", content
        twice = box(kind, honest[at + 4 : at - 4 + size])
        if kind not in (b"ipco", b"ipma", b"hvcC", b"ispe"):
            yield f"HEIC: {kind.decode()} twice", heif.write(inside=twice)


def _tables() -> Iterator[tuple[str, bytes]]:
    heif = Heif()
    heif.image(small())
    honest = heif.write()
    for name, old, new in (
        ("items without end", b"iinf\0\0\0\0\0\1", b"iinf\1\0\0\0\xff\xff"),
        ("another primary image", b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\2"),
        ("65,535 places", b"iloc\0\0\0\0\x44\0\0\1", b"iloc\0\0\0\0\x44\0\xff\xff"),
        ("fields of 3 bytes", b"iloc\0\0\0\0\x44", b"iloc\0\0\0\0\x33"),
        ("properties without end", b"ipma\0\0\0\1\0\0\0\1", b"ipma\0\0\0\1\xff\xff\xff\xff"),
    ):
        content = honest.replace(old, new)
        assert content != honest, name
        yield f"HEIC: {name}", content
    heif = Heif()
    heif.image(small())
    for _ in range(2_100):
        heif.item(b"free", b"x")
    yield "HEIC: 2,100 items", heif.write()
    heif = Heif()
    heif.image(small())
    needed = full_box(b"new1", b"", 0)
    content = Heif([b"hvc1"], [small().data], [[*small().properties, needed]]).write()
    at = content.index(b"ipma") + 15
    yield (
        "HEIC: a feature that is needed and not known",
        content[: at + 4] + bytes((content[at + 4] | 0x80,)) + content[at + 5 :],
    )
    heif = Heif([b"hvc1"], [small().data], [[ispe(96, 64)]])
    yield "HEIC: no configuration", heif.write()
    coded: Coded = small()
    heif = Heif([b"hvc1"], [coded.data], [coded.properties[:1]])
    yield "HEIC: no size", heif.write()
    heif = Heif([b"hvc1"], [coded.data], [[*coded.properties, ispe(8_192, 64)]])
    yield "HEIC: two sizes", heif.write()

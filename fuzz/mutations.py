"""Mutants of honest photos. The same seed gives the same mutants."""

import random
import struct
from collections.abc import Callable, Iterator

from fuzz import files
from fuzz.uploads import Upload, in_form, raw
from tests.samples import SAMPLES

TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0xD8, 0xD9, 0xDA, 0xC0, 0xC2, 0xE1)
"""Bytes that matter more than others: ends of ranges, and JPEG markers."""

HEADER_BYTES = 2_000
"""The start of a file, which holds most of what is not pixels."""


def honest() -> dict[str, bytes]:
    """Return the samples, and one of them in each encoding that the service reads."""
    photos = {name: sample.content for name, sample in SAMPLES.items()}
    small = files.picture()
    block = photos["jaguar.jpg"].partition(b"Exif\0\0")[2][:1_000]
    for name, form, options in (
        ("progressive.jpg", "JPEG", {"progressive": True}),
        ("small.jpg", "JPEG", {"exif": b"Exif\0\0" + block}),
        ("small.png", "PNG", {"exif": block}),
        ("small.webp", "WEBP", {"exif": block}),
        ("lossless.webp", "WEBP", {"lossless": True}),
    ):
        photos[name] = files.encode(small, form, **options)
    for mode in ("L", "P", "LA", "RGBA", "I;16"):
        photos[f"{mode}.png"] = files.encode(files.picture(mode), "PNG")
    photos["CMYK.jpg"] = files.encode(files.picture("CMYK"), "JPEG")
    return photos


def mutants(seed: int, count: int) -> Iterator[Upload]:
    """Yield ``count`` uploads: honest photos with changes to the photo or to its form."""
    chance = random.Random(seed)
    photos = honest()
    names = sorted(photos)
    for number in range(count):
        name = chance.choice(names)
        photo = photos[name]
        changes = [chance.choice(CHANGES) for _ in range(chance.choice((1, 1, 1, 2, 5)))]
        for change in changes:
            photo = change(photo, chance) or b"\0"
        change_names = ", ".join(change.__name__.strip("_") for change in changes)
        title = f"mutant {number} of {name}: {change_names}"
        if chance.random() < 0.5:
            yield raw(title, photo, name)
            continue
        upload = in_form(title, photo, name)
        if chance.random() < 0.2:
            upload = upload._replace(body=_flip(upload.body, chance), name=f"{title}; form")
        yield upload


def _offset(photo: bytes, chance: random.Random) -> int:
    end = min(HEADER_BYTES, len(photo)) if chance.random() < 0.7 else len(photo)
    return chance.randrange(end)


def _flip(photo: bytes, chance: random.Random) -> bytes:
    """Flip some bits."""
    changed = bytearray(photo)
    for _ in range(chance.choice((1, 4, 30))):
        changed[_offset(photo, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(photo: bytes, chance: random.Random) -> bytes:
    """Overwrite some bytes with ``TELLING`` ones."""
    changed = bytearray(photo)
    for _ in range(chance.choice((1, 3, 10))):
        changed[_offset(photo, chance)] = chance.choice(TELLING)
    return bytes(changed)


def _lie(photo: bytes, chance: random.Random) -> bytes:
    """Overwrite a number of two or four bytes, as lengths, counts and offsets are."""
    value = chance.choice((0, 1, 2, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32)))
    layout = chance.choice((">I", "<I", ">H", "<H"))
    packed = struct.pack(layout, value & (0xFFFFFFFF if layout[1] == "I" else 0xFFFF))
    start = _offset(photo, chance)
    return photo[:start] + packed + photo[start + len(packed) :]


def _exif_offset(photo: bytes, chance: random.Random) -> bytes:
    """Point an offset of the EXIF block elsewhere within the block."""
    start = max(photo.find(b"II*\0"), photo.find(b"MM\0*"))
    if start < 0:
        return _lie(photo, chance)
    entry = start + 10 + 12 * chance.randrange(20) + 8
    return photo[:entry] + struct.pack("<I", chance.randrange(1_000)) + photo[entry + 4 :]


def _truncate(photo: bytes, chance: random.Random) -> bytes:
    return photo[: chance.randrange(len(photo))]


def _remove(photo: bytes, chance: random.Random) -> bytes:
    start = _offset(photo, chance)
    return photo[:start] + photo[start + chance.choice((1, 2, 64, 5_000)) :]


def _repeat(photo: bytes, chance: random.Random) -> bytes:
    start = _offset(photo, chance)
    piece = photo[start : start + chance.choice((1, 20, 500, 20_000))]
    return photo[:start] + piece * chance.choice((2, 10, 100)) + photo[start + len(piece) :]


def _splice(photo: bytes, chance: random.Random) -> bytes:
    """Insert a piece of another file."""
    other = SAMPLES[chance.choice(sorted(SAMPLES))].content
    start = _offset(other, chance)
    target = _offset(photo, chance)
    piece = other[start : start + chance.choice((10, 300, 30_000))]
    return photo[:target] + piece + photo[target + chance.choice((0, len(piece))) :]


Change = Callable[[bytes, random.Random], bytes]
CHANGES: tuple[Change, ...] = (
    _flip, _overwrite, _lie, _exif_offset, _truncate, _remove, _repeat, _splice,
)  # fmt: skip

"""Mutants of honest photos, the same for the same seed."""

import random
import struct
from collections.abc import Callable, Iterator

from fuzz import files
from fuzz.uploads import Upload, in_form, raw
from tests.samples import SAMPLES

TELLING = (0, 1, 0x7F, 0x80, 0xFF, 0xD8, 0xD9, 0xDA, 0xC0, 0xC2, 0xE1)
"""Bytes that decide more than others: ends of ranges, and markers of JPEG."""

HEADER = 2_000
"""Bytes at the start of a file in which most that is not pixels stands."""


def honest() -> dict[str, bytes]:
    """The samples, and one of them in each way that a photo may be written."""
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
    """So many uploads, each one honest photo with something done to it, or to its form."""
    chance = random.Random(seed)
    photos = honest()
    names = sorted(photos)
    for number in range(count):
        name = chance.choice(names)
        photo = photos[name]
        changes = [chance.choice(CHANGES) for _ in range(chance.choice((1, 1, 1, 2, 5)))]
        for change in changes:
            photo = change(photo, chance) or b"\0"
        done = ", ".join(change.__name__.strip("_") for change in changes)
        called = f"mutant {number} of {name}: {done}"
        if chance.random() < 0.5:
            yield raw(called, photo, name)
            continue
        upload = in_form(called, photo, name)
        if chance.random() < 0.2:
            upload = upload._replace(body=_flip(upload.body, chance), name=f"{called}; form")
        yield upload


def _place(photo: bytes, chance: random.Random) -> int:
    end = min(HEADER, len(photo)) if chance.random() < 0.7 else len(photo)
    return chance.randrange(end)


def _flip(photo: bytes, chance: random.Random) -> bytes:
    """Some bits."""
    changed = bytearray(photo)
    for _ in range(chance.choice((1, 4, 30))):
        changed[_place(photo, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _overwrite(photo: bytes, chance: random.Random) -> bytes:
    """Some bytes, by telling ones."""
    changed = bytearray(photo)
    for _ in range(chance.choice((1, 3, 10))):
        changed[_place(photo, chance)] = chance.choice(TELLING)
    return bytes(changed)


def _lie(photo: bytes, chance: random.Random) -> bytes:
    """A number of two or four bytes, big or little end first: lengths, counts, offsets."""
    value = chance.choice((0, 1, 2, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32)))
    kind = chance.choice((">I", "<I", ">H", "<H"))
    packed = struct.pack(kind, value & (0xFFFFFFFF if kind[1] == "I" else 0xFFFF))
    at = _place(photo, chance)
    return photo[:at] + packed + photo[at + len(packed) :]


def _exif_offset(photo: bytes, chance: random.Random) -> bytes:
    """An offset of the EXIF block, to somewhere else within it."""
    at = max(photo.find(b"II*\0"), photo.find(b"MM\0*"))
    if at < 0:
        return _lie(photo, chance)
    entry = at + 10 + 12 * chance.randrange(20) + 8
    return photo[:entry] + struct.pack("<I", chance.randrange(1_000)) + photo[entry + 4 :]


def _truncate(photo: bytes, chance: random.Random) -> bytes:
    return photo[: chance.randrange(len(photo))]


def _remove(photo: bytes, chance: random.Random) -> bytes:
    at = _place(photo, chance)
    return photo[:at] + photo[at + chance.choice((1, 2, 64, 5_000)) :]


def _repeat(photo: bytes, chance: random.Random) -> bytes:
    at = _place(photo, chance)
    piece = photo[at : at + chance.choice((1, 20, 500, 20_000))]
    return photo[:at] + piece * chance.choice((2, 10, 100)) + photo[at + len(piece) :]


def _splice(photo: bytes, chance: random.Random) -> bytes:
    """A piece of another file in the midst."""
    other = SAMPLES[chance.choice(sorted(SAMPLES))].content
    start = _place(other, chance)
    at = _place(photo, chance)
    piece = other[start : start + chance.choice((10, 300, 30_000))]
    return photo[:at] + piece + photo[at + chance.choice((0, len(piece))) :]


Change = Callable[[bytes, random.Random], bytes]
CHANGES: tuple[Change, ...] = (
    _flip, _overwrite, _lie, _exif_offset, _truncate, _remove, _repeat, _splice,
)  # fmt: skip

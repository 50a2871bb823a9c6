"""How pixels are scaled for the input: what the file tells of it, and what remains to try."""

import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from tools.adopt.findings import AdoptionError
from tools.adopt.metadata import Metadata
from tools.adopt.network import Network

SLACK: Final = 0.03
"""Share of a range by which two ranges may differ and still be the same: 127 or 127.5 or 128."""

LARGEST_INPUT: Final = 8.0
"""No network is trained on inputs beyond this, unless it takes pixels as they are."""


class Scaling(NamedTuple):
    """The service passes ``(pixel - mean) / deviation``, for each channel."""

    name: str
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest value that a pixel can become."""
        pairs = list(zip(self.mean, self.deviation, strict=True))
        return min(-m / d for m, d in pairs), max((255 - m) / d for m, d in pairs)

    def __str__(self) -> str:
        low, high = self.span
        return f"{self.name}: pixels become {low or 0.0:.3g} to {high:.3g}"


def same(name: str, mean: float, deviation: float) -> Scaling:
    """Return a scaling that is the same for each channel."""
    return Scaling(name, (mean,) * 3, (deviation,) * 3)


RAW: Final = same("raw", 0.0, 1.0)
UNIT: Final = same("unit", 0.0, 255.0)
SYMMETRIC: Final = same("symmetric", 127.5, 127.5)
IMAGENET: Final = Scaling("imagenet", (123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
KNOWN: Final = MappingProxyType({one.name: one for one in (RAW, UNIT, SYMMETRIC, IMAGENET)})

HINT: Final = (
    'OPTIONS="--scaling symmetric" (Teachable Machine, Keras MobileNet), "--scaling unit" '
    '(Ultralytics), "--scaling raw" (Keras EfficientNet), "--scaling imagenet" (PyTorch), or '
    '"--scaling MEAN/DEVIATION"'
)


class Told(NamedTuple):
    """What the file tells: one scaling, or several that remain, and who says so."""

    scalings: tuple[Scaling, ...]
    source: str
    doubt: str = ""


def parse(text: str) -> Scaling:
    """Read a scaling: a known name, or MEAN/DEVIATION with one or three numbers each.

    Raises ``AdoptionError``.
    """
    if text in KNOWN:
        return KNOWN[text]
    parts = [re.findall(r"-?\d+(?:\.\d+)?", part) for part in text.split("/")]
    if len(parts) == 2 and all(len(part) in (1, 3) for part in parts):
        mean, deviation = (_three([float(number) for number in part]) for part in parts)
        if min(deviation) > 0:
            return Scaling("as given", mean, deviation)
    raise AdoptionError(
        f"--scaling {text!r} is none of {', '.join(KNOWN)}, and not MEAN/DEVIATION such as "
        "127.5/127.5, with a deviation above 0"
    )


def told(network: Network, metadata: Metadata) -> Told:
    """Return the scalings that come into question. Raises ``AdoptionError`` if none does."""
    if network.input_type != "FLOAT32":
        return _told_by_quantization(network, metadata)
    if metadata.ultralytics:
        return Told((UNIT,), "Ultralytics scales so")
    if described := _described(metadata):
        return Told((described,), "the file's metadata")
    if inside := _scaled_inside(network):
        return Told(inside, "the model's first operators scale pixels themselves")
    return Told(tuple(KNOWN.values()), "nothing in the file")


def _three(numbers: Sequence[float]) -> tuple[float, float, float]:
    first, *others = numbers
    second, third = others or (first, first)
    return first, second, third


def _described(metadata: Metadata) -> Scaling | None:
    """Return the normalisation of the metadata, if it is complete and possible."""
    counts = {len(metadata.mean), len(metadata.deviation)}
    if not counts <= {1, 3} or min(metadata.deviation, default=0) <= 0:
        return None
    return Scaling("as described", _three(metadata.mean), _three(metadata.deviation))


def _told_by_quantization(network: Network, metadata: Metadata) -> Told:
    """Return what an integer input tells: which real values its integers stand for."""
    lowest = -128 if network.input_type == "INT8" else 0
    scale, zero_point = network.input_quantization
    if not scale:
        # Without quantisation the integers are the pixels; signed ones are moved.
        return Told((same("raw", float(-lowest), 1.0),), "an input of integers without scale")
    limits = (lowest - zero_point) * scale, (lowest + 255 - zero_point) * scale
    # So scaled, each pixel becomes the integer of the same number (of 128 less, if signed).
    identity = same("quantised", float(zero_point - lowest), 1 / scale)
    source = f"the input's quantisation: {limits[0]:.3g} to {limits[1]:.3g}"
    described = _described(metadata)
    if described and _fits(described.span, limits):
        if _matches(described.span, limits):
            return Told((identity,), f"{source}, and the file's metadata agree")
        return Told((described,), "the file's metadata")
    doubt = "the file's metadata say otherwise, and would saturate the input" if described else ""
    if any(_matches(known.span, limits) for known in (RAW, UNIT, SYMMETRIC)):
        return Told((identity,), source, doubt)
    rest = tuple(known for known in KNOWN.values() if _fits(known.span, limits))
    # A model of smaller range than any that is known was trained on pixels as they are stored.
    return Told(rest or (identity,), source, doubt)


def _matches(one: tuple[float, float], other: tuple[float, float]) -> bool:
    slack = SLACK * (other[1] - other[0])
    return all(abs(a - b) <= slack for a, b in zip(one, other, strict=True))


def _fits(inner: tuple[float, float], outer: tuple[float, float]) -> bool:
    slack = SLACK * (outer[1] - outer[0])
    return inner[0] >= outer[0] - slack and inner[1] <= outer[1] + slack


def _scaled_inside(network: Network) -> tuple[Scaling, ...]:
    """Return what the first operators expect, if all they do is to scale.

    They make small numbers of the right input: a network that divides by 255 expects pixels.
    """
    if not network.gain:
        return ()
    found = []
    for known in (RAW, UNIT, SYMMETRIC):
        ends = [
            value * gain + offset
            for value in known.span
            for gain, offset in zip(
                network.gain * 3, (*network.offset, *network.offset, *network.offset), strict=False
            )
        ]
        if max(map(abs, ends)) <= LARGEST_INPUT and max(ends) - min(ends) >= 0.5:
            found.append(known)
    return tuple(found[:1])

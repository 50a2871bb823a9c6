"""Make the photos of ``make bench`` from a sample: ``python -m bench.photos DIRECTORY``.

The program enlarges the jaguar to each size and adds noise like that of a phone's sensor: an
enlarged picture without fine detail would be faster to decode than a real photo. The EXIF data
with the place remain. The noise is seeded, so each run gives the same pixels. The program runs in
``.venvs/bench``, which has an encoder for HEIC, and keeps files that exist.
"""

import io
import math
import sys
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from tests.samples import SAMPLES

SEED: Final = 20261125
NOISE: Final = 5.0
"""Standard deviation, of 255."""

QUALITY: Final = {".jpg": 90, ".heic": 50}
"""On each encoder's own scale; both are typical of phones."""

SIZES: Final = (0.1, 1.0, 4.0, 12.0, 48.0)
"""Megapixels."""


def enlarged(image: Image.Image, megapixels: float) -> Image.Image:
    """Return the picture at another size, with noise in place of the missing detail."""
    factor = math.sqrt(megapixels * 1e6 / (image.width * image.height))
    size = round(image.width * factor), round(image.height * factor)
    picture = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS), np.float32)
    grain = np.random.default_rng(SEED).standard_normal(picture.shape, np.float32)
    return Image.fromarray((picture + NOISE * grain).clip(0, 255).astype(np.uint8))


def main() -> None:
    """Write the photos that are missing."""
    from pillow_heif import register_heif_opener  # noqa: PLC0415 - in .venvs/bench only

    register_heif_opener()
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    image = Image.open(io.BytesIO(SAMPLES["jaguar.jpg"].content))
    for megapixels in SIZES:
        missing = [
            path
            for path in (directory / f"{megapixels:g}.jpg", directory / f"{megapixels:g}.heic")
            if not path.exists()
        ]
        picture = enlarged(image, megapixels) if missing else image
        for path in missing:
            picture.save(path, quality=QUALITY[path.suffix], exif=image.info["exif"])


if __name__ == "__main__":
    main()

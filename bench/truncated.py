"""Measure how much of a truncated JPEG the model needs: ``make bench-truncated``.

The program cuts each sample at many places, as a sequential and as a progressive JPEG. It groups
the cuts by the share of decoded rows among those that the model sees, and prints how often the
first class is still that of the whole photo.
"""

import io
import sys
from collections import defaultdict
from typing import Final

import numpy as np
from msgspec.structs import replace
from PIL import Image

from chalicelib.bootstrap import Services
from chalicelib.domain import Pixels
from chalicelib.errors import UnreadablePhoto
from chalicelib.photo import reader
from chalicelib.settings import Settings
from tests.samples import SAMPLES

CUTS: Final = np.linspace(0.05, 0.98, 40)
BINS: Final = 10


def main() -> None:
    """Print a row for each tenth of the rows."""
    services = Services.build(Settings())
    size = services.classifier.model.input_size
    limits = replace(reader.DecodeLimits(*[sys.maxsize] * 6), jpeg_share=0.0)
    photos = reader.PillowPhotoReader(limits)

    def classify(content: bytes) -> tuple[reader.PillowPhoto, int]:
        opened = photos.open(content)
        assert isinstance(opened, reader.PillowPhoto)
        pixels: Pixels = opened.pixels(size, 1)
        return opened, int(np.argmax(services.classifier.classify(pixels)))

    is_same: dict[tuple[bool, int], list[bool]] = defaultdict(list)
    for sample in SAMPLES.values():
        if not sample.file.endswith(".jpg"):
            continue
        for is_progressive in (False, True):
            file = io.BytesIO()
            image = Image.open(io.BytesIO(sample.content))
            image.save(file, "JPEG", quality=90, progressive=is_progressive)
            whole = file.getvalue()
            _, first = classify(whole)
            for cut in CUTS:
                try:
                    opened, likeliest = classify(whole[: int(cut * len(whole))])
                except UnreadablePhoto:
                    continue
                share = reader.decoded_share(opened.image, size)
                tenth = min(int(share * BINS), BINS - 1)
                is_same[is_progressive, tenth].append(likeliest == first)
    print(f"{'decoded rows':>12}{'sequential':>22}{'progressive':>22}   (same first class; cuts)")
    for tenth in range(BINS):
        row = (is_same[is_progressive, tenth] for is_progressive in (False, True))
        shares = "".join(
            f"{np.mean(cuts):>15.0%} {len(cuts):>6}" if cuts else " " * 22 for cuts in row
        )
        print(f"{tenth / BINS:>6.1f} - {(tenth + 1) / BINS:.1f}{shares}")


if __name__ == "__main__":
    main()

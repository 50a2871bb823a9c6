"""How much of a JPEG that broke off must be there: ``make bench-truncated``.

Each sample is cut off at many places, as a baseline and as a progressive file. What counts is
the share of the rows that the model looks at which had come; by that, how often the first class
was still that of the whole photo.
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
    """Print a row for each tenth."""
    services = Services.build(Settings())
    size = services.classifier.model.input_size
    limits = replace(reader.DecodeLimits(*[sys.maxsize] * 6), jpeg_share=0.0)
    photos = reader.PillowPhotoReader(limits)

    def look(content: bytes) -> tuple[reader.PillowPhoto, int]:
        opened = photos.open(content)
        pixels: Pixels = opened.pixels(size, 1)
        return opened, int(np.argmax(services.classifier.classify(pixels)))

    kept: dict[tuple[bool, int], list[bool]] = defaultdict(list)
    for sample in SAMPLES.values():
        if not sample.file.endswith(".jpg"):
            continue
        for is_progressive in (False, True):
            file = io.BytesIO()
            image = Image.open(io.BytesIO(sample.content))
            image.save(file, "JPEG", quality=90, progressive=is_progressive)
            whole = file.getvalue()
            _, first = look(whole)
            for cut in CUTS:
                try:
                    opened, found = look(whole[: int(cut * len(whole))])
                except UnreadablePhoto:
                    continue
                share = reader.decoded_share(opened.image, size)
                kept[is_progressive, min(int(share * BINS), BINS - 1)].append(found == first)
    print(f"{'rows there':>12}{'baseline':>22}{'progressive':>22}   (first class kept, of)")
    for tenth in range(BINS):
        row = (kept[is_progressive, tenth] for is_progressive in (False, True))
        shares = "".join(f"{np.mean(one):>15.0%} {len(one):>6}" if one else " " * 22 for one in row)
        print(f"{tenth / BINS:>6.1f} - {(tenth + 1) / BINS:.1f}{shares}")


if __name__ == "__main__":
    main()

"""Make a labelled development set: real photos, random places in range, added damage.

Photos of web collections have no position and are easier than the photos of visitors. Each photo
therefore gets a random place in its animal's range and is copied with six kinds of damage. All
draws are seeded: the same photos and the same facts give the same set.

``python -m tools.evaluate.make_development_set PHOTOS OUT``: file names in ``PHOTOS`` begin with
the WordNet identifier of their class. ``OUT`` gets the copies and ``labels.csv`` for
``tools.evaluate``. Its column ``half`` divides the *classes* into ``fit`` and ``report``, so that
no figure is reported on classes that it was fitted to.
"""

import argparse
import csv
import io
import random
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import h3
import numpy as np
from PIL import Image, ImageFilter

from tools.build.facts import read_table
from tools.build.features import TARGET

SEED: Final = 20261124
LONGEST_SIDE: Final = 640
UNCERTAINTIES: Final = (5, 20, 100, 1_000, 10_000)
"""Metres: phones, cameras, typed and obscured places."""

Damage = Callable[[Image.Image, random.Random], Image.Image]


def none(image: Image.Image, draw: random.Random) -> Image.Image:
    """Return the image unchanged."""
    del draw
    return image


def small(image: Image.Image, draw: random.Random) -> Image.Image:
    """Make the animal small: a third of the width, before a blurred backdrop."""
    scale = draw.uniform(0.28, 0.40)
    backdrop = image.filter(ImageFilter.GaussianBlur(max(image.size) / 8))
    inset = image.resize((round(image.width * scale), round(image.height * scale)))
    left = draw.randint(0, image.width - inset.width)
    top = draw.randint(0, image.height - inset.height)
    backdrop.paste(inset, (left, top))
    return backdrop


def blurred(image: Image.Image, draw: random.Random) -> Image.Image:
    """Put the image out of focus: a Gaussian of 1.2 to 2 % of the longer side."""
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * draw.uniform(0.012, 0.020)))


def dark(image: Image.Image, draw: random.Random) -> Image.Image:
    """Simulate low light: a tenth of it, brightened again, with the noise of that."""
    generator = np.random.default_rng(draw.getrandbits(32))
    light = np.asarray(image, dtype=np.float64) / 255
    gain = draw.uniform(0.06, 0.12)
    noisy = light * gain + generator.normal(0, 0.02, light.shape)
    lifted = np.clip(noisy / gain * draw.uniform(0.35, 0.6), 0, 1)
    return Image.fromarray((lifted * 255).astype(np.uint8))


def compressed(image: Image.Image, draw: random.Random) -> Image.Image:
    """Compress the image as after many forwards: 160 pixels, JPEG quality 5 to 10."""
    copy = image.copy()
    copy.thumbnail((160, 160))
    buffer = io.BytesIO()
    copy.save(buffer, "JPEG", quality=draw.randint(5, 10))
    return Image.open(buffer).convert("RGB").resize(image.size)


def occluded(image: Image.Image, draw: random.Random) -> Image.Image:
    """Cover about a third of the image with patches of its own colours, as leaves and bars do."""
    copy = image.copy()
    for _ in range(14):
        width, height = (round(side * draw.uniform(0.08, 0.26)) for side in image.size)
        left, top = (draw.randint(0, image.width - width), draw.randint(0, image.height - height))
        x, y = (draw.randrange(side) for side in image.size)
        patch = image.crop((x, y, x + 1, y + 1)).resize((width, height))
        copy.paste(patch, (left, top))
    return copy


def distant(image: Image.Image, draw: random.Random) -> Image.Image:
    """Put the image anywhere in a frame of three times its width, before a blurred backdrop.

    Its pixels stay, as in a phone's photo of a distant animal.
    """
    width, height = 3 * image.width, 3 * image.height
    backdrop = image.filter(ImageFilter.GaussianBlur(max(image.size) / 8)).resize((width, height))
    left, top = draw.randint(0, width - image.width), draw.randint(0, height - image.height)
    backdrop.paste(image, (left, top))
    return backdrop


DAMAGES: Final[tuple[Damage, ...]] = (none, small, blurred, dark, compressed, occluded, distant)
"""A new one comes last: the random numbers of the others stay."""


class Places:
    """Draws random places from the ranges in the embedded store."""

    def __init__(self, store: Path) -> None:
        self._store = sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)

    def draw(self, taxon_id: str, draw: random.Random) -> tuple[float, float]:
        """Return a random point in the taxon's range, or on any land if it has no range."""
        cells = self._cells(
            "FROM geo_cell JOIN region_taxon USING (region) JOIN taxon ON taxon.id = taxon "
            "JOIN status ON status.id = region_taxon.status "
            "WHERE taxon_id = ? AND status.name IN ('native', 'introduced') "
            "AND CASE WHEN marine THEN sea ELSE land END",
            taxon_id,
        ) or self._cells("FROM geo_cell WHERE land AND ?", "1")
        cell = draw.choice(cells)
        child = draw.choice(sorted(h3.cell_to_children(cell, 7)))
        latitude, longitude = h3.cell_to_latlng(child)
        return round(latitude, 4), round(longitude, 4)

    def _cells(self, source: str, parameter: str) -> list[str]:
        rows = self._store.execute(f"SELECT DISTINCT cell {source} ORDER BY cell", (parameter,))
        names = (format(cell, "x") for (cell,) in rows)
        return [name for name in names if h3.get_resolution(name) == 4]


def rows(photos: Path, out: Path, draws: int) -> Iterator[dict[str, Any]]:
    """Write the copies and yield their labels."""
    animals = [row["taxonID"] for row in read_table("classes.csv")]
    places = Places(TARGET)
    for number, path in enumerate(sorted(photos.iterdir())):
        taxon_id = path.name.partition("_")[0]
        with Image.open(path) as image:
            picture = image.convert("RGB")
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        for turn in range(draws):
            draw = random.Random(f"{SEED} {taxon_id} {turn}")
            latitude, longitude = places.draw(taxon_id, draw)
            label = {
                "classIndex": animals.index(taxon_id),
                "decimalLatitude": latitude,
                "decimalLongitude": longitude,
                "coordinateUncertaintyInMeters": draw.choice(UNCERTAINTIES),
                "eventDate": f"2025-{draw.randint(1, 12):02}",
                "half": ("fit", "report")[number % 2],
            }
            for damage in DAMAGES:
                file = f"{taxon_id}-{damage.__name__}-{turn}.jpg"
                damage(picture, draw).save(out / file, quality=90)
                yield {"file": file, **label, "damage": damage.__name__}


def main() -> None:
    """Write the development set."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="directory of photos named after their class")
    parser.add_argument("out", type=Path, help="directory to write to")
    parser.add_argument("--draws", type=int, default=3, help="places and damages for each photo")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    labels = list(rows(arguments.photos, arguments.out, arguments.draws))
    with (arguments.out / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, labels[0])
        writer.writeheader()
        writer.writerows(labels)
    print(f"{arguments.out}: {len(labels)} photos")


if __name__ == "__main__":
    main()

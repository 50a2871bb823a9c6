"""Draw where the service expects an animal, so that a person can see a wrong range.

``make range TAXON="jaguar"`` writes ``build/ranges/Panthera onca.png``. Names are scientific
or English; commas separate several. ``MONTH`` (1 to 12) draws one month instead of the year.
The map shows the feature store that ``RANGEFINDER_FEATURES_FILE`` names.
"""

import argparse
import calendar
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from pathlib import Path
from typing import Final, NamedTuple

import h3
import matplotlib as mpl

from chalicelib.domain import WHOLE_YEAR
from chalicelib.errors import FeaturesUnavailable, InvalidSettings
from chalicelib.features.cells import FINEST_RESOLUTION
from chalicelib.features.sqlite import EmbeddedFeatures
from chalicelib.ports import FeatureRepository
from chalicelib.settings import Settings
from tools import ROOT
from tools.build.land import read_land

mpl.use("agg")
from matplotlib import pyplot as plt

OUT: Final = ROOT / "build" / "ranges"
CLASSES: Final = ROOT / "data" / "classes.csv"
EXAMPLE: Final = 'TAXON="jaguar", TAXON="Panthera onca" or TAXON="jaguar, leopard"'

CELLS_PER_QUERY: Final = 20_000
"""Bounds the text of a statement. The world has 288,122 cells of the finest resolution."""


class RangeError(Exception):
    """A name or a month that cannot be drawn. The text says what to give."""


class Animal(NamedTuple):
    """An animal of ``data/classes.csv``."""

    taxon_id: str
    scientific_name: str
    vernacular_name: str


def read_animals() -> dict[str, Animal]:
    """Return all animals, by scientific and by English name in lower case."""
    animals: dict[str, Animal] = {}
    with CLASSES.open(encoding="utf-8", newline="") as file:
        # A wild animal keeps the scientific name that it shares with domestic ones.
        rows = sorted(csv.DictReader(file), key=lambda row: row["geography"] != "range")
    for row in rows:
        animal = Animal(row["taxonID"], row["scientificName"], row["vernacularName"])
        animals.setdefault(animal.scientific_name.lower(), animal)
        animals.setdefault(animal.vernacular_name.lower(), animal)
    return animals


def find_animals(
    names: str, animals: Mapping[str, Animal], taxa: frozenset[str] | None
) -> list[Animal]:
    """Return the animals that a user names.

    Args:
        names: Scientific or English names, separated by commas.
        animals: All animals, by name in lower case.
        taxa: Identifiers of the taxa that the dataset covers; ``None`` means all.

    Raises:
        RangeError: No name is given, a name is unknown, or an animal has no range.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise RangeError(f"TAXON names no animal. Give {EXAMPLE}.")
    matches = []
    for name in wanted:
        animal = animals.get(name.lower())
        if animal is None:
            near = get_close_matches(name.lower(), animals, cutoff=0.7)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Give {EXAMPLE}."
            raise RangeError(f"No animal is named {name!r}. {hint}")
        if taxa is not None and animal.taxon_id not in taxa:
            raise RangeError(
                f"{name!r} has no range in this feature store: it is domestic, or not covered."
            )
        matches.append(animal)
    return matches


def parse_month(text: str | None) -> int:
    """Return the month that a user gives. Raises ``RangeError``."""
    if not text:
        return WHOLE_YEAR
    if not (text.isdecimal() and 1 <= int(text) <= 12):
        raise RangeError(f"MONTH={text} is not a month: give 1 to 12, or nothing for the year.")
    return int(text)


def presences(
    repository: FeatureRepository, taxon_id: str, month: int
) -> Iterator[tuple[float, float, float]]:
    """Yield longitude, latitude and presence (0 to 1) of each finest cell with the taxon."""
    cells = [
        cell
        for base in h3.get_res0_cells()
        for cell in h3.cell_to_children(base, FINEST_RESOLUTION)
    ]
    for start in range(0, len(cells), CELLS_PER_QUERY):
        batch = cells[start : start + CELLS_PER_QUERY]
        for cell, presence in repository.presences(taxon_id, batch, month).cells.items():
            latitude, longitude = h3.cell_to_latlng(cell)
            yield longitude, latitude, presence


def labels(animal: Animal, month: int) -> tuple[str, str]:
    """Return the title of a map and the name of its file. Both name the month."""
    title = f"{animal.scientific_name} ({animal.vernacular_name})"
    if month == WHOLE_YEAR:
        return f"{title}, whole year", f"{animal.scientific_name}.png"
    name = calendar.month_name[month]
    return f"{title}, {name}", f"{animal.scientific_name} {month:02} {name}.png"


def draw(points: Sequence[tuple[float, float, float]], title: str, target: Path) -> None:
    """Draw longitudes, latitudes and presences on a map of the world."""
    figure, axes = plt.subplots(figsize=(14, 7))
    for polygon in read_land().geoms:
        if polygon.geom_type == "Polygon":
            axes.fill(*polygon.exterior.xy, color="#e8e8e8", linewidth=0)
    if points:
        longitudes, latitudes, values = zip(*points, strict=True)
        dots = axes.scatter(longitudes, latitudes, c=values, s=2, vmin=0, vmax=1, linewidths=0)
        figure.colorbar(dots, label="presence", shrink=0.6)
    axes.set(title=title, xlim=(-180, 180), ylim=(-90, 90), aspect="equal")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=80, bbox_inches="tight")
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw each taxon that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("taxa", help="scientific or English names, separated by commas")
    parser.add_argument("--month", help="1 to 12; by default the whole year")
    parser.add_argument("--out", type=Path, default=OUT, help="default: build/ranges")
    given = parser.parse_args(arguments)
    try:
        month = parse_month(given.month)
        # The name comes first: a misspelt one needs no feature store.
        animals = read_animals()
        find_animals(given.taxa, animals, None)
        with closing(EmbeddedFeatures(Settings.from_environment().features_file)) as repository:
            for animal in find_animals(given.taxa, animals, repository.dataset().taxa):
                title, name = labels(animal, month)
                draw(list(presences(repository, animal.taxon_id, month)), title, given.out / name)
                print(given.out / name)
    except (RangeError, InvalidSettings, FeaturesUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

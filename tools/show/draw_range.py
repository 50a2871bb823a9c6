"""Draw where the store expects an animal, so that a person can see a wrong range.

``make range TAXON="Panthera onca"`` writes ``build/ranges/Panthera onca.png``; several
names are separated by commas, and a month (1 to 12) may be given with ``MONTH``.
"""

import argparse
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import h3
import matplotlib as mpl

from chalicelib.domain import WHOLE_YEAR
from chalicelib.features.cells import FINEST_RESOLUTION
from chalicelib.features.observations import OUT_OF_SEASON_FACTOR, month_mask
from tools import ROOT
from tools.build.facts import read_table
from tools.build.features import TARGET
from tools.build.land import read_land

mpl.use("agg")
from matplotlib import pyplot as plt

OUT: Final = ROOT / "build" / "ranges"

CELLS: Final = """
    SELECT cell, sum(samples * presence * CASE WHEN months & ? THEN 1 ELSE ? END)
                 / (SELECT sum(samples) FROM geo_cell AS whole WHERE whole.cell = geo_cell.cell)
      FROM geo_cell
      JOIN region_taxon USING (region)
      JOIN taxon ON taxon.id = taxon
     WHERE taxon_id = ? AND CASE WHEN marine THEN sea ELSE land END
     GROUP BY cell
"""


def presences(taxon_id: str, month: int) -> Iterator[tuple[float, float, float]]:
    """Longitude and latitude of each fine cell with the taxon, and its presence there."""
    connection = sqlite3.connect(f"{TARGET.as_uri()}?mode=ro", uri=True)
    rows = connection.execute(CELLS, (month_mask(month), OUT_OF_SEASON_FACTOR, taxon_id)).fetchall()
    connection.close()
    for number, presence in rows:
        cell = format(number, "x")
        if h3.get_resolution(cell) == FINEST_RESOLUTION:
            latitude, longitude = h3.cell_to_latlng(cell)
            yield longitude, latitude, presence


def draw(taxon_id: str, title: str, month: int, target: Path) -> None:
    """One picture of the world."""
    figure, axes = plt.subplots(figsize=(14, 7))
    for polygon in read_land().geoms:
        if polygon.geom_type == "Polygon":
            axes.fill(*polygon.exterior.xy, color="#e8e8e8", linewidth=0)
    found = list(presences(taxon_id, month))
    if found:
        longitudes, latitudes, values = zip(*found, strict=True)
        dots = axes.scatter(longitudes, latitudes, c=values, s=2, vmin=0, vmax=1, linewidths=0)
        figure.colorbar(dots, label="presence", shrink=0.6)
    axes.set(title=title, xlim=(-180, 180), ylim=(-90, 90), aspect="equal")
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=80, bbox_inches="tight")
    plt.close(figure)


def main() -> None:
    """Draw each taxon that is named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("taxa", help="scientific names, separated by commas")
    parser.add_argument("--month", type=int, default=WHOLE_YEAR)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    ranged = {
        row["scientificName"]: row
        for row in read_table("classes.csv")
        if row["geography"] == "range"
    }
    for name in map(str.strip, arguments.taxa.split(",")):
        if name not in ranged:
            parser.error(f"no animal with a range is named {name!r}")
        target = arguments.out / f"{name}.png"
        title = f"{name} ({ranged[name]['vernacularName']})"
        draw(ranged[name]["taxonID"], title, arguments.month, target)
        print(target)


if __name__ == "__main__":
    main()

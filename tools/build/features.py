"""Build the embedded feature store from the facts in ``data/``: ``make features``.

``data/ranges.csv`` says which animal lives in which region, ``data/unlisted_ranges.csv`` says so
of animals that the model does not know, and borders say which H3 cells a
region has. The store keeps the two apart and joins them at each lookup, so it stays small. The
same facts give the same bytes.
"""

import argparse
import hashlib
import sqlite3
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from chalicelib.domain import PRESENCE_BY_STATUS
from chalicelib.features.observations import ALL_MONTHS
from tools import ROOT
from tools.build.cells import prevalence, sample_cells
from tools.build.facts import DATA, FactError, listed, raise_faults, read_table
from tools.build.lookalikes import Row, lookalikes, ranged_taxa, unlisted_statuses, unlisted_taxa
from tools.build.ranges import months_by_region, statuses_by_region
from tools.build.regions import Regions

TARGET: Final = ROOT / "chalicelib" / "data" / "model" / "features.sqlite"

FACTS: Final = (
    "classes.csv", "ranges.csv", "seasons.csv", "regions.csv", "subregions.csv",
    "unlisted.csv", "unlisted_ranges.csv",
)  # fmt: skip
"""The tables whose content makes the dataset's version."""

SCHEMA: Final = """
    CREATE TABLE dataset (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE taxon (
        id INTEGER PRIMARY KEY,
        taxon_id TEXT NOT NULL UNIQUE,
        marine INTEGER NOT NULL,    -- met where there is sea, not where there is land
        prevalence REAL NOT NULL    -- mean presence over all cells with land (or with sea)
    );
    CREATE TABLE region (id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
    CREATE TABLE status (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        presence REAL NOT NULL      -- 0 to 1, as the status lets us expect the taxon
    );
    CREATE TABLE region_taxon (
        region INTEGER NOT NULL REFERENCES region,
        taxon INTEGER NOT NULL REFERENCES taxon,
        status INTEGER NOT NULL REFERENCES status,
        months INTEGER NOT NULL,    -- bits 1 to 12: when it is there
        PRIMARY KEY (region, taxon)
    ) WITHOUT ROWID;
    CREATE TABLE geo_cell (
        cell INTEGER NOT NULL,      -- H3 index, resolutions 4, 3 and 2
        region INTEGER NOT NULL REFERENCES region,
        samples REAL NOT NULL,      -- sampled points of the cell that lie in the region
        land REAL NOT NULL,         -- the region's share of the points, for land animals
        sea REAL NOT NULL,          -- the same for marine animals
        PRIMARY KEY (cell, region)
    ) WITHOUT ROWID;
"""


def build(target: Path) -> None:
    """Write the store to ``target``. Raises ``FactError`` if the tables contradict each other."""
    regions = Regions.read()
    classes = {row["taxonID"]: row for row in read_table("classes.csv")}
    ranges = read_table("ranges.csv")
    ranged = {taxon_id for taxon_id, row in classes.items() if row["geography"] == "range"}
    faults = class_faults(classes.values(), {row["taxonID"] for row in ranges})
    unlisted: Mapping[str, Row] = {}
    try:
        unlisted = unlisted_taxa()
        lookalikes(unlisted)
    except FactError as error:
        faults.append(str(error))
    raise_faults(faults)

    cells = sample_cells(regions)
    used = sorted({region for cell in cells.values() for region in cell.samples})
    statuses = statuses_by_region(regions, ranges, regions.names)
    seasons = months_by_region(regions, read_table("seasons.csv"), statuses)
    unlisted_by_region = unlisted_statuses(regions, unlisted)
    with_range = ranged_taxa(unlisted_by_region)
    for region, found in unlisted_by_region.items():
        statuses[region] |= {key: found[key] for key in found if key in with_range}
    habitats = {taxon_id: classes[taxon_id]["habitat"] for taxon_id in ranged} | {
        row["taxonID"]: row["habitat"] for row in unlisted.values() if row["taxonID"] in with_range
    }
    marine = {taxon_id for taxon_id, habitat in habitats.items() if habitat == "marine"}
    prevalences = prevalence(cells, statuses, marine)

    taxa = {taxon_id: number for number, taxon_id in enumerate(sorted(habitats), start=1)}
    region_ids = {region: number for number, region in enumerate(used, start=1)}
    target.unlink(missing_ok=True)
    connection = sqlite3.connect(target)
    connection.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF;" + SCHEMA)
    connection.executemany("INSERT INTO dataset VALUES (?, ?)", describe().items())
    connection.executemany(
        "INSERT INTO taxon VALUES (?, ?, ?, ?)",
        (
            (number, taxon_id, taxon_id in marine, round(prevalences.get(taxon_id, 0), 6))
            for taxon_id, number in taxa.items()
        ),
    )
    connection.executemany(
        "INSERT INTO region VALUES (?, ?, ?)",
        ((number, region, regions.names[region]) for region, number in region_ids.items()),
    )
    status_ids = {status: number for number, status in enumerate(PRESENCE_BY_STATUS, start=1)}
    connection.executemany(
        "INSERT INTO status VALUES (?, ?, ?)",
        ((status_ids[status], status, value) for status, value in PRESENCE_BY_STATUS.items()),
    )
    connection.executemany(
        "INSERT INTO region_taxon VALUES (?, ?, ?, ?)",
        (
            (
                region_ids[region],
                taxa[taxon_id],
                status_ids[status],
                seasons[region].get(taxon_id, ALL_MONTHS),
            )
            for region in used
            for taxon_id, status in sorted(statuses[region].items())
        ),
    )
    connection.executemany(
        "INSERT INTO geo_cell VALUES (?, ?, ?, ?, ?)",
        (
            (
                int(name, 16),
                region_ids[region],
                *(round(part.get(region, 0), 2) for part in (cell.samples, cell.land, cell.sea)),
            )
            for name, cell in sorted(cells.items())
            for region in sorted(cell.samples)
        ),
    )
    connection.commit()
    connection.execute("VACUUM")
    connection.close()


def class_faults(classes: Iterable[Row], with_rows: set[str]) -> list[str]:
    """Return what is wrong with the classes; ``with_rows`` are in ``ranges.csv``."""
    rows = list(classes)
    ranged = {row["taxonID"] for row in rows if row["geography"] == "range"}
    faults = [
        f"classes.csv: no {column} in {listed(lacking)}"
        for column in ("taxonID", "scientificName", "vernacularName")
        if (lacking := [row["taxonID"] or row["scientificName"] for row in rows if not row[column]])
    ]
    if missing := ranged - with_rows:
        faults.append(
            f"classes.csv: classes with a range that have no row in ranges.csv, {listed(missing)}. "
            "These tables are those of the shipped model: a model of your own needs no row here, "
            "but occurrences (make import-occurrences, with --model)"
        )
    if surplus := with_rows - ranged:
        faults.append(f"ranges.csv: not a class with a range, {listed(surplus)}")
    return faults


def describe() -> dict[str, str]:
    """Return the dataset's description; its version is a hash of the facts."""
    digest = hashlib.sha256()
    for name in FACTS:
        digest.update((DATA / name).read_bytes())
    for name in ("borders.json", "land-50m.json"):
        digest.update((DATA / "borders" / name).read_bytes())
    digest.update(SCHEMA.encode())
    return {
        "version": f"ranges-{digest.hexdigest()[:12]}",
        "title": "Rangefinder's table of ranges",
        "licence": "Apache-2.0",
        "citation": "Rangefinder, data/ranges.csv and data/unlisted_ranges.csv, after general "
        "references (IUCN Red List, GBIF, field guides); borders: country-coder, Natural Earth.",
    }


def main() -> int:
    """Build the store and print its size; return 2 if the tables contradict each other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", type=Path, default=TARGET)
    target = parser.parse_args().target
    start = time.monotonic()
    try:
        build(target)
    except FactError as error:
        print(error, file=sys.stderr)
        return 2
    connection = sqlite3.connect(target)
    counts = ", ".join(
        f"{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:,} {table}"
        for table in ("taxon", "region", "region_taxon", "geo_cell")
    )
    print(
        f"{target}: {target.stat().st_size:,} bytes in {time.monotonic() - start:.0f} s; {counts}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

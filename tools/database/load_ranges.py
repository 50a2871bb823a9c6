"""Load the ranges of the embedded store into the database: ``make load-ranges``.

Production then starts with the same facts as a laptop, before any occurrences are imported. The
database gives the same answers as the embedded store, cell for cell.
"""

import argparse
import sqlite3
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from chalicelib.domain import EXPECTED_IN_RANGE
from chalicelib.errors import InvalidSettings
from chalicelib.features.observations import ALL_MONTHS, EFFORT_ROW
from chalicelib.features.smoothing import RANGE_PRIOR_STRENGTH
from chalicelib.settings import Settings
from tools.build.features import TARGET
from tools.database.announcement import announce
from tools.database.connection import DatasetError
from tools.database.dataset_loader import FeatureRow, TaxonRow, writer_of

ROWS: Final = """
    SELECT geo_cell.cell, taxon.id,
           CASE WHEN taxon.marine THEN geo_cell.sea ELSE geo_cell.land END * status.presence,
           status.name, region_taxon.months, status.presence
      FROM geo_cell
      JOIN region_taxon USING (region)
      JOIN status ON status.id = region_taxon.status
      JOIN taxon ON taxon.id = region_taxon.taxon
     WHERE CASE WHEN taxon.marine THEN geo_cell.sea ELSE geo_cell.land END > 0
       AND geo_cell.cell BETWEEN ? AND ?
     ORDER BY geo_cell.cell, taxon.id
"""
EFFORTS: Final = """
    SELECT cell, sum(samples) FROM geo_cell WHERE cell BETWEEN ? AND ? GROUP BY cell
"""

Span = tuple[int, int]
EVERYWHERE: Final[Span] = (0, 2**63 - 1)


def describe(store: Path) -> tuple[dict[str, Any], list[TaxonRow]]:
    """Return the description of the embedded dataset, and its taxa."""
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    facts = dict(connection.execute("SELECT name, value FROM dataset").fetchall())
    taxa = connection.execute("SELECT id, taxon_id, prevalence FROM taxon ORDER BY id").fetchall()
    connection.close()
    return {
        **facts,
        "expected_presence": EXPECTED_IN_RANGE,
        "prior_strength": RANGE_PRIOR_STRENGTH,
    }, taxa


def rows(store: Path, span: Span = EVERYWHERE) -> Iterator[FeatureRow]:
    """Yield the rows of all cells whose H3 numbers are within ``span``, sampling effort first.

    If several regions of a cell have the taxon, status and months are those of the region with
    the highest presence.
    """
    connection = sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)
    for cell, samples in connection.execute(EFFORTS, span):
        yield cell, 0, EFFORT_ROW, float(samples), "native", ALL_MONTHS
    parts_by_region = connection.execute(ROWS, span)
    for (cell, taxon), group in groupby(parts_by_region, key=lambda row: (row[0], row[1])):
        parts = list(group)
        _, _, _, status, months, _ = max(parts, key=lambda row: row[5])
        observations = sum(row[2] for row in parts)
        yield cell, 0, taxon, observations, status, months
    connection.close()


def main() -> int:
    """Load with a progress bar; return 2 if that fails."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", type=Path, default=TARGET, help="default: the one that ships")
    store = parser.parse_args().store
    if not store.is_file():
        print(f"{store} does not exist: make features builds it", file=sys.stderr)
        return 2
    description, taxa = describe(store)
    try:
        settings = Settings.from_environment()
        writer = writer_of(settings)
        count = writer.load(description, taxa, tqdm(rows(store), unit="row", disable=None))
    except (DatasetError, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2
    result = f"{count:,} rows loaded" if count else "already there"
    print(f"{description['version']}: {result}")
    announce(settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())

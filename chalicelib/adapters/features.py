"""The embedded feature store: one read-only SQLite file inside the package.

It needs no server and no set-up, and costs nothing when idle. ``make features``
builds it from the facts in ``data/``; ``tools/build_features.py`` has the schema.
"""

import sqlite3
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from chalicelib.domain import (
    WHOLE_YEAR,
    Dataset,
    FeatureSource,
    PlaceFeatures,
    Status,
    TaxonFeature,
)
from chalicelib.errors import FeaturesUnavailable

LOOKUP = """
    SELECT geo_cell.cell, taxon.taxon_id, region_taxon.status,
           sum(geo_cell.share * region_taxon.presence) AS presence, taxon.prevalence,
           max(region_taxon.presence)
      FROM geo_cell
      JOIN region_taxon USING (region)
      JOIN taxon ON taxon.id = region_taxon.taxon
     WHERE geo_cell.cell IN ({cells})
       AND CASE WHEN taxon.marine THEN geo_cell.sea ELSE geo_cell.land END
     GROUP BY geo_cell.cell, taxon.id
"""
"""One read for the whole chain. A cell that spans a border blends its regions by area.

SQLite takes ``status`` from the row that holds ``max(presence)``: the firmest one
(https://www.sqlite.org/lang_select.html#bareagg).
"""


class EmbeddedFeatures:
    """The :class:`~chalicelib.ports.FeatureRepository` on a file. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        # immutable: no locks, no journal, and /var/task on Lambda is read-only anyway.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, check_same_thread=False)

    def _rows(self, statement: str, parameters: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise FeaturesUnavailable(f"The embedded feature store failed: {error}") from error

    @cached_property
    def _dataset(self) -> Dataset:
        facts = dict(self._rows("SELECT name, value FROM dataset"))
        taxa = self._rows("SELECT taxon_id FROM taxon")
        return Dataset(
            version=facts["version"],
            title=facts["title"],
            licence=facts["licence"],
            citation=facts["citation"],
            taxa=frozenset(taxon_id for (taxon_id,) in taxa),
        )

    def close(self) -> None:
        """Give the file back; the next call opens it again."""
        if (connection := self.__dict__.pop("_connection", None)) is not None:
            connection.close()

    def dataset(self) -> Dataset:
        """The dataset in the file. Raises ``FeaturesUnavailable``."""
        return self._dataset

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """The finest cell of the chain that has data. The file knows no seasons."""
        del month
        cells = [int(cell, 16) for cell in chain]
        rows = self._rows(LOOKUP.format(cells=",".join("?" * len(cells))), cells)
        by_cell: dict[int, dict[str, TaxonFeature]] = {}
        for cell, taxon_id, status, presence, prevalence, _ in rows:
            by_cell.setdefault(cell, {})[taxon_id] = TaxonFeature(
                Status(status), presence, prevalence
            )
        finest = next((cell for cell in chain if int(cell, 16) in by_cell), None)
        return PlaceFeatures(
            dataset=self._dataset.version,
            source=FeatureSource.EMBEDDED,
            cell=finest,
            month=WHOLE_YEAR,
            effort=0,
            taxa=by_cell[int(finest, 16)] if finest else {},
        )

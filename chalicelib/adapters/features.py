"""The embedded feature store: one read-only SQLite file inside the package.

It needs no server and no set-up, and costs nothing when idle. ``make features``
builds it from the facts in ``data/``; ``tools/build_features.py`` has the schema.
"""

import sqlite3
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final

from chalicelib.backoff import Level, back_off
from chalicelib.domain import (
    Dataset,
    FeatureSource,
    PlaceFeatures,
    Status,
    TaxonFeature,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.looks import OUT_OF_SEASON, season

LOOKUP: Final = """
    SELECT geo_cell.cell, taxon.taxon_id, region_taxon.status, taxon.prevalence,
           sum(geo_cell.samples * region_taxon.presence
               * CASE WHEN region_taxon.months & :month THEN 1 ELSE :out_of_season END),
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

EFFORT: Final = "SELECT cell, sum(samples) FROM geo_cell WHERE cell IN ({cells}) GROUP BY cell"


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

    def _rows(self, statement: str, **parameters: float) -> list[tuple[Any, ...]]:
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
        """The finest cell of the chain, backed by the wider ones."""
        numbers = ",".join(str(int(cell, 16)) for cell in chain)
        efforts = dict(self._rows(EFFORT.format(cells=numbers)))
        rows = self._rows(
            LOOKUP.format(cells=numbers),
            month=season(month),
            out_of_season=OUT_OF_SEASON,
        )
        counts: dict[int, dict[str, float]] = {cell: {} for cell in efforts}
        taxa: dict[str, tuple[Status, float]] = {}
        # H3 numbers of finer cells are larger: a finer cell's status replaces a wider one's.
        for cell, taxon_id, status, prevalence, count, _ in sorted(rows):
            counts[cell][taxon_id] = count
            taxa[taxon_id] = Status(status), prevalence
        presences = back_off(
            [Level(efforts[cell], counts[cell]) for cell in sorted(efforts, reverse=True)]
        )
        finest = max(efforts, default=None)
        return PlaceFeatures(
            dataset=self._dataset.version,
            source=FeatureSource.EMBEDDED,
            cell=None if finest is None else format(finest, "x"),
            month=month,
            effort=0 if finest is None else efforts[finest],
            taxa={
                taxon_id: TaxonFeature(taxa[taxon_id][0], presence, taxa[taxon_id][1])
                for taxon_id, presence in presences.items()
            },
        )

"""The embedded feature store: one read-only SQLite file.

It needs no server and no set-up, and costs nothing when idle. There are two kinds of file, which
differ by their tables. The one inside the package has ranges by region, as ``make features``
builds it (``tools/build/features.py`` has the schema); the other has the rows of
imported occurrences, in the tables that MySQL has.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple
from weakref import finalize

from chalicelib.domain import (
    EXPECTED_IN_RANGE,
    Dataset,
    FeatureSource,
    PlaceFeatures,
    TaxonPresences,
)
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.observations import (
    ALL_MONTHS,
    EFFORT_ROW,
    OUT_OF_SEASON_FACTOR,
    DatasetContext,
    DatasetTaxon,
    all_cells,
    features_of_places,
    month_keys,
    month_mask,
    presences,
)
from chalicelib.features.smoothing import RANGE_PRIOR_STRENGTH
from chalicelib.ports import Chain


class Queries(NamedTuple):
    """The SQL statements for one kind of file: its dataset, its taxa, and the rows of a place.

    ``rows`` is one statement for the whole chain of cells; its columns are those of ``Row``.
    """

    dataset: str
    taxa: str
    rows: str


REGIONS: Final = Queries(
    dataset=f"""
        SELECT max(value) FILTER (WHERE name = 'version'),
               max(value) FILTER (WHERE name = 'title'),
               max(value) FILTER (WHERE name = 'licence'),
               max(value) FILTER (WHERE name = 'citation'),
               {EXPECTED_IN_RANGE}, {RANGE_PRIOR_STRENGTH}
          FROM dataset
    """,
    taxa="SELECT id, taxon_id, prevalence FROM taxon",
    rows=f"""
        SELECT cell, 0, {EFFORT_ROW} AS taxon, sum(samples), '', {ALL_MONTHS}
          FROM geo_cell WHERE cell IN ({{cells}}) GROUP BY cell
         UNION ALL
        SELECT geo_cell.cell, 0, taxon.id,
               sum(CASE WHEN taxon.marine THEN geo_cell.sea ELSE geo_cell.land END
                   * status.presence
                   * CASE WHEN region_taxon.months & :season THEN 1
                          ELSE {OUT_OF_SEASON_FACTOR} END),
               status.name, {ALL_MONTHS}
          FROM geo_cell
          JOIN region_taxon USING (region)
          JOIN status ON status.id = region_taxon.status
          JOIN taxon ON taxon.id = region_taxon.taxon
         WHERE geo_cell.cell IN ({{cells}})
           AND CASE WHEN taxon.marine THEN geo_cell.sea ELSE geo_cell.land END > 0
         GROUP BY geo_cell.cell, taxon.id HAVING max(status.presence) > 0
    """,
)
"""A cell that spans a border mixes its regions by their land, or by their sea for marine animals,
each with its own seasons.

SQLite takes ``status`` from the row that has ``max(presence)``
(https://www.sqlite.org/lang_select.html#bareagg).
"""

OCCURRENCES: Final = Queries(
    dataset="""
        SELECT version, title, licence, citation, expected_presence, prior_strength FROM dataset
    """,
    taxa="SELECT taxon, taxon_id, prevalence FROM dataset_taxon",
    rows="""
        SELECT cell, month, taxon, observations, status, months
          FROM geo_feature WHERE cell IN ({cells}) AND month IN ({months})
    """,
)


class EmbeddedFeatures:
    """The :class:`~chalicelib.ports.FeatureRepository` on a file. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()

    @cached_property
    def _connection(self) -> sqlite3.Connection:
        # immutable: no locks, no journal, and /var/task on Lambda is read-only anyway.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        finalize(self, connection.close)
        return connection

    def _execute(self, statement: str, **parameters: float) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise FeaturesUnavailable(f"The embedded feature store failed: {error}") from error

    @cached_property
    def _queries(self) -> Queries:
        tables = {name for (name,) in self._execute("SELECT name FROM sqlite_master")}
        return OCCURRENCES if "geo_feature" in tables else REGIONS

    @cached_property
    def _taxa(self) -> Mapping[int, DatasetTaxon]:
        return {
            number: DatasetTaxon(*known) for number, *known in self._execute(self._queries.taxa)
        }

    @cached_property
    def _dataset_and_context(self) -> tuple[Dataset, DatasetContext]:
        rows = self._execute(self._queries.dataset)
        if not rows or rows[0][0] is None:
            raise FeaturesUnavailable("The embedded feature store has no dataset.")
        version, title, licence, citation, expected_presence, prior_strength = rows[0]
        taxa = frozenset(known.taxon_id for known in self._taxa.values())
        return (
            Dataset(version, title, licence, citation, taxa, expected_presence),
            DatasetContext(version, FeatureSource.EMBEDDED, prior_strength),
        )

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        if (connection := self.__dict__.pop("_connection", None)) is not None:
            connection.close()

    def dataset(self) -> Dataset:
        """Return the dataset in the file. Raises ``FeaturesUnavailable``."""
        return self._dataset_and_context[0]

    def open_breakers(self) -> tuple[str, ...]:
        """Return nothing: a file needs no circuit breaker."""
        return ()

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return the features of each chain's finest cell, smoothed by the wider ones."""
        rows = self._execute(self._rows(all_cells(chains), month), season=month_mask(month))
        context = self._dataset_and_context[1]
        return features_of_places(rows, self._taxa, chains, month, context)

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the presence of one taxon in many cells."""
        context = self._dataset_and_context[1]
        numbers = {known.taxon_id: number for number, known in self._taxa.items()}
        if taxon_id not in numbers:
            return TaxonPresences(context.dataset, {})
        number = numbers[taxon_id]
        statement = (
            f"SELECT * FROM ({self._rows(cells, month)}) WHERE taxon IN ({EFFORT_ROW}, :taxon)"
        )
        rows = self._execute(statement, season=month_mask(month), taxon=number)
        by_cell = presences(rows, number, self._taxa[number], month, context)
        return TaxonPresences(context.dataset, by_cell)

    def _rows(self, cells: Sequence[str], month: int) -> str:
        return self._queries.rows.format(
            cells=",".join(str(int(cell, 16)) for cell in cells),
            months=",".join(map(str, month_keys(month))),
        )

"""The feature repository on MySQL: Aurora in production, MariaDB or MySQL anywhere else.

``migrations/`` has the schema, ``tools/database/dataset_loader.py`` fills it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures, TaxonPresences
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql_session import MysqlOptions, MysqlSession
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.features.observations import (
    EFFORT_ROW,
    DatasetContext,
    DatasetTaxon,
    Row,
    all_cells,
    features_of_places,
    month_keys,
    presences,
)
from chalicelib.ports import Chain, Clock

NO_DATASET: Final = "The database has no active dataset."

DATASET: Final = """
    SELECT version, title, licence, citation, expected_presence, taxon_id
      FROM dataset LEFT JOIN dataset_taxon ON dataset_taxon.dataset = dataset.id
     WHERE is_active = 1
"""
LOOKUP: Final = """
    SELECT version, prior_strength,
           CAST(NULL AS UNSIGNED) AS cell, CAST(NULL AS UNSIGNED) AS month,
           CAST(NULL AS UNSIGNED) AS taxon, NULL AS observations, NULL AS status,
           CAST(NULL AS UNSIGNED) AS months, NULL AS taxon_id, NULL AS prevalence
      FROM dataset WHERE is_active = 1
     UNION ALL
    SELECT NULL, NULL, cell, month, geo_feature.taxon,
           observations, status, months, taxon_id,
           prevalence
      FROM geo_feature FORCE INDEX (PRIMARY)
      LEFT JOIN dataset_taxon
        ON dataset_taxon.dataset = geo_feature.dataset
       AND dataset_taxon.taxon = geo_feature.taxon
     WHERE geo_feature.dataset = (SELECT id FROM dataset WHERE is_active = 1)
       AND cell IN ({cells}) AND month IN ({months})
"""
"""One read of the clustered primary key for all cells of all places, and the dataset's own row.

The dataset's row comes also if the cells have none, so a place without data takes one read, too.
Without the casts MariaDB would make the columns decimals.

The active dataset is a scalar subquery and not a join, so that the optimiser cannot start from
another table, as MariaDB does right after a load, when it has no statistics yet.
"""

ONE_TAXON: Final = """
       AND geo_feature.taxon IN (%s, (
               SELECT taxon FROM dataset_taxon
                WHERE dataset = (SELECT id FROM dataset WHERE is_active = 1) AND taxon_id = %s))
"""
"""Appended to ``LOOKUP``, it returns the rows of one taxon in many cells."""


class MysqlFeatures:
    """The :class:`~chalicelib.ports.FeatureRepository` on MySQL. Thread-safe.

    Ranges have a connection and a circuit breaker of their own: a slow range must not take the
    places from predictions.
    """

    def __init__(
        self, parameters: Callable[[], MysqlConnection], options: MysqlOptions, clock: Clock
    ) -> None:
        self._places = MysqlSession(parameters, options, options.timeout, clock)
        self._ranges = MysqlSession(parameters, options, options.range_timeout, clock)

    def dataset(self) -> Dataset:
        """Read the active dataset. Raises ``FeaturesUnavailable``, also if none is active."""
        rows = self._places.query(DATASET)
        if not rows:
            raise FeaturesUnavailable(NO_DATASET)
        version, title, licence, citation, expected_presence, _ = rows[0]
        return Dataset(
            version,
            title,
            licence,
            citation,
            frozenset(taxon_id for *_, taxon_id in rows if taxon_id is not None),
            expected_presence,
        )

    def features(self, chains: Sequence[Chain], month: int) -> list[PlaceFeatures]:
        """Return the features of several chains, by one statement.

        Raises ``FeaturesUnavailable``.
        """
        rows, taxa, context = self._look_up(self._places, all_cells(chains), month)
        return features_of_places(rows, taxa, chains, month, context)

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> TaxonPresences:
        """Return the presence of one taxon in many cells. Raises ``FeaturesUnavailable``."""
        rows, taxa, context = self._look_up(
            self._ranges, cells, month, ONE_TAXON, (EFFORT_ROW, taxon_id)
        )
        by_cell: Mapping[str, float] = {}
        for number, taxon in taxa.items():  # one, or none if the dataset lacks it
            by_cell = presences(rows, number, taxon, month, context)
        return TaxonPresences(context.dataset, by_cell)

    def close(self) -> None:
        """Close the connections; the next calls open others."""
        self._places.close()
        self._ranges.close()

    def open_breakers(self) -> tuple[str, ...]:
        """Return the database, while the circuit breaker of the places is open."""
        return ("database",) if self._places.is_breaker_open else ()

    def _look_up(
        self,
        session: MysqlSession,
        cells: Sequence[str],
        month: int,
        condition: str = "",
        parameters: Sequence[Any] = (),
    ) -> tuple[list[Row], dict[int, DatasetTaxon], DatasetContext]:
        months = month_keys(month)
        indices = [int(cell, 16) for cell in cells]
        statement = LOOKUP.format(
            cells=", ".join(["%s"] * len(indices)), months=", ".join(["%s"] * len(months))
        )
        rows = session.query(statement + condition, (*indices, *months, *parameters))
        taxa = {
            taxon: DatasetTaxon(taxon_id, prevalence)
            for *_, taxon, _, _, _, taxon_id, prevalence in rows
            if taxon_id is not None
        }
        contexts = [row[:2] for row in rows if row[0] is not None]
        if not contexts:
            raise FeaturesUnavailable(NO_DATASET)
        ((version, prior_strength),) = contexts
        context = DatasetContext(version, FeatureSource.DATABASE, prior_strength)
        return [row[2:8] for row in rows if row[0] is None], taxa, context

"""The feature repository on MySQL: Aurora in production, MariaDB or MySQL anywhere else.

``migrations/`` has the schema, ``tools/database/dataset_loader.py`` fills it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql_session import MysqlOptions, MysqlSession
from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.features.observations import (
    EFFORT_ROW,
    DatasetContext,
    DatasetTaxon,
    Row,
    month_keys,
    place_features,
    presences,
)
from chalicelib.features.smoothing import RANGE_PRIOR_STRENGTH
from chalicelib.ports import Clock
from chalicelib.runtime.ttl_value import TtlValue

DATASET_SECONDS: Final = 30.0
"""A new dataset comes into use after this time at most."""

DATASET: Final = """
    SELECT version, title, licence, citation, expected_presence, taxon_id
      FROM dataset LEFT JOIN dataset_taxon ON dataset_taxon.dataset = dataset.id
     WHERE is_active = 1
"""
LOOKUP: Final = """
    SELECT (SELECT version FROM dataset WHERE is_active = 1),
           (SELECT prior_strength FROM dataset WHERE is_active = 1),
           cell, month, geo_feature.taxon, observations, status, months, taxon_id, prevalence
      FROM geo_feature FORCE INDEX (PRIMARY)
      LEFT JOIN dataset_taxon
        ON dataset_taxon.dataset = geo_feature.dataset
       AND dataset_taxon.taxon = geo_feature.taxon
     WHERE geo_feature.dataset = (SELECT id FROM dataset WHERE is_active = 1)
       AND cell IN ({cells}) AND month IN ({months})
"""
"""One read of the clustered primary key for the whole chain of cells.

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
        self._dataset = TtlValue(
            self._read_dataset, DATASET_SECONDS, clock, stale_on=(FeaturesUnavailable,)
        )

    def dataset(self) -> Dataset:
        """Return the active dataset, from memory for a short time.

        A known dataset stays in use while the database is down, so that its entries in caches
        can still be found. Raises ``FeaturesUnavailable``, also if no dataset is active.
        """
        return self._dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """Return the features of a chain of cells. Raises ``FeaturesUnavailable``."""
        rows, taxa, context = self._look_up(self._places, chain, month)
        features = place_features(rows, taxa, chain, month, context)
        self._dataset.invalidate_unless(lambda dataset: dataset.version == features.dataset)
        return features

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """Return the presence of one taxon in many cells. Raises ``FeaturesUnavailable``."""
        rows, taxa, context = self._look_up(
            self._ranges, cells, month, ONE_TAXON, (EFFORT_ROW, taxon_id)
        )
        if not taxa:
            return {}
        ((number, taxon),) = taxa.items()
        return presences(rows, number, taxon, month, context)

    def close(self) -> None:
        """Close the connections; the next calls open others."""
        self._places.close()
        self._ranges.close()

    def open_breakers(self) -> tuple[str, ...]:
        """Return the database, while the circuit breaker of the places is open."""
        return ("database",) if self._places.is_breaker_open else ()

    def _read_dataset(self) -> Dataset:
        rows = self._places.query(DATASET)
        if not rows:
            raise FeaturesUnavailable("The database has no active dataset.")
        version, title, licence, citation, expected_presence, _ = rows[0]
        return Dataset(
            version,
            title,
            licence,
            citation,
            frozenset(taxon_id for *_, taxon_id in rows if taxon_id is not None),
            expected_presence,
        )

    def _look_up(
        self,
        session: MysqlSession,
        chain: Sequence[str],
        month: int,
        condition: str = "",
        parameters: Sequence[Any] = (),
    ) -> tuple[list[Row], dict[int, DatasetTaxon], DatasetContext]:
        months = month_keys(month)
        cells = [int(cell, 16) for cell in chain]
        statement = LOOKUP.format(
            cells=", ".join(["%s"] * len(cells)), months=", ".join(["%s"] * len(months))
        )
        rows = session.query(statement + condition, (*cells, *months, *parameters))
        taxa = {
            taxon: DatasetTaxon(taxon_id, prevalence)
            for *_, taxon, _, _, _, taxon_id, prevalence in rows
            if taxon_id is not None
        }
        # Without rows there is nothing to smooth.
        version, prior_strength = (
            rows[0][:2] if rows else (self.dataset().version, RANGE_PRIOR_STRENGTH)
        )
        context = DatasetContext(version, FeatureSource.DATABASE, prior_strength)
        return [row[2:8] for row in rows], taxa, context

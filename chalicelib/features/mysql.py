"""The feature repository on MySQL: Aurora in production, MariaDB or MySQL anywhere else.

Each environment has one connection. It is opened at first use and again after a loss, and every
wait on it has a timeout. ``migrations/`` has the schema, ``tools/database/dataset_loader.py``
fills it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, Final

from chalicelib.domain import Dataset, FeatureSource, PlaceFeatures
from chalicelib.errors import FeaturesUnavailable
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
from chalicelib.runtime.circuit_breaker import DEFAULT_BREAKER_POLICY, Breaker, BreakerPolicy
from chalicelib.runtime.ttl_value import TtlValue

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


@dataclass(frozen=True, slots=True)
class MysqlOptions:
    """Time limits for the server, in seconds, and the check of its certificate.

    Aurora needs longer than ``timeout`` to resume from zero capacity: the first visitors get
    answers without the place. A new dataset comes into use after ``dataset_seconds`` at most.
    ``certificate_authorities`` is a file; it makes TLS required, and the client then checks
    certificate and host name.
    """

    timeout: float = 1.0
    dataset_seconds: float = 30.0
    certificate_authorities: str | None = None
    breaker: BreakerPolicy = DEFAULT_BREAKER_POLICY


class MysqlFeatures:
    """The :class:`~chalicelib.ports.FeatureRepository` on MySQL. Thread-safe.

    It calls ``parameters`` for each new connection, since tokens and passwords change.
    """

    def __init__(
        self, parameters: Callable[[], MysqlConnection], options: MysqlOptions, clock: Clock
    ) -> None:
        self._parameters = parameters
        self._options = options
        self._clock = clock
        self._lock = Lock()
        self._connection: Any = None
        self._dataset = TtlValue(
            lambda: self._breaker.call(self._read_dataset),
            options.dataset_seconds,
            clock,
            stale_on=(FeaturesUnavailable,),
        )

    def dataset(self) -> Dataset:
        """Return the active dataset, from memory for a short time.

        A known dataset stays in use while the database is down, so that its entries in caches
        can still be found. Raises ``FeaturesUnavailable``, also if no dataset is active.
        """
        return self._dataset()

    def features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        """Return the features of a chain of cells. Raises ``FeaturesUnavailable``."""
        features = self._breaker.call(self._read_features, chain, month)
        self._dataset.invalidate_unless(lambda dataset: dataset.version == features.dataset)
        return features

    def presences(self, taxon_id: str, cells: Sequence[str], month: int) -> Mapping[str, float]:
        """Return the presence of one taxon in many cells. Raises ``FeaturesUnavailable``."""
        return self._breaker.call(self._read_presences, taxon_id, cells, month)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        with self._lock:
            self._drop()

    def open_breakers(self) -> tuple[str, ...]:
        """Return the database, while its circuit breaker is open."""
        return ("database",) if self._breaker.is_open else ()

    def _read_dataset(self) -> Dataset:
        rows = self._query(DATASET)
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

    def _read_features(self, chain: Sequence[str], month: int) -> PlaceFeatures:
        rows, taxa, context = self._look_up(chain, month)
        return place_features(rows, taxa, chain, month, context)

    def _read_presences(
        self, taxon_id: str, cells: Sequence[str], month: int
    ) -> Mapping[str, float]:
        rows, taxa, context = self._look_up(cells, month, ONE_TAXON, (EFFORT_ROW, taxon_id))
        if not taxa:
            return {}
        ((number, taxon),) = taxa.items()
        return presences(rows, number, taxon, month, context)

    def _look_up(
        self, chain: Sequence[str], month: int, condition: str = "", parameters: Sequence[Any] = ()
    ) -> tuple[list[Row], dict[int, DatasetTaxon], DatasetContext]:
        months = month_keys(month)
        cells = [int(cell, 16) for cell in chain]
        statement = LOOKUP.format(
            cells=", ".join(["%s"] * len(cells)), months=", ".join(["%s"] * len(months))
        )
        rows = self._query(statement + condition, (*cells, *months, *parameters))
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

    def _query(self, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Execute a statement; if the connection turns out to be lost, once more on a new one.

        A lost connection fails at once. After a timeout there is no second try.
        """
        import pymysql  # noqa: PLC0415

        with self._lock:
            is_new = self._connection is None
            try:
                return self._execute(statement, parameters)
            except (pymysql.OperationalError, pymysql.InterfaceError, OSError) as error:
                if is_new or isinstance(error.__context__, TimeoutError):
                    raise
                return self._execute(statement, parameters)

    def _execute(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._connect()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return list(cursor.fetchall())
        except BaseException:
            # The answer may still arrive: the next statement must not read it as its own.
            self._drop()
            raise

    def _connect(self) -> Any:
        import pymysql  # noqa: PLC0415

        timeout = self._options.timeout
        return pymysql.connect(
            **self._parameters().arguments(self._options.certificate_authorities),
            connect_timeout=timeout,
            read_timeout=timeout,
            write_timeout=timeout,
            autocommit=True,
        )

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is closed either way
                connection.close()

    @cached_property
    def _breaker(self) -> Breaker:
        # Slow to import: a service with the embedded store does without.
        import pymysql  # noqa: PLC0415

        return Breaker(
            "The database",
            self._clock,
            (pymysql.MySQLError, OSError),
            FeaturesUnavailable,
            self._options.breaker,
        )

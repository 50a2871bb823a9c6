"""Load a dataset into the database, and activate it in one statement.

Meanwhile the service reads the active version. A load that fails does not change it, and the next
load removes the rows of the incomplete one. An old version stays until you drop it, so that you
can go back in one statement.
"""

import csv
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import pymysql

from chalicelib.features.mysql_url import mysql_connection
from chalicelib.settings import Settings
from tools.database.connection import Database, DatasetError

FeatureRow = tuple[int, int, int, float, str, int]
"""Cell, month, taxon (0: sampling effort), observations, status, months: see ``geo_feature``."""

TaxonRow = tuple[int, str, float]
"""Number within the dataset, taxonID, prevalence."""

BATCH: Final = 500_000
"""Rows of one file and one transaction, about 20 MB."""

DELETE_BATCH_ROWS: Final = 50_000
"""Rows of one deleting transaction: the database keeps each for a rollback until its end."""

DESCRIPTION: Final = (
    "version", "title", "licence", "citation", "expected_presence", "prior_strength",
)  # fmt: skip
"""The columns of ``dataset`` that a description must have."""

MOST_TAXA: Final = 2**16 - 1
LONGEST_TAXON_ID: Final = 32
"""The limits of ``dataset_taxon``: a number of two bytes, and characters of a taxonID."""

COLUMNS: Final = "dataset, cell, month, taxon, observations, status, months"
BULK_LOAD: Final = (
    "LOAD DATA LOCAL INFILE %s INTO TABLE geo_feature "
    "FIELDS TERMINATED BY ',' LINES TERMINATED BY '\\n' "
    f"({COLUMNS})"
)
INSERT: Final = f"INSERT INTO geo_feature ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
INSERT_DATASET: Final = (
    f"INSERT INTO dataset ({', '.join(DESCRIPTION)}) VALUES (%s, %s, %s, %s, %s, %s)"
)
INSERT_TAXON: Final = (
    "INSERT INTO dataset_taxon (dataset, taxon, taxon_id, prevalence) VALUES (%s, %s, %s, %s)"
)
FIND: Final = "SELECT id, is_active, loaded_at IS NOT NULL FROM dataset WHERE version = %s"
INCOMPLETE_LOADS: Final = "SELECT id FROM dataset WHERE loaded_at IS NULL"
LIST: Final = (
    "SELECT version, title, licence, loaded_at, is_active FROM dataset "
    "ORDER BY loaded_at IS NULL, loaded_at, id"
)
COMPLETE: Final = "UPDATE dataset SET loaded_at = CURRENT_TIMESTAMP WHERE id = %s"
ACTIVATE: Final = "UPDATE dataset SET is_active = (id = %s)"
"""One statement, so that there is exactly one active dataset at any moment."""

CLEAR: Final = (
    f"DELETE FROM geo_feature WHERE dataset = %s LIMIT {DELETE_BATCH_ROWS}",
    f"DELETE FROM dataset_taxon WHERE dataset = %s LIMIT {DELETE_BATCH_ROWS}",
    f"DELETE FROM dataset WHERE id = %s LIMIT {DELETE_BATCH_ROWS}",
)


class DatasetRow(NamedTuple):
    """A dataset in the database. ``loaded_at`` is ``None`` if its load is incomplete."""

    version: str
    title: str
    licence: str
    loaded_at: Any
    is_active: bool


class MysqlWriter:
    """Writes datasets to a database that ``make migrate`` has prepared."""

    def __init__(self, database: Database, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    def load(
        self,
        description: Mapping[str, Any],
        taxa: Sequence[TaxonRow],
        rows: Iterable[FeatureRow],
    ) -> int:
        """Load and activate a dataset; a version that is complete is only activated.

        Args:
            description: A value for each name of ``DESCRIPTION``.
            taxa: The taxa of the dataset.
            rows: The features of places.

        Returns:
            The number of new rows.

        Raises:
            DatasetError: The database is down, another program is loading, or a taxon does not
                fit.
        """
        check_taxa(taxa)
        with self._database.writing() as cursor:
            version = description["version"]
            number, is_active, is_loaded = self._find(cursor, version)
            if is_active:
                return 0
            count = 0
            if not is_loaded:
                self._clear_incomplete_loads(cursor)
                number = self._begin(cursor, description, taxa)
                cursor.connection.commit()
                for batch in _batches(rows, self._batch):
                    self._write(cursor, number, batch)
                    cursor.connection.commit()
                    count += len(batch)
                cursor.execute(COMPLETE, (number,))
            cursor.execute(ACTIVATE, (number,))
            cursor.connection.commit()
            return count

    def datasets(self) -> Sequence[DatasetRow]:
        """Return all datasets, the oldest first."""
        with self._database.reading() as cursor:
            cursor.execute(LIST)
            return [
                DatasetRow(version, title, licence, loaded_at, bool(is_active))
                for version, title, licence, loaded_at, is_active in cursor.fetchall()
            ]

    def activate(self, version: str) -> None:
        """Activate a version. Raises ``DatasetError`` if it is not completely loaded."""
        with self._database.writing() as cursor:
            number, _, is_loaded = self._find(cursor, version)
            if not is_loaded:
                raise DatasetError(f"{version} is not there or incomplete: load it first")
            cursor.execute(ACTIVATE, (number,))
            cursor.connection.commit()

    def drop(self, version: str) -> None:
        """Remove a version. Raises ``DatasetError`` if it is active, or not there."""
        with self._database.writing() as cursor:
            number, is_active, _ = self._find(cursor, version)
            if not number:
                raise DatasetError(f"{version} is not there")
            if is_active:
                raise DatasetError(f"{version} is active: activate another one first")
            self._clear(cursor, number)

    @staticmethod
    def _find(cursor: Any, version: str) -> tuple[int, bool, bool]:
        """Return its number (0: not there), whether it is active, and whether it is complete."""
        cursor.execute(FIND, (version,))
        number, is_active, is_loaded = cursor.fetchone() or (0, 0, 0)
        return number, bool(is_active), bool(is_loaded)

    def _clear_incomplete_loads(self, cursor: Any) -> None:
        cursor.execute(INCOMPLETE_LOADS)
        for (number,) in cursor.fetchall():
            self._clear(cursor, number)

    @staticmethod
    def _clear(cursor: Any, number: int) -> None:
        # From now on the version is incomplete: an operator must not be able to activate it.
        cursor.execute("UPDATE dataset SET loaded_at = NULL WHERE id = %s", (number,))
        cursor.connection.commit()
        for statement in CLEAR:
            while cursor.execute(statement, (number,)) == DELETE_BATCH_ROWS:
                cursor.connection.commit()
            cursor.connection.commit()

    @staticmethod
    def _begin(cursor: Any, description: Mapping[str, Any], taxa: Sequence[TaxonRow]) -> int:
        cursor.execute(INSERT_DATASET, tuple(description[name] for name in DESCRIPTION))
        number = int(cursor.lastrowid)
        cursor.executemany(INSERT_TAXON, [(number, *taxon) for taxon in taxa])
        return number

    @staticmethod
    def _write(cursor: Any, dataset: int, batch: Sequence[FeatureRow]) -> None:
        try:
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "rows.csv"
                with path.open("w", encoding="ascii", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(
                        (dataset, *row) for row in batch
                    )
                cursor.execute(BULK_LOAD, (str(path),))
        except pymysql.err.MySQLError as error:
            # MySQL 8 refuses local files by default (local_infile): 3948, 1148.
            if error.args[0] not in (1148, 3948, 4166):
                raise
            cursor.executemany(INSERT, [(dataset, *row) for row in batch])


def check_taxa(taxa: Sequence[TaxonRow]) -> None:
    """Raise ``DatasetError`` if a taxon does not fit: the database might cut it off silently."""
    if (highest := max((number for number, *_ in taxa), default=0)) > MOST_TAXA:
        raise DatasetError(
            f"The database holds taxa up to number {MOST_TAXA:,}, and this dataset has "
            f"{highest:,}: import fewer models at once, or write a file with --sqlite"
        )
    if long := [taxon_id for _, taxon_id, _ in taxa if len(taxon_id) > LONGEST_TAXON_ID]:
        raise DatasetError(
            f"The database holds taxonIDs of up to {LONGEST_TAXON_ID} characters: shorten "
            f"{', '.join(long[:5])} in the model's labels"
        )


def _batches(rows: Iterable[FeatureRow], size: int) -> Iterator[list[FeatureRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def mysql_writer(url: str, batch: int = BATCH) -> MysqlWriter:
    """Return a writer for ``mysql://user:password@host:port/database``."""
    server = mysql_connection(url)
    return MysqlWriter(Database(lambda: server), batch)


def writer_of(settings: Settings) -> MysqlWriter:
    """Return a writer for the database of the service. Raises ``DatasetError`` if none is set."""
    return MysqlWriter(Database.of(settings))

"""Load a dataset into the database, and switch to it in one statement.

The service goes on reading the active version meanwhile. A load that fails or is broken off
leaves it as it was; the next one clears away what is half done. An old version stays until
it is dropped, so that going back is one statement, too.
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
"""Cell, month, taxon (0: effort), observations, status, months: a row of ``geo_feature``."""

TaxonRow = tuple[int, str, float]
"""Number within the dataset, taxonID, prevalence."""

BATCH: Final = 500_000
"""Rows of one file: about 20 MB, and one transaction."""

CLEARED_AT_ONCE: Final = 50_000
"""Rows of one transaction that removes: each is kept for undoing until its end."""

DESCRIPTION: Final = (
    "version", "title", "licence", "citation", "expected_presence", "prior_strength",
)  # fmt: skip
"""What must be said of a dataset: columns of ``dataset``."""

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
HALF_DONE: Final = "SELECT id FROM dataset WHERE loaded_at IS NULL"
LIST: Final = (
    "SELECT version, title, licence, loaded_at, is_active FROM dataset "
    "ORDER BY loaded_at IS NULL, loaded_at, id"
)
COMPLETE: Final = "UPDATE dataset SET loaded_at = CURRENT_TIMESTAMP WHERE id = %s"
ACTIVATE: Final = "UPDATE dataset SET is_active = (id = %s)"
"""One statement: at no moment is there no active dataset, or more than one."""

CLEAR: Final = (
    f"DELETE FROM geo_feature WHERE dataset = %s LIMIT {CLEARED_AT_ONCE}",
    f"DELETE FROM dataset_taxon WHERE dataset = %s LIMIT {CLEARED_AT_ONCE}",
    f"DELETE FROM dataset WHERE id = %s LIMIT {CLEARED_AT_ONCE}",
)


class Listed(NamedTuple):
    """A dataset in the database. ``loaded_at`` is ``None`` where its load was broken off."""

    version: str
    title: str
    licence: str
    loaded_at: Any
    is_active: bool


class MysqlWriter:
    """Writes to a database that ``make migrate`` has prepared. Its user may write."""

    def __init__(self, database: Database, batch: int = BATCH) -> None:
        self._database = database
        self._batch = batch

    def load(
        self,
        description: Mapping[str, Any],
        taxa: Sequence[TaxonRow],
        rows: Iterable[FeatureRow],
    ) -> int:
        """Load and activate; the number of rows. A version that is there is not loaded again.

        ``description`` has the names of ``DESCRIPTION``.
        """
        with self._database.writing() as cursor:
            version = description["version"]
            number, is_active, is_loaded = self._find(cursor, version)
            if is_active:
                return 0
            count = 0
            if not is_loaded:
                self._clear_half_done(cursor)
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

    def datasets(self) -> Sequence[Listed]:
        """All datasets, the oldest first."""
        with self._database.reading() as cursor:
            cursor.execute(LIST)
            return [
                Listed(version, title, licence, loaded_at, bool(is_active))
                for version, title, licence, loaded_at, is_active in cursor.fetchall()
            ]

    def activate(self, version: str) -> None:
        """Switch to a version that is loaded. Raises ``DatasetError`` where it is not."""
        with self._database.writing() as cursor:
            number, _, is_loaded = self._find(cursor, version)
            if not is_loaded:
                raise DatasetError(f"{version} is not there, or not wholly: load it first")
            cursor.execute(ACTIVATE, (number,))
            cursor.connection.commit()

    def drop(self, version: str) -> None:
        """Remove a version. Raises ``DatasetError`` where it is active, or not there."""
        with self._database.writing() as cursor:
            number, is_active, _ = self._find(cursor, version)
            if not number:
                raise DatasetError(f"{version} is not there")
            if is_active:
                raise DatasetError(f"{version} is active: activate another one first")
            self._clear(cursor, number)

    @staticmethod
    def _find(cursor: Any, version: str) -> tuple[int, bool, bool]:
        """Its number (0: not there), whether it is active, whether it is wholly loaded."""
        cursor.execute(FIND, (version,))
        number, is_active, is_loaded = cursor.fetchone() or (0, 0, 0)
        return number, bool(is_active), bool(is_loaded)

    def _clear_half_done(self, cursor: Any) -> None:
        cursor.execute(HALF_DONE)
        for (number,) in cursor.fetchall():
            self._clear(cursor, number)

    @staticmethod
    def _clear(cursor: Any, number: int) -> None:
        # Whoever goes back to it from now on must find that it is not whole any more.
        cursor.execute("UPDATE dataset SET loaded_at = NULL WHERE id = %s", (number,))
        cursor.connection.commit()
        for statement in CLEAR:
            while cursor.execute(statement, (number,)) == CLEARED_AT_ONCE:
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
            # MySQL 8 refuses local files unless told otherwise (local_infile): 3948, 1148.
            if error.args[0] not in (1148, 3948, 4166):
                raise
            cursor.executemany(INSERT, [(dataset, *row) for row in batch])


def _batches(rows: Iterable[FeatureRow], size: int) -> Iterator[list[FeatureRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def mysql_writer(url: str, batch: int = BATCH) -> MysqlWriter:
    """A writer for ``mysql://user:password@host:port/database``."""
    server = mysql_connection(url)
    return MysqlWriter(Database(lambda: server), batch)


def writer_of(settings: Settings) -> MysqlWriter:
    """A writer for the database of the service. Raises ``DatasetError`` where there is none."""
    return MysqlWriter(Database.of(settings))

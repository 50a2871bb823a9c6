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
from typing import Any, Final

import pymysql
from pymysql.constants import CLIENT

from chalicelib.connections import mysql_connection

FeatureRow = tuple[int, int, int, float, str, int]
"""Cell, month, taxon (0: effort), looks, status, months: a row of ``geo_feature``."""

TaxonRow = tuple[int, str, float]
"""Number within the dataset, taxonID, prevalence."""

BATCH: Final = 500_000
"""Rows of one file: about 20 MB, and one transaction."""

EXPECTED_PRESENCE: Final = "0.001"
"""Of all observers in a cell, the share from which on an animal counts as expected there."""

COLUMNS: Final = "dataset, cell, month, taxon, looks, status, months"
BULK_LOAD: Final = (
    "LOAD DATA LOCAL INFILE %s INTO TABLE geo_feature "
    "FIELDS TERMINATED BY ',' LINES TERMINATED BY '\\n' "
    f"({COLUMNS})"
)
INSERT: Final = f"INSERT INTO geo_feature ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)"
ACTIVATE: Final = "UPDATE dataset SET is_active = (id = %s)"
"""One statement: at no moment is there no active dataset, or more than one."""


class MysqlWriter:
    """Writes to a database that ``make migrate`` has prepared. Its user may write."""

    def __init__(self, url: str) -> None:
        self._server = mysql_connection(url)

    def load(
        self,
        description: Mapping[str, str],
        taxa: Sequence[TaxonRow],
        rows: Iterable[FeatureRow],
    ) -> int:
        """Load and activate; the number of rows. Nothing to do where the version is active.

        ``description`` has version, title, licence, citation and, where it is not that of
        occurrences, ``expectedPresence``.
        """
        connection = pymysql.connect(
            host=self._server.host,
            port=self._server.port,
            user=self._server.user,
            password=self._server.password,
            database=self._server.database,
            local_infile=True,
            client_flag=CLIENT.FOUND_ROWS,
        )
        try:
            with connection.cursor() as cursor:
                if self._is_active(cursor, description["version"]):
                    return 0
                number = self._begin(cursor, description, taxa)
                connection.commit()
                count = 0
                for batch in _batches(rows):
                    self._write(cursor, number, batch)
                    connection.commit()
                    count += len(batch)
                cursor.execute(ACTIVATE, (number,))
                connection.commit()
                return count
        finally:
            connection.close()

    def drop(self, version: str) -> None:
        """Remove a version that is not active. Raises ``ValueError`` where it is."""
        connection = pymysql.connect(
            host=self._server.host,
            port=self._server.port,
            user=self._server.user,
            password=self._server.password,
            database=self._server.database,
        )
        try:
            with connection.cursor() as cursor:
                if self._is_active(cursor, version):
                    raise ValueError(f"{version} is active: activate another one first")
                self._clear(cursor, version)
                connection.commit()
        finally:
            connection.close()

    @staticmethod
    def _is_active(cursor: Any, version: str) -> bool:
        cursor.execute("SELECT is_active FROM dataset WHERE version = %s", (version,))
        row = cursor.fetchone()
        return row is not None and bool(row[0])

    @staticmethod
    def _clear(cursor: Any, version: str) -> None:
        cursor.execute("SELECT id FROM dataset WHERE version = %s", (version,))
        for (number,) in cursor.fetchall():
            for table in ("geo_feature", "dataset_taxon"):
                cursor.execute(f"DELETE FROM {table} WHERE dataset = %s", (number,))
            cursor.execute("DELETE FROM dataset WHERE id = %s", (number,))

    def _begin(self, cursor: Any, description: Mapping[str, str], taxa: Sequence[TaxonRow]) -> int:
        self._clear(cursor, description["version"])
        cursor.execute(
            "INSERT INTO dataset (version, title, licence, citation, expected_presence) "
            "VALUES (%s, %s, %s, %s, %s)",
            (
                *(description[name] for name in ("version", "title", "licence", "citation")),
                float(description.get("expectedPresence", EXPECTED_PRESENCE)),
            ),
        )
        number = int(cursor.lastrowid)
        cursor.executemany(
            "INSERT INTO dataset_taxon (dataset, taxon, taxon_id, prevalence) "
            "VALUES (%s, %s, %s, %s)",
            [(number, *taxon) for taxon in taxa],
        )
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


def _batches(rows: Iterable[FeatureRow]) -> Iterator[list[FeatureRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def mysql_writer(url: str) -> MysqlWriter:
    """A writer for ``mysql://user:password@host:port/database``."""
    return MysqlWriter(url)

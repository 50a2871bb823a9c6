"""Write a dataset to a file for the embedded store, with the tables of the database.

The program writes a temporary file in the same directory and then renames it, so the target is
always complete.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from tools.database.dataset_loader import DESCRIPTION, FeatureRow, TaxonRow

SCHEMA: Final = """
    PRAGMA page_size = 4096;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE dataset (
        version TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        licence TEXT NOT NULL,
        citation TEXT NOT NULL,
        expected_presence REAL NOT NULL,
        prior_strength REAL NOT NULL
    );
    CREATE TABLE dataset_taxon (
        taxon INTEGER PRIMARY KEY, taxon_id TEXT NOT NULL UNIQUE, prevalence REAL NOT NULL
    );
    CREATE TABLE geo_feature (
        cell INTEGER NOT NULL,
        month INTEGER NOT NULL,
        taxon INTEGER NOT NULL,
        observations REAL NOT NULL,
        status TEXT NOT NULL,
        months INTEGER NOT NULL,
        PRIMARY KEY (cell, month, taxon)
    ) WITHOUT ROWID;
"""


def version_in(path: Path) -> str | None:
    """Return the dataset version in a file; ``None`` if there is no file or no version in it."""
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            (version,) = connection.execute("SELECT version FROM dataset").fetchone()
            return str(version)
    except (sqlite3.Error, TypeError):
        return None


def write(
    path: Path,
    description: Mapping[str, Any],
    taxa: Sequence[TaxonRow],
    rows: Iterable[FeatureRow],
) -> int:
    """Write the dataset.

    Args:
        path: The file.
        description: A value for each name of ``DESCRIPTION``.
        taxa: The taxa of the dataset.
        rows: The features of places.

    Returns:
        The number of rows; 0 if the file has this version already.
    """
    if version_in(path) == description["version"]:
        return 0
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(unfinished)) as connection:
            connection.executescript(SCHEMA)
            connection.execute(
                f"INSERT INTO dataset ({', '.join(DESCRIPTION)}) VALUES (?, ?, ?, ?, ?, ?)",
                [description[name] for name in DESCRIPTION],
            )
            connection.executemany("INSERT INTO dataset_taxon VALUES (?, ?, ?)", taxa)
            cursor = connection.executemany(
                "INSERT INTO geo_feature VALUES (?, ?, ?, ?, ?, ?)", rows
            )
            count = cursor.rowcount
            connection.commit()
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count

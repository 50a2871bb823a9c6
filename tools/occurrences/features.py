"""What the counted observations come to: the rows, taxa, licence and version of a dataset."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

from chalicelib.domain import Status
from chalicelib.features.observations import ALL_MONTHS, EFFORT_ROW
from tools.database.dataset_loader import FeatureRow, TaxonRow
from tools.occurrences.names import numbers
from tools.occurrences.statement import LICENCES
from tools.occurrences.tables import REJECTED_ROWS

CHUNK: Final = 100_000

PREVALENCES: Final = f"""
    WITH effort AS (
        SELECT cell, observations AS observers FROM feature WHERE month = 0 AND taxon = {EFFORT_ROW}
    ),
    step (cell, parent, resolution) AS (
        SELECT DISTINCT inner_cell.parent, outer_cell.parent, inner_cell.resolution
          FROM lineage AS inner_cell
          JOIN lineage AS outer_cell
            ON outer_cell.cell = inner_cell.cell
           AND outer_cell.resolution = inner_cell.resolution - 1
    ),
    fine AS (
        SELECT cell, 1.0 AS weight FROM effort JOIN lineage USING (cell)
         WHERE parent = cell
    ),
    middle AS (
        SELECT parent AS cell, sum(weight * $prior / (observers + $prior)) AS weight
          FROM fine JOIN effort USING (cell) JOIN step USING (cell) GROUP BY parent
    ),
    wide AS (
        SELECT parent AS cell, sum(weight * $prior / (observers + $prior)) AS weight
          FROM middle JOIN effort USING (cell) JOIN step USING (cell) GROUP BY parent
    ),
    share AS (
        SELECT cell, weight / (observers + $prior) AS share FROM fine JOIN effort USING (cell)
         UNION ALL
        SELECT cell, weight / (observers + $prior) FROM middle JOIN effort USING (cell)
         UNION ALL
        SELECT cell, weight / observers FROM wide JOIN effort USING (cell)
    )
    SELECT taxon, coalesce(sum(observations * share), 0) / greatest((SELECT count(*) FROM fine), 1)
      FROM feature LEFT JOIN share USING (cell)
     WHERE month = 0 AND taxon <> {EFFORT_ROW}
     GROUP BY taxon ORDER BY taxon
"""
"""The mean over all cells of resolution 4 that were looked at of the very presence that the
service works out there (``chalicelib.features.smoothing``), so that presence / prevalence = 1 means
what ``ranking.place_weight`` takes it to mean: that this place is like the average one.
Plain shares would have another mean, dominated by cells with a single observer. Back-off
is linear, so each cell passes what it leaves to its parent's word on to the parent.
"""


def rejected(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many records were left out, by reason, and lines that are no record at all."""
    found = dict(
        connection.execute(
            "SELECT reason, sum(records)::BIGINT FROM look WHERE reason IS NOT NULL "
            "GROUP BY reason ORDER BY 2 DESC"
        ).fetchall()
    )
    is_there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REJECTED_ROWS]
    ).fetchone()
    if is_there and is_there[0]:
        rows = connection.execute(
            "SELECT kind, count(*) FROM (SELECT min(error_type::VARCHAR) AS kind "
            f"FROM {REJECTED_ROWS} GROUP BY file_id, line) GROUP BY kind"
        ).fetchall()
        found |= {f"line: {kind.lower()}": number for kind, number in rows}
    return found


def kept(connection: duckdb.DuckDBPyConnection) -> int:
    """How many records count."""
    return number(connection, "SELECT coalesce(sum(records), 0) FROM look WHERE reason IS NULL")


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def licence(connection: duckdb.DuckDBPyConnection) -> str:
    """The most restrictive licence of what was kept: it holds for what is made of it."""
    return LICENCES[number(connection, "SELECT max(licence_number) FROM look WHERE reason IS NULL")]


def taxa(connection: duckdb.DuckDBPyConnection, prior_strength: float) -> list[TaxonRow]:
    """The classes that somebody saw somewhere, with their prevalence.

    The others are unmapped: a download of birds says nothing against bears.
    """
    named = {number: taxon_id for taxon_id, number in numbers().items()}
    found = connection.execute(PREVALENCES, {"prior": prior_strength}).fetchall()
    return [(taxon, named[taxon], prevalence) for taxon, prevalence in found]


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[FeatureRow]:
    """The rows of ``geo_feature`` in the order of its primary key, streamed."""
    reader = connection.cursor().execute(
        "SELECT cell, month, taxon, observations FROM feature ORDER BY ALL"
    )
    while chunk := reader.fetchmany(CHUNK):
        for cell, month, taxon, observations in chunk:
            yield cell, month, taxon, float(observations), Status.RECORDED.value, ALL_MONTHS


def version(connection: duckdb.DuckDBPyConnection, description: Mapping[str, Any]) -> str:
    """From the content: the same records give the same version, in whatever order they come."""
    digest = connection.execute(
        "SELECT count(*), bit_xor(md5_number(concat_ws(' ', cell, month, taxon, observations))) "
        "FROM feature"
    ).fetchone()
    content = repr((digest, sorted(numbers().items()), sorted(description.items())))
    return f"occurrences-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

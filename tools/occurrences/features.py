"""Compute a dataset from the counted observations: rows, taxa, licence and version."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import duckdb

from chalicelib.domain import Status
from chalicelib.features.observations import ALL_MONTHS, EFFORT_ROW, NOT_COVERED
from tools.database.dataset_loader import FeatureRow, TaxonRow
from tools.occurrences.names import Names
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
"""The mean presence of each taxon over all sampled cells of resolution 4.

It is the mean of the presence that the service computes (``chalicelib.features.smoothing``), so
presence / prevalence = 1 means a place like the average, as ``ranking.place_weight`` assumes.
Plain shares would have another mean, dominated by cells with a single observer. Smoothing is
linear, so each cell passes on to its parent the weight that it gives to the parent.
"""


def rejected(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of rejected records by reason, and of malformed lines by fault."""
    counts = dict(
        connection.execute(
            "SELECT reason, sum(records)::BIGINT FROM observation WHERE reason IS NOT NULL "
            "GROUP BY reason ORDER BY 2 DESC"
        ).fetchall()
    )
    is_there = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [REJECTED_ROWS]
    ).fetchone()
    if is_there and is_there[0]:
        rows = connection.execute(
            "SELECT fault, count(*) FROM (SELECT min(error_type::VARCHAR) AS fault "
            f"FROM {REJECTED_ROWS} GROUP BY file_id, line) GROUP BY fault"
        ).fetchall()
        counts |= {f"line: {fault.lower()}": number for fault, number in rows}
    return counts


def accepted(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the number of accepted records."""
    return number(
        connection, "SELECT coalesce(sum(records), 0) FROM observation WHERE reason IS NULL"
    )


def number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the single number that a query selects."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def licence(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the most restrictive licence of the accepted records, which the dataset inherits."""
    return LICENCES[
        number(connection, "SELECT max(licence_number) FROM observation WHERE reason IS NULL")
    ]


def taxa(
    connection: duckdb.DuckDBPyConnection,
    prior_strength: float,
    names: Names,
    absent: Iterable[int] = (),
) -> list[TaxonRow]:
    """Return the observed taxa with their prevalence, and those whose absence counts.

    The dataset does not cover the other classes: a download of birds is no evidence about bears.
    """
    taxon_ids = {number: taxon_id for taxon_id, number in names.numbers.items()}
    prevalences = connection.execute(PREVALENCES, {"prior": prior_strength}).fetchall()
    prevalences += [(taxon, 0.0) for taxon in absent]
    return [(taxon, taxon_ids[taxon], prevalence) for taxon, prevalence in sorted(prevalences)]


ROWS: Final = f"""
    SELECT cell, month, taxon, observations,
           CASE WHEN taxon = {EFFORT_ROW} AND cell IN (FROM outside) THEN {NOT_COVERED}
                ELSE {ALL_MONTHS} END
      FROM feature
     UNION ALL
    SELECT cell, 0, {EFFORT_ROW}, 0, {NOT_COVERED}
      FROM outside WHERE cell NOT IN (SELECT cell FROM feature)
"""
"""A cell outside the covered area has a row, so that it does not fall back to its parents."""


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[FeatureRow]:
    """Yield the rows of ``geo_feature`` in the order of its primary key."""
    reader = connection.cursor().execute(f"{ROWS} ORDER BY ALL")
    while chunk := reader.fetchmany(CHUNK):
        for cell, month, taxon, observations, months in chunk:
            yield cell, month, taxon, float(observations), Status.RECORDED.value, months


def version(connection: duckdb.DuckDBPyConnection, *content: Any) -> str:
    """Return a hash of the rows and of ``content``.

    The same records in any order give the same version.
    """
    digest = connection.execute(
        "SELECT count(*), bit_xor(md5_number(concat_ws(' ', COLUMNS(*)))) "
        f"FROM ({ROWS}) AS feature_row (cell, month, taxon, observations, months)"
    ).fetchone()
    text = repr((digest, content))
    return f"occurrences-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

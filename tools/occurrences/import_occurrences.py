"""Import occurrences of GBIF or iNaturalist: ``make import-occurrences SOURCE=...``.

The target is the database, or with ``--sqlite`` a file for the embedded store.
docs/occurrences.md describes the formats, the options and the counting. The service uses its old
dataset until the new one is complete. A second import of the same records changes nothing.
"""

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import boto3
import duckdb
from tqdm import tqdm

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.build.facts import FactError
from tools.database.announcement import announce
from tools.database.connection import DatasetError
from tools.database.dataset_loader import FeatureRow, MysqlWriter, TaxonRow, writer_of
from tools.occurrences import counting, coverage, embedded, features, report
from tools.occurrences.athena import Athena, AthenaError, Client
from tools.occurrences.names import Names, read_names
from tools.occurrences.options import parse
from tools.occurrences.relations import SNAPSHOT, gbif_relation
from tools.occurrences.sources import open_source
from tools.occurrences.statement import ATHENA_LIMIT, Filters, literal, statement
from tools.occurrences.tables import Request, Source, SourceError, explain

LONGEST_TITLE: Final = 255
LONGEST_CITATION: Final = 2000
"""Characters that fit into the columns of ``dataset``."""

RESULT_TYPES: Final = {
    "reason": "VARCHAR", "latitude_bin": "INTEGER", "longitude_bin": "INTEGER",
    "resolution": "INTEGER", "month": "INTEGER", "observer": "VARCHAR", "classes": "VARCHAR",
    "taxon_name": "VARCHAR", "taxon_family": "VARCHAR", "taxon_order": "VARCHAR",
    "taxon_class": "VARCHAR", "licence_number": "INTEGER", "records": "BIGINT",
}  # fmt: skip
"""Columns of the statement's result, with DuckDB's types."""


def locate(options: Namespace, work: Path) -> Source:
    """Return the source with its citation. Raises ``SourceError``."""
    if options.engine == "athena":
        relation = gbif_relation(options.table, SNAPSHOT, options.licence)
        source = Source(relation, "Occurrences from a GBIF snapshot")
    else:
        source = open_source(
            Request(Path(options.source), work, options.format, options.taxa, options.licence)
        )
    if not (options.citation or source.citation):
        raise SourceError("The source has no citation: give one with --citation")
    return source


def filters_of(options: Namespace) -> Filters:
    """Return the conditions that a record must meet."""
    return Filters(
        options.maximum_uncertainty, tuple(options.licences), tuple(options.reject_basis)
    )


def gather(
    options: Namespace,
    text: str,
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    client: Client,
) -> None:
    """Run the statement on the chosen engine, and store its result."""
    if options.engine == "athena":
        if (size := len(text.encode())) > ATHENA_LIMIT:
            raise SourceError(
                f"The query has {size:,} bytes, because it holds all names of the models; Athena "
                f"accepts {ATHENA_LIMIT:,}. Import fewer models at once, or read the snapshot's "
                "files here, without --engine athena"
            )
        result = work / "result.csv"
        with tqdm(unit="B", unit_scale=True, desc="Athena reads", disable=None) as bar:

            def progress(scanned: int) -> None:
                bar.update(scanned - bar.n)

            service = Athena(client, options.output, options.workgroup, time.sleep, progress)
            service.fetch(text, result)
        text = f"FROM read_csv({literal(str(result))}, header = true, columns = {RESULT_TYPES})"
    watch(connection, "reading", lambda: counting.store(connection, text))


def watch(connection: duckdb.DuckDBPyConnection, title: str, work: Callable[[], Any]) -> None:
    """Run ``work`` and show the progress of DuckDB's query."""
    with ThreadPoolExecutor(1) as pool, tqdm(total=100, desc=title, unit="%", disable=None) as bar:
        future = pool.submit(work)
        try:
            while not future.done():
                wait([future], timeout=0.2)
                bar.update(max(connection.query_progress() - bar.n, 0))
        except KeyboardInterrupt:
            connection.interrupt()
            raise
        future.result()
        bar.update(100 - bar.n)


def report_records(connection: duckdb.DuckDBPyConnection, accepted: int) -> None:
    """Print the number of accepted records, and of rejected ones by reason."""
    print(f"{'accepted':28}{accepted:>14,}")
    for reason, records in features.rejected(connection).items():
        print(f"{reason:28}{records:>14,}")


def find_absent(
    options: Namespace, connection: duckdb.DuckDBPyConnection, names: Names, found: report.Found
) -> list[int]:
    """Return the taxa whose absence counts, by number, and print how many they are."""
    if not options.covers:
        return []
    complete = options.complete or coverage.complete_taxa(connection)
    absent = coverage.absent_taxa(names, found, complete)
    classes = len(names.classes.intersection(absent))
    print(
        f"absence counts for {classes:,} classes without a record in {' '.join(options.covers)}; "
        f"complete taxa: {', '.join(complete) or 'none'}"
    )
    return absent


def title_of(options: Namespace, source: Source) -> str:
    """Return the title of the dataset, which names the area for which absence counts."""
    area = f"; absence counts in {' '.join(options.covers)}" if options.covers else ""
    return options.title or f"{source.title}{area}"


def load(
    options: Namespace,
    source: Source,
    taxa: list[TaxonRow],
    connection: duckdb.DuckDBPyConnection,
    writer: MysqlWriter | None,
) -> tuple[str, int]:
    """Write the dataset; return its version and the number of new rows."""
    description: dict[str, Any] = {
        "title": title_of(options, source)[:LONGEST_TITLE],
        "licence": features.licence(connection),
        "citation": (options.citation or source.citation or "")[:LONGEST_CITATION],
        "expected_presence": options.expected_presence,
        "prior_strength": options.prior_strength,
    }
    description["version"] = features.version(
        connection, [taxon[:2] for taxon in taxa], sorted(description.items())
    )
    total = features.number(connection, f"SELECT count(*) FROM ({features.ROWS})")
    rows: Iterable[FeatureRow] = tqdm(
        features.rows(connection), desc="writing", total=total, unit="row", disable=None
    )
    if writer is None:
        return description["version"], embedded.write(options.sqlite, description, taxa, rows)
    return description["version"], writer.load(description, taxa, rows)


def run(options: Namespace, client: Client) -> int:
    """Import; return the number of rows. Raises the faults of the source before it writes."""
    settings = Settings.from_environment()
    names = read_names(options.model)
    area = coverage.parse_area(options.covers) if options.covers else None
    coverage.refuse_unknown_taxa(names, options.complete or ())
    writer = None if options.sqlite else writer_of(settings)
    with tempfile.TemporaryDirectory(prefix="import-", dir=options.work) as directory:
        work = Path(directory)
        source = locate(options, work)
        with counting.connect(work, options.memory, options.threads) as connection:
            if source.prepare:
                source.prepare(connection)
            text = statement(source.relation, names, filters_of(options))
            gather(options, text, connection, work, client)
            counting.map_bins(connection)
            coverage.restrict(connection, area)
            accepted = features.accepted(connection)
            report_records(connection, accepted)
            if source.note:
                print(source.note)
            if not accepted:
                raise SourceError("No record was accepted: nothing to load")
            watch(connection, "counting", lambda: counting.count(connection))
            found = report.find(connection, names)
            print(*report.lines(connection, names, found), sep="\n")
            absent = find_absent(options, connection, names, found)
            taxa = features.taxa(connection, options.prior_strength, names, absent)
            version, count = load(options, source, taxa, connection, writer)
    print(f"{version}: {count:,} rows loaded" if count else f"{version}: already there")
    if writer:
        announce(settings)
    return count


def main(arguments: list[str] | None = None, client: Client = boto3.client) -> int:
    """Import and print the result; return 2 if that fails."""
    try:
        run(parse(arguments), client)
    except (SourceError, FactError, DatasetError, InvalidSettings, AthenaError) as error:
        print(error, file=sys.stderr)
        return 2
    except duckdb.Error as error:
        print(explain(error), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

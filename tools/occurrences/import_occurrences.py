"""Load real occurrences: ``make import-occurrences SOURCE=...``.

From GBIF or iNaturalist into the database, or with ``--sqlite`` into a file for the embedded
store. docs/occurrences.md has the formats, the options and what is counted. The service goes
on with its dataset until the new one is whole; the same records a second time do nothing.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import boto3
import duckdb
from tqdm import tqdm

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.connection import DatasetError
from tools.database.dataset_loader import FeatureRow, MysqlWriter, writer_of
from tools.occurrences import counting, embedded, features
from tools.occurrences.athena import Athena, AthenaError, Client
from tools.occurrences.names import class_names
from tools.occurrences.relations import SNAPSHOT, gbif_relation
from tools.occurrences.sources import FORMATS, Request, Source, open_source
from tools.occurrences.statement import LICENCES, Filters, literal, statement
from tools.occurrences.tables import SourceError

PRIOR_STRENGTH: Final = 10.0
"""Observers that the wider cell's word is worth in a finer one. Nobody has measured it."""

EXPECTED_PRESENCE: Final = 0.001
"""Of all observers in a cell, the share from which on an animal counts as expected there."""

LONGEST_TITLE: Final = 255
LONGEST_CITATION: Final = 2000
"""Characters that ``dataset`` has room for."""

ANSWER: Final = {
    "reason": "VARCHAR", "latitude_bin": "INTEGER", "longitude_bin": "INTEGER",
    "resolution": "INTEGER", "month": "INTEGER", "observer": "VARCHAR", "classes": "BIGINT",
    "licence_number": "INTEGER", "records": "BIGINT",
}  # fmt: skip
"""Columns of the statement's answer."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    default = Filters()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", type=Path, nargs="?", help="file or directory of records")
    parser.add_argument("--format", choices=FORMATS, help="if the content does not tell")
    parser.add_argument("--taxa", type=Path, help="iNaturalist's taxa.csv.gz")
    parser.add_argument("--sqlite", type=Path, help="write this file, not to the database")
    parser.add_argument("--title", help="what the dataset is")
    parser.add_argument("--citation", help="how to cite it, if the source does not say")
    parser.add_argument("--licence", choices=LICENCES, help="of all records, if they do not say")
    parser.add_argument("--licences", nargs="+", choices=LICENCES, default=default.licences)
    parser.add_argument(
        "--maximum-uncertainty", type=float, metavar="METRES", default=default.maximum_uncertainty
    )
    parser.add_argument("--reject-basis", nargs="*", default=default.rejected_bases)
    parser.add_argument("--prior-strength", type=float, default=PRIOR_STRENGTH)
    parser.add_argument("--expected-presence", type=float, default=EXPECTED_PRESENCE)
    parser.add_argument("--memory", default="2GB", help="what DuckDB keeps before it spills")
    parser.add_argument("--threads", type=int, help="default: as many as there are cores")
    parser.add_argument("--work", type=Path, help="where to unpack and to spill")
    parser.add_argument("--engine", choices=("duckdb", "athena"), default="duckdb")
    parser.add_argument("--table", help="Athena: the table, as database.table")
    parser.add_argument("--output", help="Athena: s3://bucket/prefix/ for its answer")
    parser.add_argument("--workgroup", default="primary", help="Athena: who pays")
    found = parser.parse_args(arguments)
    if found.engine == "athena" and not (found.table and found.output):
        parser.error("--engine athena needs --table and --output")
    if found.engine == "duckdb" and not found.source:
        parser.error("name the source: make import-occurrences SOURCE=...")
    return found


def locate(options: argparse.Namespace, work: Path) -> Source:
    """The source with a citation. Raises ``SourceError``."""
    if options.engine == "athena":
        relation = gbif_relation(options.table, SNAPSHOT, options.licence)
        source = Source(relation, "Occurrences from a GBIF snapshot")
    else:
        source = open_source(
            Request(options.source, work, options.format, options.taxa, options.licence)
        )
    if not (options.citation or source.citation):
        raise SourceError("The source does not say how to cite it: do so with --citation")
    return source


def gather(
    options: argparse.Namespace,
    source: Source,
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    client: Client,
) -> None:
    """Run the statement, here or there, and keep its answer."""
    filters = Filters(
        options.maximum_uncertainty, tuple(options.licences), tuple(options.reject_basis)
    )
    text = statement(source.relation, class_names(), filters)
    if options.engine == "athena":
        answer = work / "answer.csv"
        with tqdm(unit="B", unit_scale=True, desc="Athena reads", disable=None) as bar:

            def progress(scanned: int) -> None:
                bar.update(scanned - bar.n)

            service = Athena(client, options.output, options.workgroup, time.sleep, progress)
            service.fetch(text, answer)
        text = f"FROM read_csv({literal(str(answer))}, header = true, columns = {ANSWER})"
    elif source.prepare:
        source.prepare(connection)
    watch(connection, "reading", lambda: connection.execute(counting.LOOKS.format(source=text)))


def watch(connection: duckdb.DuckDBPyConnection, what: str, work: Callable[[], Any]) -> None:
    """Show how far DuckDB is with its query."""
    with ThreadPoolExecutor(1) as pool, tqdm(total=100, desc=what, unit="%", disable=None) as bar:
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


def report(connection: duckdb.DuckDBPyConnection, kept: int) -> None:
    """What became of all records."""
    print(f"{'kept':28}{kept:>14,}")
    for reason, records in features.rejected(connection).items():
        print(f"{reason:28}{records:>14,}")


def load(
    options: argparse.Namespace,
    source: Source,
    connection: duckdb.DuckDBPyConnection,
    writer: MysqlWriter | None,
) -> tuple[str, int]:
    """Describe the dataset and write it; its version, and how many rows were new."""
    description: dict[str, Any] = {
        "title": (options.title or source.title)[:LONGEST_TITLE],
        "licence": features.licence(connection),
        "citation": (options.citation or source.citation or "")[:LONGEST_CITATION],
        "expected_presence": options.expected_presence,
        "prior_strength": options.prior_strength,
    }
    description["version"] = features.version(connection, description)
    taxa = features.taxa(connection, options.prior_strength)
    total = features.number(connection, "SELECT count(*) FROM feature")
    rows: Iterable[FeatureRow] = tqdm(
        features.rows(connection), desc="writing", total=total, unit="row", disable=None
    )
    if writer is None:
        return description["version"], embedded.write(options.sqlite, description, taxa, rows)
    return description["version"], writer.load(description, taxa, rows)


def run(options: argparse.Namespace, client: Client) -> int:
    """Import; the number of rows written. Raises what is wrong before anything is."""
    writer = None if options.sqlite else writer_of(Settings.from_environment())
    with tempfile.TemporaryDirectory(prefix="import-", dir=options.work) as directory:
        work = Path(directory)
        source = locate(options, work)
        with counting.connect(work, options.memory, options.threads) as connection:
            gather(options, source, connection, work, client)
            kept = features.kept(connection)
            report(connection, kept)
            if not kept:
                raise SourceError("No record was kept: nothing to load")
            watch(connection, "counting", lambda: counting.count(connection))
            version, count = load(options, source, connection, writer)
    print(f"{version}: {count:,} rows loaded" if count else f"{version}: already there")
    return count


def main(arguments: list[str] | None = None, client: Client = boto3.client) -> int:
    """Import and say what came of it; 2 where that cannot be done."""
    try:
        run(parse(arguments), client)
    except (SourceError, DatasetError, InvalidSettings, AthenaError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Import occurrences of GBIF or iNaturalist: ``make import-occurrences SOURCE=...``.

The target is the database, or with ``--sqlite`` a file for the embedded store.
docs/occurrences.md describes the formats, the options and the counting. The service uses its old
dataset until the new one is complete. A second import of the same records changes nothing.
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
from tools.database.announcement import announce
from tools.database.connection import DatasetError
from tools.database.dataset_loader import FeatureRow, MysqlWriter, writer_of
from tools.occurrences import counting, embedded, features
from tools.occurrences.athena import Athena, AthenaError, Client
from tools.occurrences.names import all_names
from tools.occurrences.relations import SNAPSHOT, gbif_relation
from tools.occurrences.sources import FORMATS, Request, Source, open_source
from tools.occurrences.statement import LICENCES, Filters, literal, statement
from tools.occurrences.tables import SourceError

PRIOR_STRENGTH: Final = 10.0
"""Weight of the parent cell, in observers. The value is an assumption, not measured."""

EXPECTED_PRESENCE: Final = 0.001
"""An animal is expected in a cell if at least this share of its observers saw it."""

LONGEST_TITLE: Final = 255
LONGEST_CITATION: Final = 2000
"""Characters that fit into the columns of ``dataset``."""

RESULT_TYPES: Final = {
    "reason": "VARCHAR", "latitude_bin": "INTEGER", "longitude_bin": "INTEGER",
    "resolution": "INTEGER", "month": "INTEGER", "observer": "VARCHAR", "classes": "BIGINT",
    "licence_number": "INTEGER", "records": "BIGINT",
}  # fmt: skip
"""Columns of the statement's result, with DuckDB's types."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises ``SourceError`` if it names no source."""
    default = Filters()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", default="", help="file or directory of records"
    )
    parser.add_argument("--format", choices=FORMATS, help="default: recognised by the content")
    parser.add_argument("--taxa", type=Path, help="taxa.csv.gz of iNaturalist; default: beside it")
    parser.add_argument("--sqlite", type=Path, help="write to this file, not to the database")
    parser.add_argument("--title", help="title of the dataset")
    parser.add_argument("--citation", help="needed if the source has none")
    parser.add_argument("--licence", choices=LICENCES, help="of all records, if they have none")
    parser.add_argument(
        "--licences",
        nargs="+",
        choices=LICENCES,
        default=default.licences,
        help="accepted ones; default: %(default)s",
    )
    parser.add_argument(
        "--maximum-uncertainty",
        type=float,
        metavar="METRES",
        default=default.maximum_uncertainty,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--reject-basis",
        nargs="*",
        default=default.rejected_bases,
        help="rejected values of basisOfRecord; default: %(default)s",
    )
    parser.add_argument(
        "--prior-strength",
        type=float,
        default=PRIOR_STRENGTH,
        help="weight of the parent cell, in observers; default: %(default)s",
    )
    parser.add_argument(
        "--expected-presence",
        type=float,
        default=EXPECTED_PRESENCE,
        help="share of observers that makes an animal expected; default: %(default)s",
    )
    parser.add_argument("--memory", default="2GB", help="of DuckDB; default: %(default)s")
    parser.add_argument("--threads", type=int, help="default: the number of cores")
    parser.add_argument("--work", type=Path, help="directory for temporary files")
    parser.add_argument(
        "--engine",
        choices=("duckdb", "athena"),
        default="duckdb",
        help="runs the statement; default: %(default)s",
    )
    parser.add_argument("--table", help="of Athena, as database.table")
    parser.add_argument("--output", help="of Athena: s3://bucket/prefix/ for the result")
    parser.add_argument("--workgroup", default="primary", help="of Athena; default: %(default)s")
    options = parser.parse_args(arguments)
    if options.engine == "athena" and not (options.table and options.output):
        raise SourceError("--engine athena needs --table and --output")
    if options.engine == "duckdb" and not options.source:
        raise SourceError("Name the file or directory: make import-occurrences SOURCE=...")
    if options.engine == "duckdb" and not Path(options.source).exists():
        raise SourceError(f"{options.source} does not exist")
    return options


def locate(options: argparse.Namespace, work: Path) -> Source:
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


def gather(
    options: argparse.Namespace,
    source: Source,
    connection: duckdb.DuckDBPyConnection,
    work: Path,
    client: Client,
) -> None:
    """Run the statement on the chosen engine, and store its result."""
    filters = Filters(
        options.maximum_uncertainty, tuple(options.licences), tuple(options.reject_basis)
    )
    text = statement(source.relation, all_names(), filters)
    if options.engine == "athena":
        result = work / "result.csv"
        with tqdm(unit="B", unit_scale=True, desc="Athena reads", disable=None) as bar:

            def progress(scanned: int) -> None:
                bar.update(scanned - bar.n)

            service = Athena(client, options.output, options.workgroup, time.sleep, progress)
            service.fetch(text, result)
        text = f"FROM read_csv({literal(str(result))}, header = true, columns = {RESULT_TYPES})"
    elif source.prepare:
        source.prepare(connection)
    watch(
        connection, "reading", lambda: connection.execute(counting.OBSERVATIONS.format(source=text))
    )


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


def report(connection: duckdb.DuckDBPyConnection, accepted: int) -> None:
    """Print the number of accepted records, and of rejected ones by reason."""
    print(f"{'accepted':28}{accepted:>14,}")
    for reason, records in features.rejected(connection).items():
        print(f"{reason:28}{records:>14,}")


def load(
    options: argparse.Namespace,
    source: Source,
    connection: duckdb.DuckDBPyConnection,
    writer: MysqlWriter | None,
) -> tuple[str, int]:
    """Write the dataset; return its version and the number of new rows."""
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
    """Import; return the number of rows. Raises the faults of the source before it writes."""
    settings = Settings.from_environment()
    writer = None if options.sqlite else writer_of(settings)
    with tempfile.TemporaryDirectory(prefix="import-", dir=options.work) as directory:
        work = Path(directory)
        source = locate(options, work)
        with counting.connect(work, options.memory, options.threads) as connection:
            gather(options, source, connection, work, client)
            accepted = features.accepted(connection)
            report(connection, accepted)
            if not accepted:
                raise SourceError("No record was accepted: nothing to load")
            watch(connection, "counting", lambda: counting.count(connection))
            version, count = load(options, source, connection, writer)
    print(f"{version}: {count:,} rows loaded" if count else f"{version}: already there")
    if writer:
        announce(settings)
    return count


def main(arguments: list[str] | None = None, client: Client = boto3.client) -> int:
    """Import and print the result; return 2 if that fails."""
    try:
        run(parse(arguments), client)
    except (SourceError, DatasetError, InvalidSettings, AthenaError, duckdb.Error) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

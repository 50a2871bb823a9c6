"""The options of ``make import-occurrences``."""

import argparse
from pathlib import Path
from typing import Final

from tools.build.model_directory import MODEL_DIRECTORY
from tools.occurrences.sources import FORMATS
from tools.occurrences.statement import LICENCES, Filters
from tools.occurrences.tables import SourceError

PRIOR_STRENGTH: Final = 10.0
"""Weight of the parent cell, in observers. The value is an assumption, not measured."""

EXPECTED_PRESENCE: Final = 0.001
"""An animal is expected in a cell if at least this share of its observers saw it."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line. Raises ``SourceError`` if it names no source."""
    default = Filters()
    parser = argparse.ArgumentParser(
        description="Import occurrences of GBIF or iNaturalist (docs/occurrences.md)."
    )
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", default="", help="file or directory of records"
    )
    parser.add_argument("--format", choices=FORMATS, help="default: recognised by the content")
    parser.add_argument("--taxa", type=Path, help="taxa.csv.gz of iNaturalist; default: beside it")
    parser.add_argument(
        "--model",
        type=Path,
        action="append",
        metavar="DIRECTORY",
        help="model directory whose animals to count; may be given again; default: the shipped one",
    )
    parser.add_argument(
        "--covers",
        nargs="+",
        metavar="AREA",
        help="where absence counts: DE,FR or Europe or box:SOUTH,WEST,NORTH,EAST or world; "
        "default: nowhere",
    )
    parser.add_argument(
        "--complete",
        type=lambda text: [name for name in map(str.strip, text.split(",")) if name],
        metavar="TAXA",
        help="for which animals absence counts: Aves,Mammalia; default: the classes and orders "
        "that the records name ten species of",
    )
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
    options.model = options.model or [MODEL_DIRECTORY]
    for directory in (options.work, options.sqlite and options.sqlite.parent):
        if directory and not directory.is_dir():
            raise SourceError(f"{directory} is no directory: create it first")
    if options.complete and not options.covers:
        raise SourceError("--complete needs --covers: name the area for which absence counts")
    if options.engine == "athena" and not (options.table and options.output):
        raise SourceError("--engine athena needs --table and --output")
    if options.engine == "duckdb" and not options.source:
        raise SourceError("Name the file or directory: make import-occurrences SOURCE=...")
    if options.engine == "duckdb" and not Path(options.source).exists():
        raise SourceError(f"{options.source} does not exist")
    return options

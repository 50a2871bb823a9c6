"""Measure how good the answers are, with and without the place: make evaluate LABELS=file.csv.

LABELS is a CSV table in UTF-8, one row for each photo, with these columns:

  file                           path of the photo, relative to the table
  taxonID, scientificName or     the animal in the photo; if a row has several,
  classIndex                     classIndex counts first, then taxonID
  taxa, or genus, family,        every name that is right, finest first, with |
  order, class and phylum        between them; or the animal's wider names. They
                                 are needed for an animal that the model lacks
  kind, damage                   optional: what the photo shows, and its damage
  decimalLatitude,               optional: the place in degrees; without it, the
  decimalLongitude               place in the photo's EXIF counts
  coordinateUncertaintyInMeters  optional
  eventDate                      optional: ISO 8601, such as 2026-11-23 or 2026-11

The table may have other columns. samples/samples.csv works as it is. The real
pipeline identifies each photo; a photo without a place counts for the picture
alone. The program lists the rows that it cannot use and leaves them out.
docs/accuracy.md explains the figures.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from chalicelib.bootstrap import Services
from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.evaluate import decisions
from tools.evaluate.figures import by_continent, by_group, named_intervals, summarise
from tools.evaluate.judging import evaluate
from tools.evaluate.labels import Condition, LabelsError
from tools.evaluate.outcome import Answered
from tools.evaluate.report import print_decisions, print_report


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="tools.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("labels", metavar="LABELS", nargs="?", default="", help="the table")
    parser.add_argument(
        "--only",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        help="use only rows with this value; != for any other value; may be repeated",
    )
    parser.add_argument("--by", metavar="COLUMN", help="print top-1 by this column, too")
    parser.add_argument(
        "--cluster",
        metavar="COLUMN",
        help="rows with the same value are not independent: draw them together",
    )
    parser.add_argument(
        "--unlisted-share",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of visitors' photos with animals that the model lacks, for the mixed figure; "
        "default %(default)s",
    )
    parser.add_argument(
        "--most",
        type=int,
        default=decisions.POOLED_PHOTOS,
        metavar="N",
        help="most photos of a kind where kinds are pooled; default %(default)s",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to a file")
    parser.add_argument(
        "--plots", type=Path, metavar="DIRECTORY", help="write two diagrams to a directory"
    )
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Evaluate, print and write; return 1 if no row can be used.

    Raises ``LabelsError`` or ``InvalidSettings`` before the first photo.
    """
    if not options.labels:
        raise LabelsError("Name the table of labelled photos: make evaluate LABELS=file.csv")
    services = Services.build(Settings.from_environment())
    columns = [column for column in (options.by, options.cluster) if column]
    only = [Condition(text) for text in options.only]
    results = list(evaluate(Path(options.labels), services, only, columns))
    for fault in (result for result in results if isinstance(result, str)):
        print(fault, file=sys.stderr)
    answered = [result for result in results if isinstance(result, Answered)]
    if not answered:
        print(f"{options.labels}: no row can be used", file=sys.stderr)
        return 1
    outcomes = [result.outcome for result in answered if result.outcome]
    report: dict[str, Any] = {"photos": len(answered)}
    if outcomes:
        report = summarise(outcomes, options.cluster)
        report["groups"] = {"continent": by_continent(outcomes)}
        if options.by:
            report["groups"][options.by] = by_group(outcomes, lambda one: one.row[options.by])
        print_report(report)
    report["names"] = decisions.report(
        [result.decided for result in answered], options.unlisted_share, options.most
    )
    print_decisions(report["names"])
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(named_intervals(report), indent=2) + "\n")
    if options.plots and outcomes:
        # matplotlib takes a second to import.
        from tools.evaluate.plots import accuracy_by_region, reliability_diagram  # noqa: PLC0415

        options.plots.mkdir(parents=True, exist_ok=True)
        reliability_diagram(outcomes, options.plots / "reliability.png")
        accuracy_by_region(report["groups"]["continent"], options.plots / "regions.png")
    return 0


def main() -> int:
    """Evaluate; return 2 if the table or a setting cannot be used."""
    try:
        return run(parse())
    except (LabelsError, InvalidSettings) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

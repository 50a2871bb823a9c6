"""How often the first and the first five answers are right, with and without the place.

``python -m tools.evaluate LABELS.csv`` with the columns ``file, classIndex,
decimalLatitude, decimalLongitude``; paths are relative to the table. Rows without
coordinates count for the picture alone. The real pipeline does the work. Rows
that cannot be read are listed and left out.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chalicelib.bootstrap import Services
from chalicelib.domain import Candidate, Coordinates
from chalicelib.errors import RangefinderError
from chalicelib.identify import Query
from chalicelib.settings import Settings


class Outcome(NamedTuple):
    """Where the right animal came: 0 is first."""

    without_place: int
    with_place: int | None


def rank_of(taxon_id: str, candidates: tuple[Candidate, ...]) -> int:
    """The position of a taxon among the candidates, from 0."""
    return [one.taxon.taxon_id for one in candidates].index(taxon_id)


def outcome_of(row: dict[str, str], directory: Path, services: Services) -> Outcome:
    """Identify a row's photo. Raises ``ValueError`` where its class is no animal."""
    taxon = services.classifier.model.taxa[int(row["classIndex"])]
    if taxon is None:
        raise ValueError("the class is no animal")
    photo = (directory / row["file"]).read_bytes()
    alone = services.identify(Query(photo, use_geo=False))
    together = None
    if row.get("decimalLatitude"):
        point = Coordinates(float(row["decimalLatitude"]), float(row["decimalLongitude"]))
        found = services.identify(Query(photo, coordinates=point))
        together = rank_of(taxon.taxon_id, found.candidates)
    return Outcome(rank_of(taxon.taxon_id, alone.candidates), together)


def evaluate(labels: Path, services: Services) -> Iterator[Outcome | str]:
    """An outcome for each row, or what is wrong with the row."""
    with labels.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                yield outcome_of(row, labels.parent, services)
            except (OSError, ValueError, KeyError, IndexError, RangefinderError) as error:
                yield f"row {number} ({row.get('file')}): {error}"


def report(name: str, ranks: list[int]) -> None:
    """One line of the result."""
    if ranks:
        top1, top5 = (sum(rank < limit for rank in ranks) / len(ranks) for limit in (1, 5))
        print(f"{name:24}{len(ranks):6}{top1:9.1%}{top5:9.1%}")


def main() -> int:
    """Print the table; 1 where no row could be read."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="CSV table of labelled photos")
    results = list(
        evaluate(parser.parse_args().labels, Services.build(Settings.from_environment()))
    )
    outcomes = [result for result in results if isinstance(result, Outcome)]
    placed = [outcome for outcome in outcomes if outcome.with_place is not None]
    print(f"{'':24}{'photos':>6}{'top-1':>9}{'top-5':>9}")
    report("picture alone, all", [outcome.without_place for outcome in outcomes])
    report("picture alone, placed", [outcome.without_place for outcome in placed])
    report("picture and place", [one.with_place for one in placed if one.with_place is not None])
    right, wrong = (
        sum(
            (one.with_place == 0) is better and (one.without_place == 0) is not better
            for one in placed
        )
        for better in (True, False)
    )
    print(f"the place turned {right} wrong answers right and {wrong} right ones wrong")
    for result in results:
        if isinstance(result, str):
            print(result, file=sys.stderr)
    return 0 if outcomes else 1


if __name__ == "__main__":
    sys.exit(main())

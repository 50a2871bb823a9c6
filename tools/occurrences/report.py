"""Report what an import found: records that match, names that do not, classes without records.

A model's labels may have older names than the records: *Picoides pubescens* for *Dryobates
pubescens*. Such a class would look absent everywhere. Its epithet, in the same family or order,
betrays most of them.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import duckdb

from chalicelib.features.cells import FINEST_RESOLUTION
from chalicelib.features.observations import EFFORT_ROW
from tools.occurrences.names import Names, Row

LISTED: Final = 10
"""A line of the report lists so many names."""

MOST_RENAMED: Final = 100
"""So many classes that may have another name are listed; who adds these sees the next."""

NAMED: Final = """
    SELECT taxon_name, taxon_family, taxon_order, taxon_class, sum(records)::BIGINT AS records
      FROM named
     WHERE classes NOT IN (SELECT classes FROM observation_class WHERE taxon IN {numbers})
     GROUP BY ALL ORDER BY records DESC, taxon_name
"""
ENDING: Final = re.compile(r"(us|um|a|is|e|er|ra|rum|i|ii|ae|os|on)$")
"""The ending of an epithet follows the gender of its genus, so a new genus may change it."""


class Name(NamedTuple):
    """A name in the records that matches no taxon of the models, and its number of records."""

    name: str
    family: str | None
    order: str | None
    taxon_class: str | None
    records: int


class Found(NamedTuple):
    """The result of an import, before it is written.

    ``matched`` records match a class. ``unmatched`` names match nothing, the most frequent first.
    ``absent`` are the taxa without a record, by number. ``renamed`` has the names that some of them
    may have in the records. ``recorded`` are all finest names, up to the species.
    """

    matched: int
    unmatched: Sequence[Name]
    absent: Sequence[int]
    renamed: Mapping[int, Name]
    recorded: frozenset[str]


def find(connection: duckdb.DuckDBPyConnection, names: Names) -> Found:
    """Compare the records with the classes. ``counting.count`` has run."""
    known = {name for model in names.models for _, name in model}
    unmatched = [
        name
        for name in _named_without(connection, names.numbers.values())
        if name.name not in known  # a dog is no wolf, but its species is known
    ]
    named = _named_without(connection, ())
    without = sum(name.records for name in _named_without(connection, names.classes))
    observed = connection.execute("SELECT DISTINCT taxon FROM feature").fetchall()
    absent = sorted(names.rows.keys() - {taxon for (taxon,) in observed})
    return Found(
        matched=sum(name.records for name in named) - without,
        unmatched=unmatched,
        absent=absent,
        renamed=renamed(absent, names, named),
        recorded=frozenset(name.name for name in named),
    )


def _named_without(connection: duckdb.DuckDBPyConnection, numbers: Iterable[int]) -> list[Name]:
    """Return the names of records that match none of the taxa with these numbers."""
    listed = ", ".join(map(str, sorted(numbers))) or "-1"
    rows = connection.execute(NAMED.format(numbers=f"({listed})")).fetchall()
    return [Name(*row) for row in rows]


def renamed(absent: Sequence[int], names: Names, named: Sequence[Name]) -> dict[int, Name]:
    """Return the name in the records that may be another one of each absent species.

    It has the same epithet, and its family, or else its order, is the same. The most frequent one
    counts. The name of a class is that of another animal, and so is a name that the model knows.
    """
    by_epithet: defaultdict[str, list[Name]] = defaultdict(list)
    for name in named:
        if epithet := _epithet(name.name):
            by_epithet[epithet].append(name)
    known = [
        ({abs(number) for number in model.values()}, {name for _, name in model})
        for model in names.models
    ]
    of_classes = {
        name for model in names.models for (_, name), number in model.items() if number > 0
    }
    found: dict[int, Name] = {}
    for number in absent:
        row = names.rows[number]
        others = of_classes.union(*(called for numbers, called in known if number in numbers))
        relatives = [
            name
            for name in by_epithet.get(_epithet(row["scientificName"]) or "", ())
            if name.name not in others and _are_relatives(row, name)
        ]
        family = [name for name in relatives if row.get("family") in (name.family, None, "")]
        for name in (*family[:1], *relatives[:1]):
            found.setdefault(number, name)
    return found


def _are_relatives(row: Row, name: Name) -> bool:
    """Return whether family or order are the same; where one of the two lacks both, the class."""
    ours = {row.get("family"), row.get("order")} - {None, ""}
    theirs = {name.family, name.order} - {None, ""}
    if ours and theirs:
        return bool(ours & theirs)
    return row.get("class") in (None, "", name.taxon_class)


def _epithet(name: str) -> str | None:
    words = name.split()
    return ENDING.sub("", words[1]) if len(words) == 2 else None


def lines(connection: duckdb.DuckDBPyConnection, names: Names, found: Found) -> Iterator[str]:
    """Yield the lines of the report."""
    absent = [number for number in found.absent if number in names.classes]
    unmatched = sum(name.records for name in found.unmatched)
    yield (
        f"{found.matched:,} records match {len(names.classes) - len(absent):,} of "
        f"{len(names.classes):,} classes; {unmatched:,} match no name"
    )
    if found.unmatched:
        listed = ", ".join(f"{name.name} ({name.records:,})" for name in found.unmatched[:LISTED])
        yield f"most frequent names without a match: {listed}"
    if absent:
        listed = _listed([names.rows[number]["scientificName"] for number in absent])
        yield f"{len(absent):,} classes without a record: {listed}"
    renamed_first = sorted(
        ((number, name) for number, name in found.renamed.items() if number in names.classes),
        key=lambda item: -item[1].records,
    )
    for number, name in renamed_first[:MOST_RENAMED]:
        label = names.rows[number]["scientificName"]
        yield (
            f"{label} may be {name.name} ({name.records:,} records): if so, add the line "
            f"{name.name},{label} to the model's synonyms.csv"
        )
    if (more := len(renamed_first) - MOST_RENAMED) > 0:
        yield f"{more:,} more classes may have another name"
    if names.nameless:
        yield (
            f"{len(names.nameless):,} classes that no record can match: {_listed(names.nameless)}; "
            "list their members in the model's members.csv"
        )
    cells = connection.execute(
        "SELECT count(*) FROM feature JOIN lineage ON lineage.parent = feature.cell "
        f"AND lineage.cell = feature.cell WHERE month = 0 AND taxon = {EFFORT_ROW}"
    ).fetchone()
    yield f"{cells[0] if cells else 0:,} cells of resolution {FINEST_RESOLUTION} have observers"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return f"{', '.join(names[:LISTED])}{more}"

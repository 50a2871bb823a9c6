"""Read what the model's list lacks: unlisted taxa, where they live, and what is taken for them.

``unlisted.csv`` has the taxa, ``unlisted_ranges.csv`` their regions, and ``lookalikes.csv`` says
for which class of the model each is taken.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from chalicelib.domain import HIGHER_RANKS, PRESENCE_BY_STATUS, Geography, Status
from tools import ROOT
from tools.build.facts import FactError, raise_faults, read_table
from tools.build.regions import CONTINENTS, Regions

WORLD: Final = "001"
"""The code of UN M49 for the world; codes of continents are in ``CONTINENTS``."""

WORLDWIDE: Final = 0.5
"""A taxon in at least this share of the regions lives everywhere."""

REMOTE: Final = frozenset(
    {"AC", "AU/lord-howe", "AU/tasmania/macquarie", "BM", "BV", "CC", "CL/easter",
     "CL/juan-fernandez", "CP", "CX", "EC/galapagos", "FK", "FO", "GS", "HM", "IC", "IS", "NF",
     "NZ/chatham", "PN", "PT/azores", "PT/madeira", "Q46275", "SC", "SH/saint-helena", "TA",
     "TF/crozet", "TF/kerguelen", "ZA/prince-edward"}
)  # fmt: skip
"""Islands far from land: what walks or lives in fresh water needs a row that names the island."""

WALKING: Final = frozenset({"Mammalia", "Reptilia", "Amphibia"})
"""Classes whose members on land do not fly; bats have rows for the islands that they live on."""

RANKS: Final = frozenset(
    {"subspecies", "species", "tribe", "subfamily", "superfamily", "infraorder", "suborder",
     "phylum", *HIGHER_RANKS}
)  # fmt: skip
"""The ranks that an unlisted taxon may have."""

HABITATS: Final = frozenset({"land", "terrestrial", "freshwater", "marine"})

LIKENESSES: Final = ("close", "loose")

COLUMNS: Final = (
    "taxonID", "scientificName", "vernacularName", "taxonRank", "geography",
    "class", "order", "family", "genus", *LIKENESSES,
)  # fmt: skip
"""The columns of the model's table; names of classes are separated by ``|``."""

TARGET: Final = ROOT / "chalicelib" / "data" / "model" / "lookalikes.csv"

Row = Mapping[str, str]


def unlisted_taxa(rows: Iterable[Row] | None = None) -> dict[str, Row]:
    """Return the rows of ``unlisted.csv`` by scientific name.

    Raises ``FactError`` with all faults.
    """
    known = {row["scientificName"] for row in read_table("classes.csv")}
    taxa: dict[str, Row] = {}
    identifiers: dict[str, str] = {}
    faults: list[str] = []
    for row in read_table("unlisted.csv") if rows is None else rows:
        name, identifier = row["scientificName"], row["taxonID"]
        if name in taxa:
            faults.append(f"unlisted.csv: {name} is there twice")
        if name in known:
            faults.append(f"unlisted.csv: {name} is a class of the model, so it is listed")
        if row["taxonRank"] not in RANKS or row["habitat"] not in HABITATS:
            faults.append(
                f"unlisted.csv: {name} has rank {row['taxonRank']!r} and habitat "
                f"{row['habitat']!r}; ranks are {', '.join(sorted(RANKS))}, "
                f"habitats {', '.join(sorted(HABITATS))}"
            )
        if not identifier:
            faults.append(
                f"unlisted.csv: {name} has no taxonID; python -m tools.build.relatives fills it in"
            )
        elif (other := identifiers.setdefault(identifier, name)) != name:
            faults.append(f"unlisted.csv: {name} and {other} are both {identifier}")
        taxa[name] = row
    raise_faults(faults)
    return taxa


def unlisted_statuses(
    regions: Regions, taxa: Mapping[str, Row], rows: Iterable[Row] | None = None
) -> dict[str, dict[str, Status]]:
    """Return the statuses of the unlisted taxa, by region and taxonID. Raises ``FactError``.

    The finest code that names a region counts: the region itself, what it lies in, its continent,
    then the world. On remote islands only the first counts for what cannot get there. What one row
    takes out, another may put in with its own status.
    """
    stated: dict[str, dict[str, Status | None]] = {}
    for row in read_table("unlisted_ranges.csv") if rows is None else rows:
        name = row["scientificName"]
        if name not in taxa:
            raise FactError(f"unlisted_ranges.csv: {name} is not in unlisted.csv")
        of_taxon = stated.setdefault(name, {})
        for code, status in codes(row, regions):
            if status is None:
                of_taxon.setdefault(code, None)
            elif of_taxon.get(code):
                raise FactError(f"unlisted_ranges.csv: {name} has {code} twice")
            else:
                of_taxon[code] = status
    if missing := sorted(taxa.keys() - stated.keys()):
        raise FactError(f"unlisted_ranges.csv: no region has {', '.join(missing)}")
    result: dict[str, dict[str, Status]] = {region: {} for region in regions.names}
    for region, found in result.items():
        wider = (*regions.lineage(region), regions.continent_code(region), WORLD)
        for name, of_taxon in stated.items():
            reached = wider[:1] if region in REMOTE and is_stuck(taxa[name]) else wider
            status = next((of_taxon[code] for code in reached if code in of_taxon), None)
            if status:
                found[taxa[name]["taxonID"]] = status
    return result


def is_stuck(taxon: Row) -> bool:
    """Return whether a taxon cannot cross an ocean by itself."""
    habitat = taxon["habitat"]
    return habitat == "freshwater" or (habitat != "marine" and taxon["class"] in WALKING)


def ranged_taxa(statuses: Mapping[str, Mapping[str, Status]]) -> set[str]:
    """Return the taxonIDs of taxa that a place can speak for or against.

    A group that lives nearly everywhere (crows, flies) has no range: a place says nothing about it,
    and its rows would be most of the store.
    """
    counts = Counter(taxon_id for found in statuses.values() for taxon_id in found)
    return {taxon_id for taxon_id, count in counts.items() if count < WORLDWIDE * len(statuses)}


def codes(row: Row, regions: Regions) -> Iterator[tuple[str, Status | None]]:
    """Yield each code of a row with its status, or ``None`` for a part that is taken out."""
    name, status = row["scientificName"], Status(row["status"])
    if status not in PRESENCE_BY_STATUS:
        raise FactError(f"unlisted_ranges.csv: {name} is {status}, which is no status of a range")
    for token in row["regions"].split():
        code = token.removeprefix("-")
        if code not in regions.names and code not in CONTINENTS and code != WORLD:
            raise FactError(
                f"unlisted_ranges.csv: {name} is in {code}, which is no region, continent or "
                f"{WORLD}"
            )
        yield code, None if token.startswith("-") else status


def lookalikes(taxa: Mapping[str, Row], rows: Iterable[Row] | None = None) -> list[Row]:
    """Return the rows of ``lookalikes.csv``, sorted. Raises ``FactError`` with all faults."""
    classes = {row["scientificName"]: row for row in read_table("classes.csv")}
    seen: dict[tuple[str, str], Row] = {}
    faults: list[str] = []
    for row in read_table("lookalikes.csv") if rows is None else rows:
        name, lookalike = row["scientificName"], row["lookalike"]
        if (name, lookalike) in seen:
            faults.append(f"lookalikes.csv: {lookalike} is taken for {name} twice")
        elif fault := fault_of_lookalike(row, classes, taxa):
            faults.append(f"lookalikes.csv: {fault}")
        seen[name, lookalike] = row
    raise_faults(faults)
    return [seen[key] for key in sorted(seen)]


def fault_of_lookalike(row: Row, classes: Mapping[str, Row], taxa: Mapping[str, Row]) -> str | None:
    """Return what is wrong with a row of ``lookalikes.csv``, or ``None``."""
    name, lookalike = row["scientificName"], row["lookalike"]
    if name not in classes:
        return f"{name} is no class of classes.csv"
    if lookalike not in taxa:
        return f"{lookalike}, taken for {name}, is not in unlisted.csv"
    if row["likeness"] not in LIKENESSES:
        return f"{lookalike} is like {name} {row['likeness']!r}; it is {' or '.join(LIKENESSES)}"
    common = common_taxon(classes[name], taxa[lookalike])
    if common != (row["commonRank"], row["commonTaxon"]):
        return (
            f"{name} and {lookalike} have {' '.join(common).strip() or 'no taxon'} in common, "
            f"not {row['commonRank']} {row['commonTaxon']}"
        )
    return None


def common_taxon(one: Row, other: Row) -> tuple[str, str]:
    """Return rank and name of the finest taxon that holds both; two empty texts if none does."""
    names = [lineage(one), lineage(other)]
    return next(
        ((rank, names[0][rank]) for rank in HIGHER_RANKS
         if names[0].get(rank, "") and names[0][rank] == names[1].get(rank)),
        ("", ""),
    )  # fmt: skip


def lineage(row: Row) -> dict[str, str]:
    """Return the names of a taxon by rank, its own among them."""
    names = {rank: row[rank] for rank in HIGHER_RANKS if row[rank]}
    return {**names, row["taxonRank"]: row["scientificName"]}


def names_by_rank(taxa: Iterable[Row]) -> dict[tuple[str, str], str]:
    """Return the taxonIDs of unlisted taxa by rank and name, as occurrences name them."""
    return {
        ("infraspecific" if row["taxonRank"] == "subspecies" else row["taxonRank"],
         row["scientificName"]): row["taxonID"]
        for row in taxa
    }  # fmt: skip


def build(target: Path) -> None:
    """Write the model's table: each unlisted taxon, and the classes that it is taken for."""
    taxa = unlisted_taxa()
    with_range = ranged_taxa(unlisted_statuses(Regions.read(), taxa))
    taken_for: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in lookalikes(taxa):
        taken_for[row["lookalike"], row["likeness"]].append(row["scientificName"])
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        for name, taxon in sorted(taxa.items()):
            is_ranged = taxon["taxonID"] in with_range
            likenesses = {likeness: "|".join(taken_for[name, likeness]) for likeness in LIKENESSES}
            geography = Geography.RANGE if is_ranged else Geography.COSMOPOLITAN
            if any(likenesses.values()):
                writer.writerow({**taxon, **likenesses, "geography": geography})


if __name__ == "__main__":
    build(TARGET)
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")

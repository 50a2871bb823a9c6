"""Write the model directory: everything that the service needs to serve the model."""

import csv
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from chalicelib.domain import HIGHER_RANKS, Geography
from chalicelib.settings import SHIPPED_MODEL
from tools import ROOT
from tools.adopt.earlier import (
    ADOPTION,
    FEATURES,
    LEAST,
    WRITTEN,
    digest,
    earlier_card,
    keep_files,
    kept_synonyms,
)
from tools.adopt.findings import Findings
from tools.adopt.resolution import BELOW_SPECIES, RECORDED, SCIENTIFIC, Outcome, Resolved
from tools.adopt.review import Decisions, write_review
from tools.build.facts import read_table
from tools.build.labels import COLUMNS
from tools.build.model_directory import write_card
from tools.build.relatives import PREFIX

HAND_MADE: Final = ("labels.csv", "synonyms.csv", "members.csv", "vernacular.csv", "MODEL_CARD.md")
"""Files that a person may change after the adoption; the lines of ``synonyms.csv`` are merged."""

LEAST_KNOWN: Final = 0.5
"""The share of the animals whose taxon must be known, so that they tell what a model knows."""

RANKS_BY_WORDS: Final = {1: "unranked", 2: "species", 3: "subspecies"}

Row = Mapping[str, Any]


def label_rows(resolved: Sequence[Resolved], name: str) -> list[dict[str, str]]:
    """Return the rows of ``labels.csv``.

    ``name`` is the model's: a label without a taxon has it in its id, since the labels of another
    model have the same numbers.
    """
    prefix = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    return [
        {column: str(value) for column, value in _row(index, one, prefix).items()}
        for index, one in enumerate(resolved)
    ]


def _row(index: int, one: Resolved, prefix: str) -> dict[str, Any]:
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS, ""), "classIndex": index}
    label = one.label
    if one.outcome is Outcome.NO_ANIMAL:
        return row | {"vernacularName": label.other or label.name}
    lineage = one.lineage
    if lineage:
        row |= {"class": lineage.class_name, "order": lineage.order, "family": lineage.family}
    if one.entry is None:
        rank = RANKS_BY_WORDS.get(len(label.name.split()), "unranked")
        return row | {
            "taxonID": f"{prefix}:label-{index}",
            "vernacularName": label.other or label.name,
            "scientificName": label.name,
            "taxonRank": rank if _is_scientific(one) else "unranked",
            "geography": _geography(one),
        }
    return row | {
        "taxonID": f"{PREFIX}{one.entry.number}",
        "vernacularName": label.other or one.entry.name,
        "scientificName": one.entry.name,
        "taxonRank": one.entry.rank,
        "geography": _geography(one),
        "genus": one.entry.genus,
        "inaturalistID": one.entry.number,
    }


def _is_scientific(one: Resolved) -> bool:
    """Whether an unknown name is scientific: its genus is known, or a candidate has its epithet.

    "American black bear" looks like a subspecies.
    """
    if not SCIENTIFIC.fullmatch(one.label.name):
        return False
    genus, *epithets = one.label.name.split()
    names = [candidate.entry.name.split() for candidate in one.candidates]
    is_known = one.lineage is not None and one.lineage.genus == genus
    return is_known or any(words[-1] in epithets for words in names if len(words) > 1)


def _geography(one: Resolved) -> Geography:
    """Return what the place may say: nothing of ranks that records of occurrences lack."""
    if one.outcome is Outcome.DOMESTIC:
        return Geography.DOMESTIC
    is_recorded = one.entry is not None and one.entry.rank in RECORDED | BELOW_SPECIES
    return Geography.RANGE if is_recorded else Geography.COSMOPOLITAN


def synonym_rows(resolved: Iterable[Resolved]) -> list[dict[str, str]]:
    """Return the labels' names that are not the accepted ones: records may have either.

    A domestic form stands for itself: so its records do not count for the wild species.
    """
    taken = {one.entry.name for one in resolved if one.entry}
    found = {
        (one.label.name, one.entry.name)
        for one in resolved
        if one.entry
        and one.label.name not in taken
        and one.label.name.count(" ") in (1, 2)
        and SCIENTIFIC.fullmatch(one.label.name)
    }
    domestic = (
        one.label.name
        for one in resolved
        if one.outcome is Outcome.DOMESTIC and one.label.name.count(" ") == 2
    )
    found |= {(name, name) for name in domestic}
    return [{"synonym": old, "scientificName": new} for old, new in sorted(found)]


def member_rows(resolved: Iterable[Resolved]) -> list[dict[str, str]]:
    """Return the names of genera and families that changed: records may have either."""
    changed = [
        (one.entry, one.label.name)
        for one in resolved
        if one.entry and one.entry.rank in HIGHER_RANKS and " " not in one.label.name
    ]
    return [
        {
            "taxonID": f"{PREFIX}{entry.number}",
            "scientificName": entry.name,
            "taxonRank": entry.rank,
            "member": member,
        }
        for entry, name in changed
        if name != entry.name
        for member in (entry.name, name)
    ]


def vernacular_rows(
    rows: Iterable[Row], localised: Mapping[str, Sequence[str]]
) -> list[dict[str, str]]:
    """Return names in other languages: those of the file, else ours of the same animals.

    ``localised`` holds a name for each output, by language.
    """
    animals = [row for row in rows if row["taxonID"]]
    names: dict[tuple[str, str], str] = {}
    for language, texts in localised.items():
        for row in animals:
            names.setdefault((language, row["taxonID"]), texts[int(row["classIndex"])])
    ours = _our_names()
    for row in animals:
        for language, name in ours.get((row["scientificName"], row["taxonRank"]), {}).items():
            names.setdefault((language, row["taxonID"]), name)
    return [
        {"language": language, "taxonID": taxon_id, "vernacularName": name}
        for (language, taxon_id), name in sorted(names.items())
    ]


def _our_names() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Return the names of the default model's animals that one class alone stands for."""
    classes = read_table("classes.csv")
    keys = [(row["scientificName"], row["taxonRank"]) for row in classes]
    single = {
        row["taxonID"]: key
        for row, key in zip(classes, keys, strict=True)
        if keys.count(key) == 1 and key[1] == "species"
    }
    found: dict[tuple[str, str], dict[str, str]] = {}
    with (SHIPPED_MODEL / "vernacular.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if key := single.get(row["taxonID"]):
                found.setdefault(key, {})[row["language"]] = row["vernacularName"]
    return found


def speciality(rows: Iterable[Row]) -> dict[str, Any] | None:
    """Return the finest order or class of the animals with a known taxon, if they share one.

    Of a homonym the candidates tell a class, but not whether the label is that animal: so most
    animals must be known. One that is of another taxon as far as its name tells speaks against it.
    """
    animals = [row for row in rows if row["taxonID"]]
    known = [row for row in animals if row["inaturalistID"]]
    if not known or len(known) < LEAST_KNOWN * len(animals):
        return None
    for rank in ("order", "class"):
        names = {row[rank] for row in known}
        others = {row[rank] for row in animals} - names - {""}
        if len(names) == 1 and "" not in names and not others:
            return {"taxonRank": rank, "scientificName": names.pop(), "least": LEAST}
    return None


class Adopted(NamedTuple):
    """What goes into the directory; ``localised`` holds a name for each output, by language."""

    model: Path
    card: Mapping[str, Any]
    page: str
    resolved: Sequence[Resolved]
    decisions: Decisions
    localised: Mapping[str, Sequence[str]]


def write_directory(target: Path, adopted: Adopted, findings: Findings) -> int:
    """Write the directory as a whole, in place of one that this program wrote before.

    What a person put there stays: files, and lines of ``synonyms.csv``. So do the features of an
    earlier adoption. Returns how many labels wait for a person. Raises ``AdoptionError`` if a
    directory is there that this program did not write.
    """
    earlier = earlier_card(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    resolved, card = adopted.resolved, adopted.card
    rows = label_rows(resolved, card["name"])
    synonyms = synonym_rows(resolved)
    synonyms += kept_synonyms(target, synonyms, rows, resolved, findings)
    tables: dict[str, tuple[Sequence[str], Sequence[Row]]] = {
        "labels": (COLUMNS, rows),
        "synonyms": (("synonym", "scientificName"), synonyms),
        "members": (
            ("taxonID", "scientificName", "taxonRank", "member"), member_rows(resolved),
        ),
        "vernacular": (
            ("language", "taxonID", "vernacularName"), vernacular_rows(rows, adopted.localised),
        ),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        made = Path(work) / target.name
        made.mkdir()
        shutil.copyfile(adopted.model, made / card["file"])
        described = dict(card)
        for member, (columns, table) in tables.items():
            described[member] = f"{member}.csv"
            _write_table(made / described[member], columns, table)
        waiting = write_review(made / "review.csv", resolved, adopted.decisions)
        (made / "MODEL_CARD.md").write_text(adopted.page, encoding="utf-8")
        written = {name: digest((made / name).read_bytes()) for name in HAND_MADE}
        described[ADOPTION] = {**card[ADOPTION], WRITTEN: written}
        write_card(made, described)
        kept = keep_files(target, made, earlier, findings)
        if features := [name for name in (earlier.get("features"), FEATURES) if name in kept]:
            write_card(made, described | {"features": features[0]})
        if card["license"] == "Apache-2.0" and not (made / "LICENSE").exists():
            shutil.copyfile(ROOT / "LICENSE", made / "LICENSE")
        _exchange(target, made, Path(work) / "old")
    return waiting


def _exchange(target: Path, made: Path, old: Path) -> None:
    """Put the new directory in place of the old one, which stays if that fails."""
    if not target.exists():
        made.rename(target)
        return
    target.rename(old)
    try:
        made.rename(target)
    except OSError:
        old.rename(target)
        raise


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

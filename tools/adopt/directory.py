"""Write the model directory: everything that the service needs to serve the model."""

import csv
import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from chalicelib.domain import HIGHER_RANKS, Geography
from chalicelib.settings import SHIPPED_MODEL
from tools import ROOT
from tools.adopt.findings import AdoptionError
from tools.adopt.resolution import BELOW_SPECIES, RECORDED, SCIENTIFIC, Outcome, Resolved
from tools.adopt.review import Decisions, write_review
from tools.build.facts import read_table
from tools.build.relatives import PREFIX

COLUMNS: Final = (
    "classIndex", "taxonID", "vernacularName", "scientificName", "taxonRank", "geography",
    "class", "order", "family", "genus", "inaturalistID",
)  # fmt: skip

FEATURES: Final = "features.sqlite"
FITTED: Final = ("calibration", "decision", "secondLooks")
"""Members of ``model.json`` that are fitted to photos, or set by hand."""

ADOPTION: Final = "adoption"
"""The member of ``model.json`` by which a directory of this program is known."""

RANKS_BY_WORDS: Final = {1: "unranked", 2: "species", 3: "subspecies"}

Row = Mapping[str, Any]


def label_rows(resolved: Sequence[Resolved]) -> list[dict[str, str]]:
    """Return the rows of ``labels.csv``."""
    return [
        {column: str(value) for column, value in _row(index, one).items()}
        for index, one in enumerate(resolved)
    ]


def _row(index: int, one: Resolved) -> dict[str, Any]:
    row: dict[str, Any] = {**dict.fromkeys(COLUMNS, ""), "classIndex": index}
    label = one.label
    if one.outcome is Outcome.NO_ANIMAL:
        return row | {"vernacularName": label.other or label.name}
    lineage = one.lineage
    if lineage:
        row |= {"class": lineage.class_name, "order": lineage.order, "family": lineage.family}
    if one.entry is None:
        is_scientific = SCIENTIFIC.fullmatch(label.name) and (one.lineage or one.candidates)
        rank = RANKS_BY_WORDS.get(len(label.name.split()), "unranked")
        return row | {
            "taxonID": f"label-{index}",
            "vernacularName": label.other or label.name,
            "scientificName": label.name,
            "taxonRank": rank if is_scientific else "unranked",
            "geography": Geography.COSMOPOLITAN,
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


def _geography(one: Resolved) -> Geography:
    """Return what the place may say: nothing of ranks that records of occurrences lack."""
    if one.outcome is Outcome.DOMESTIC:
        return Geography.DOMESTIC
    assert one.entry is not None
    is_recorded = one.entry.rank in RECORDED | BELOW_SPECIES
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
    """Return the finest order or class that holds every animal of the model, if there is one."""
    animals = [row for row in rows if row["taxonID"]]
    for rank in ("order", "class"):
        names = {row[rank] for row in animals}
        if len(names) == 1 and "" not in names:
            return {"taxonRank": rank, "scientificName": names.pop(), "least": 0.05}
    return None


class Adopted(NamedTuple):
    """What goes into the directory; ``localised`` holds a name for each output, by language."""

    model: Path
    card: Mapping[str, Any]
    page: str
    resolved: Sequence[Resolved]
    decisions: Decisions
    localised: Mapping[str, Sequence[str]]


def write_directory(target: Path, adopted: Adopted) -> int:
    """Write the directory as a whole, in place of one that this program wrote before.

    The features of an earlier adoption stay. Returns how many labels wait for a person. Raises
    ``AdoptionError`` if something else is there.
    """
    earlier_card(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    resolved, card = adopted.resolved, adopted.card
    rows = label_rows(resolved)
    tables: dict[str, tuple[Sequence[str], Sequence[Row]]] = {
        "labels": (COLUMNS, rows),
        "synonyms": (("synonym", "scientificName"), synonym_rows(resolved)),
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
        if (target / FEATURES).is_file():
            shutil.copyfile(target / FEATURES, made / FEATURES)
            described["features"] = FEATURES
        waiting = write_review(made / "review.csv", resolved, adopted.decisions)
        if card["license"] == "Apache-2.0":
            shutil.copyfile(ROOT / "LICENSE", made / "LICENSE")
        (made / "MODEL_CARD.md").write_text(adopted.page, encoding="utf-8")
        write_card(made, described)
        if target.exists():
            target.rename(Path(work) / "old")
        made.rename(target)
    return waiting


def earlier_card(target: Path) -> Mapping[str, Any]:
    """Return the description of an earlier adoption; empty if there is none.

    Raises ``AdoptionError`` if a directory is there that this program did not write.
    """
    if not target.exists():
        return {}
    try:
        card = json.loads((target / "model.json").read_bytes())
    except (OSError, ValueError):
        card = {}
    if ADOPTION not in card:
        raise AdoptionError(
            f"{target} is there, and not from an adoption: choose another NAME, or "
            'OPTIONS="--into DIRECTORY"'
        )
    return dict(card)


def fitted_members(earlier: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was fitted or set by hand since an earlier adoption, if it still holds.

    It holds for the same file, with the same input and output.
    """
    if any(earlier.get(member) != card[member] for member in ("sha256", "input", "output")):
        return {}
    return {
        member: earlier[member]
        for member in FITTED
        if member in earlier and earlier[member] != card.get(member)
    }


def write_card(directory: Path, card: Mapping[str, Any]) -> None:
    """Write ``model.json``, with the numbers of a list on one line."""
    text = json.dumps(card, indent=2, ensure_ascii=False)
    text = re.sub(r"\[[-\d\s.,e]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    text = text.replace("[ ", "[").replace(" ]", "]")
    (directory / "model.json").write_text(text + "\n", encoding="utf-8")


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

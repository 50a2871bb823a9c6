"""Decide which taxon each label stands for; what is not certain is left to a person.

- A name that the taxonomy has is that taxon.
- A subspecies goes up to its species, which is what places and their records know. A domestic one
  keeps its own name, since a place says nothing of it, nor of a cow or a cat.
- Any other name has candidates at best: the same epithet in the family, or a similar spelling.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from chalicelib.domain import HIGHER_RANKS
from tools.adopt.labels import Label
from tools.adopt.taxonomy import Candidate, Entry, Taxonomy, Wanted

MOST_CANDIDATES: Final = 5

RECORDED: Final = frozenset({"species", *HIGHER_RANKS})
"""Ranks that records of occurrences have a column for, and that the place can know."""

BELOW_SPECIES: Final = frozenset({"subspecies", "variety", "form"})

DOMESTIC: Final = re.compile(r"domestic(us|a|um)|familiaris|catus")
"""The last word of the name of a domestic form."""

CROSS: Final = "\N{MULTIPLICATION SIGN}"
"""The sign of a hybrid."""

SCIENTIFIC: Final = re.compile(rf"[A-Z][a-zë-]+( ({CROSS} )?[a-zë-]+)*")


class Outcome(StrEnum):
    """How a label became a taxon, or why it did not."""

    EXACT = "by name"
    SPECIES = "subspecies, by their species"
    DOMESTIC = "domestic, without a place"
    DECIDED = "decided by a person"
    REVIEW = "left to a person, without a place"
    KEPT = "without a place, as a person decided"
    NO_ANIMAL = "no animal"


class Resolved(NamedTuple):
    """A label and its taxon; ``lineage`` is of the entry, or of the genus of an unknown name."""

    label: Label
    outcome: Outcome
    entry: Entry | None = None
    lineage: Entry | None = None
    candidates: tuple[Candidate, ...] = ()
    reason: str = ""


class OwnNames(NamedTuple):
    """Names that we know: scientific ones by common ones, and those of domestic species."""

    common: Mapping[str, str] = {}
    domestic: frozenset[str] = frozenset()


class _Known(NamedTuple):
    """What the taxonomy has of all names, the classes of most labels, and what we know."""

    entries: Mapping[str, list[Entry]]
    usual: frozenset[str]
    ours: OwnNames

    def choose(self, name: str) -> Entry | None:
        """Return the only taxon of a name, or the only likely one of several.

        iNaturalist gives a group of species, or a subgenus, the name of its first member: that
        member is meant. Of homonyms, the one in the model's classes is.
        """
        entries = self.entries.get(name, [])
        if len(entries) == 1:
            return entries[0]
        inside = [one for one in entries if one.is_animal and one.class_name in self.usual]
        if len({(one.kingdom, one.class_name) for one in entries}) == 1:
            inside = entries
        for likely in (inside, [one for one in inside if one.rank in RECORDED]):
            if len(likely) == 1:
                return likely[0]
        return None

    def genus(self, name: str) -> Entry | None:
        """Return the genus of a name, if it is known."""
        word = name.partition(" ")[0]
        genera = [one for one in self.entries.get(word, []) if one.rank == "genus"]
        return self._replace(entries={word: genera}).choose(word)


def resolve(
    labels: Sequence[Label],
    taxonomy: Taxonomy,
    ours: OwnNames | None = None,
) -> list[Resolved]:
    """Return what each label stands for, in the order of the labels.

    Common names only make candidates: people use one for several animals.
    """
    labels = _oriented(_capitalised(labels, taxonomy), taxonomy)
    ours = ours or OwnNames()
    wanted = {part for label in labels for part in _parts(label.name)}
    wanted |= {_capital(label.name) for label in labels}
    entries = taxonomy.named(wanted | set(ours.common.values()))
    known = _Known(entries, _usual_classes(labels, entries), ours)
    first = [_certain(label, known) for label in labels]
    waiting = [one.label.name for one in first if one.outcome is Outcome.REVIEW]
    similar = taxonomy.similar(_wanted(waiting, known), known.usual)
    families = Counter(one.entry.family for one in first if one.entry)
    return [
        _with_candidates(one, known, _sorted(one.label.name, similar, families))
        if one.outcome is Outcome.REVIEW
        else one
        for one in first
    ]


def _capitalised(labels: Sequence[Label], taxonomy: Taxonomy) -> list[Label]:
    """Return the labels with a capital first letter where that makes a known name of two words.

    A single word in lower case is rather a common name, such as that of a robin or an iris.
    """
    texts = {text for label in labels for text in (label.name, label.other) if _is_lower(text)}
    known = taxonomy.named(name for text in texts for name in _parts(_capital(text)))

    def capitalised(text: str) -> str:
        names = [name for name in _parts(_capital(text)) if " " in name]
        is_known = text in texts and any(name in known for name in names)
        return _capital(text) if is_known else text

    return [
        label._replace(name=capitalised(label.name), other=capitalised(label.other))
        for label in labels
    ]


def _is_lower(text: str) -> bool:
    return text.islower() and text.count(" ") in (1, 2)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _oriented(labels: Sequence[Label], taxonomy: Taxonomy) -> list[Label]:
    """Return the labels with the scientific name first, which more of the two sides are."""
    outer = taxonomy.named(label.name for label in labels)
    inner = taxonomy.named(label.other for label in labels if label.other)
    if len(inner) > len(outer):
        return [label.turned() for label in labels]
    return list(labels)


def _parts(name: str) -> Iterable[str]:
    """Yield the name, its species, its genus, and the species that its last word may be."""
    words = name.split()
    yield name
    if words:
        yield words[0]
    if len(words) == 3:
        yield f"{words[0]} {words[1]}"
        yield f"{words[0]} {words[2]}"


def _usual_classes(labels: Sequence[Label], known: Mapping[str, list[Entry]]) -> frozenset[str]:
    """Return the classes of names that stand for one animal only."""
    counts = Counter(
        entries[0].class_name
        for label in labels
        if len(entries := known.get(label.name, [])) == 1 and entries[0].is_animal
    )
    return frozenset(name for name, count in counts.items() if name and count * 20 >= len(labels))


def _certain(label: Label, known: _Known) -> Resolved:
    """Return what a label certainly stands for; else the outcome is ``REVIEW``."""
    exact = known.choose(label.name)
    words = label.name.split()
    if not label.is_animal:
        return Resolved(label, Outcome.NO_ANIMAL, reason="its label says so")
    if exact and not exact.is_animal:
        return Resolved(label, Outcome.NO_ANIMAL, reason=f"it belongs to {exact.kingdom}")
    if len(words) == 3 and CROSS not in words:
        return _subspecies(label, exact, known)
    if exact:
        is_domestic = exact.name in known.ours.domestic
        outcome = Outcome.DOMESTIC if is_domestic else Outcome.EXACT
        return Resolved(label, outcome, exact, exact)
    several = "several taxa have this name"
    reason = several if known.entries.get(label.name) else "the taxonomy does not have it"
    return Resolved(label, Outcome.REVIEW, reason=reason)


def _subspecies(label: Label, exact: Entry | None, known: _Known) -> Resolved:
    """Return what a name of three words stands for.

    If the taxonomy lacks the subspecies but has a species of its last word, it was divided since.
    """
    genus, epithet, last = label.name.split()
    species = known.choose(f"{genus} {epithet}")
    if DOMESTIC.fullmatch(last) and (exact or species):
        return Resolved(label, Outcome.DOMESTIC, exact, exact or species)
    was_divided = not exact and epithet != last and known.entries.get(f"{genus} {last}")
    if species and not was_divided:
        return Resolved(label, Outcome.SPECIES, species, species)
    reason = "a subspecies that may be a species now" if species else "its species is unknown"
    return Resolved(label, Outcome.REVIEW, reason=reason)


def _wanted(names: Iterable[str], known: _Known) -> list[Wanted]:
    """Return the names to look for by their epithets."""
    found = []
    for name in sorted(set(names)):
        words = name.split()
        if len(words) in (2, 3) and SCIENTIFIC.fullmatch(name):
            genus = known.genus(name)
            family = genus.family if genus else ""
            found += [Wanted(name, words[0], epithet, family) for epithet in set(words[1:])]
    return found


def _sorted(
    name: str, similar: Mapping[str, list[Candidate]], families: Counter[str]
) -> list[Candidate]:
    """Return similar names: those of the same genus first, then of the model's families."""
    genus = name.partition(" ")[0]
    return sorted(
        similar.get(name, []),
        key=lambda one: (one.entry.genus != genus, -families[one.entry.family], one.entry.name),
    )


def _with_candidates(one: Resolved, known: _Known, similar: Sequence[Candidate]) -> Resolved:
    name = one.label.name
    words = name.split()
    texts = [(name, "homonym"), (_capital(name), "the name, with a capital letter")]
    if len(words) == 3:
        texts.append((f"{words[0]} {words[2]}", "a species of its own now"))
        texts.append((f"{words[0]} {words[1]}", "its species"))
    texts += [
        (known.ours.common.get(text.casefold(), ""), "common name")
        for text in (name, one.label.other)
    ]
    unique: dict[int, Candidate] = {}
    for text, why in texts:
        for entry in known.entries.get(text, []):
            unique.setdefault(entry.number, Candidate(entry, why))
    for candidate in similar:
        unique.setdefault(candidate.entry.number, candidate)
    kept = [candidate for candidate in unique.values() if candidate.entry.is_animal]
    kept = kept[:MOST_CANDIDATES]
    lineage = known.genus(name) or _shared([each.entry for each in kept], known.usual)
    return one._replace(candidates=tuple(kept), lineage=lineage)


def _shared(entries: Sequence[Entry], usual: frozenset[str]) -> Entry | None:
    """Return the higher taxa that all candidates share; without any, the model's only class."""
    if not entries:
        if len(usual) != 1:
            return None
        return Entry(0, "", "", "Animalia", next(iter(usual)), "", "", "")
    kingdom, class_name, order, family = (
        str(names.pop()) if len(names := {entry[column] for entry in entries}) == 1 else ""
        for column in range(3, 7)
    )
    shared = Entry(0, "", "", kingdom, class_name, order, family, "")
    return shared if shared.class_name else _shared([], usual)

"""Choose the scaling: what the file tells, else by trial, else by labelled photos, else ask."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.adopt.findings import AdoptionError
from tools.adopt.scaling import HINT, Scaling, Told
from tools.adopt.trial import Outcome, Pictures, Trial

CHANCE: Final = 0.05
"""A lead of one scaling over another counts if chance alone gives it more rarely."""


CLEARLY_DIFFERENT: Final = 0.5
"""At most this share of the pictures gets one class surely, where synthetic pictures decide."""


class Labelled(NamedTuple):
    """A photo of the model's size, and the outputs that would be right."""

    pixels: Pictures
    right: frozenset[int]


class Choice(NamedTuple):
    """The scaling, who says so, and what the synthetic pictures gave with it."""

    scaling: Scaling
    source: str
    outcome: Outcome


def choose(trial: Trial, told: Told, photos: Sequence[Labelled]) -> Choice:
    """Return the scaling. Raises ``AdoptionError`` if none works, or more than one does."""
    pictures = trial.pictures()
    outcomes = {one: trial.run(pictures, one) for one in told.scalings}
    faults = {one: outcome.fault() for one, outcome in outcomes.items()}
    possible = [one for one in told.scalings if not faults[one]]
    if not possible:
        causes = "; ".join(f"{one.name}: {fault}" for one, fault in faults.items())
        raise AdoptionError(f"The trial fails ({told.source}): {causes}. Try {HINT}")
    if len(told.scalings) == 1:
        doubt = outcomes[possible[0]].doubt()
        source = f"{told.source}; look at it: {doubt}" if doubt else told.source
        return Choice(possible[0], source, outcomes[possible[0]])
    best, source = _by_photos(trial, possible, photos) or _by_pictures(outcomes, possible, photos)
    return Choice(best, source, outcomes[best])


def _by_pictures(
    outcomes: Mapping[Scaling, Outcome], possible: Sequence[Scaling], photos: Sequence[Labelled]
) -> tuple[Scaling, str]:
    """Return the only scaling that synthetic pictures leave. Raises ``AdoptionError``."""
    doubts = {one: outcomes[one].fault() or outcomes[one].doubt() for one in outcomes}
    left = [one for one in possible if not doubts[one]]
    if len(left) == 1 and outcomes[left[0]].alike <= CLEARLY_DIFFERENT:
        causes = "; ".join(f"not {one.name}: {doubt}" for one, doubt in doubts.items() if doubt)
        return left[0], f"trial on synthetic pictures: {causes}"
    names = ", ".join(one.name for one in left or possible)
    photos_say = f"{len(photos)} photos do not tell them apart. " if photos else ""
    raise AdoptionError(
        f"Nothing in the file says how to scale pixels, and several ways work: {names}. "
        f"{photos_say}Give {'more' if photos else 'labelled'} photos, PHOTOS=labels.csv, or say "
        f"so: {HINT}"
    )


def _by_photos(
    trial: Trial, possible: Sequence[Scaling], photos: Sequence[Labelled]
) -> tuple[Scaling, str] | None:
    """Return the scaling with which the model is right most often, if it leads clearly."""
    if not photos or len(possible) < 2:
        return None
    hits = {one: _hits(trial, one, photos) for one in possible}
    counts = {one: int(found.sum()) for one, found in hits.items()}
    first, second, *_ = sorted(possible, key=counts.__getitem__, reverse=True)
    if _chance(hits[first], hits[second]) > CHANCE:
        return None
    shares = ", ".join(f"{one.name} {counts[one]}" for one in possible)
    return first, f"trial on {len(photos)} labelled photos; so many are right: {shares}"


def _hits(trial: Trial, scaling: Scaling, photos: Sequence[Labelled]) -> NDArray[np.bool_]:
    outputs = trial.run([photo.pixels for photo in photos], scaling).outputs
    return np.array(
        [int(row.argmax()) in photo.right for row, photo in zip(outputs, photos, strict=True)]
    )


def _chance(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    """Return how often chance alone gives such a lead: the sign test on the photos that differ."""
    wins = int((first & ~second).sum())
    differ = wins + int((second & ~first).sum())
    return float(sum(comb(differ, count) for count in range(wins, differ + 1)) / 2**differ)


def right_outputs(rows: Sequence[Mapping[str, str]], row: Mapping[str, str]) -> frozenset[int]:
    """Return the outputs that would be right for a row of labelled photos.

    A row names its animal by ``classIndex``, ``taxonID``, ``scientificName`` or ``taxa``.
    """
    if number := row.get("classIndex"):
        return frozenset({int(number)}) if number.isdecimal() else frozenset()
    for column in ("taxonID", "scientificName"):
        wanted = row.get(column) or None
        found = {
            index for index, one in enumerate(rows) if one["taxonID"] and one[column] == wanted
        }
        if found:
            return frozenset(found)
    names = set(row.get("taxa", "").split("|")) - {""}
    return frozenset(index for index, one in enumerate(rows) if one["scientificName"] in names)

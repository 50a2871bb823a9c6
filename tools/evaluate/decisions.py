"""How often the decision gives a right or a wrong name, to animals on the list and off it.

Most animals that people photograph are not classes of the model. For these a right answer is the
name of a wider group, or none.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, Final

from tools.evaluate.metrics import Interval, wilson

UNLISTED: Final = "unlisted"
POOLED_PHOTOS: Final = 4
"""So many photos of a kind count where kinds are pooled; else the most photographed one decides."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision on one photo.

    ``kind`` is the animal in the photo, ``group`` its geography, or ``UNLISTED`` if the model has
    no such class. ``name`` is the name that the decision gives, ``is_right`` whether it is one of
    the animal's names of any rank, and ``is_own`` whether it is the one of the animal's class.
    """

    kind: str
    group: str
    damage: str
    name: str | None
    is_right: bool
    is_own: bool


def figures(photos: Sequence[Decided]) -> dict[str, Any]:
    """Return the shares of photos that get a wrong, a right and their own name, and precision."""
    named = [photo for photo in photos if photo.name is not None]
    right = sum(photo.is_right for photo in named)
    result = {
        "photos": len(photos),
        "wrong": wilson(len(named) - right, len(photos)),
        "right": wilson(right, len(photos)),
        "precision": wilson(right, len(named)),
    }
    if any(photo.group != UNLISTED for photo in photos):
        own = [photo for photo in photos if photo.group != UNLISTED]
        result["own"] = wilson(sum(photo.is_own for photo in own), len(own))
    return result


def pooled(photos: Iterable[Decided], most: int = POOLED_PHOTOS) -> list[Decided]:
    """Return the first ``most`` photos of each kind of animal."""
    seen: Counter[str] = Counter()
    kept = []
    for photo in photos:
        seen[photo.kind] += 1
        if seen[photo.kind] <= most:
            kept.append(photo)
    return kept


def mixed(listed: Interval, unlisted: Interval, share: float) -> Interval:
    """Return a figure for visitors of whose photos ``share`` show unlisted animals.

    The interval adds both distances from the figure as squares (Zou and Donner 2008, MOVER).
    """

    def blend(one: float, other: float) -> float:
        return (1 - share) * one + share * other

    value = blend(listed.value, unlisted.value)
    below = hypot(
        (1 - share) * (listed.value - listed.low), share * (unlisted.value - unlisted.low)
    )
    above = hypot(
        (1 - share) * (listed.high - listed.value), share * (unlisted.high - unlisted.value)
    )
    return Interval(value, value - below, value + above)


def report(photos: Sequence[Decided], share: float, most: int = POOLED_PHOTOS) -> dict[str, Any]:
    """Return the figures of listed and unlisted photos, by group and by damage, and mixed."""
    listed = [photo for photo in photos if photo.group != UNLISTED]
    unlisted = [photo for photo in photos if photo.group == UNLISTED]
    groups: dict[str, Sequence[Decided]] = {"listed": listed, UNLISTED: unlisted}
    for name, members in (("listed", listed), (UNLISTED, unlisted)):
        groups[f"{name}, at most {most} a kind"] = pooled(members, most)
    groups |= {f"listed, {name}": some for name, some in divide(listed, lambda one: one.group)}
    for name, members in (("listed", listed), (UNLISTED, unlisted)):
        groups |= {f"{name}, {damage}": some for damage, some in divide(members, _damage)}
    result = {name: figures(some) for name, some in groups.items() if some}
    if listed and unlisted:
        result[f"mixed, {share:.0%} unlisted"] = {
            "photos": len(photos),
            **{
                figure: mixed(result["listed"][figure], result[UNLISTED][figure], share)
                for figure in ("wrong", "right")
            },
        }
    return result


def divide(
    photos: Sequence[Decided], key: Callable[[Decided], str]
) -> list[tuple[str, list[Decided]]]:
    """Return the photos by key, sorted; nothing if no photo has one."""
    groups: defaultdict[str, list[Decided]] = defaultdict(list)
    for photo in photos:
        if name := key(photo):
            groups[name].append(photo)
    return sorted(groups.items())


def _damage(photo: Decided) -> str:
    return f"damage {photo.damage}" if photo.damage else ""

"""Say what fitted values rest on, and whether that is enough to write them."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from tools.evaluate.development_set import LEAST_CLASSES, DevelopmentSet

LEAST_PHOTOS: Final = 200
"""A precision of 95 % on 200 photos is known to 3 points either way (95 % interval)."""


def least_classes(animals: int) -> int:
    """Return how many classes the fitted half must have, for a model of so many animals.

    Photos of a few classes would fit their animals, and not the model, unless it has no others.
    """
    return min(LEAST_CLASSES, animals)


def minimum(animals: int) -> str:
    """Return what the fitted half of the photos must have."""
    least = f"{LEAST_PHOTOS} photos of {least_classes(animals)} classes"
    return f"{least} (all that the model has)" if animals < LEAST_CLASSES else least


class Basis(NamedTuple):
    """The photos that the values rest on: those of the fitted half."""

    table: str
    photos: int
    classes: int
    animals: int
    placed: int
    damaged: int

    @property
    def shortage(self) -> str | None:
        """What they lack to be written, or ``None``."""
        if self.photos >= LEAST_PHOTOS and self.classes >= least_classes(self.animals):
            return None
        return (
            f"{self.photos} photos of {self.classes} classes are too few: from "
            f"{minimum(self.animals)} in the fitted half on, the precision of the names is known "
            "to 3 points"
        )

    @property
    def provenance(self) -> str:
        """Where the values come from. The table has no path: it may name people."""
        parts = [f"{self.placed} with a place" if self.placed else "none with a place"]
        if self.damaged:
            parts.append(f"{self.damaged} of them damaged copies")
        if self.animals < LEAST_CLASSES:
            parts.append(f"the model has {self.animals} animals")
        return (
            f"Fitted by tools.evaluate.calibrate on {self.photos} photos of {self.classes} classes "
            f"in {self.table} ({', '.join(parts)})"
        )


def basis_of(photos: DevelopmentSet, table: Path) -> Basis:
    """Return what the fitted half consists of."""
    fitted = ~photos.reported
    placed = np.array([geo.features is not None for geo in photos.geos])
    return Basis(
        table=table.name,
        photos=int(fitted.sum()),
        classes=len(np.unique(photos.truth[fitted])),
        animals=len(photos.taxa),
        placed=int((placed & fitted).sum()),
        damaged=int((photos.damaged & fitted).sum()),
    )

"""A specialist: a model that knows one taxon better than the general model does."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.domain import HIGHER_RANKS, SPECIES_RANKS, Scores, Speciality, Taxon
from chalicelib.ports import Classifier

OWN: Final = "own"
"""In place of a rank: the name of the taxon itself."""

LIKENESS: Final = {"genus": 0.2, "family": 0.05, "order": 0.01}
"""How often the general model takes an animal for a class that shares its genus, and so on.

An animal that belongs to the class is taken for it with 1, any other of the specialist's taxon with
``UNLIKE``. Only the ratios count.
"""

UNLIKE: Final = 0.001

MAYBE_MEMBER: Final = 0.2
"""As ``LIKENESS``, where the class has a rank that the specialist's animals lack: a suborder."""

UNKNOWN: Final = 0.3
"""The share of a class that the specialist does not know, if that is not sure of anything."""

SURE: Final = 0.75
"""Both models together must be so sure of one name, or the general model's scores stand."""

SURE_OF_MEMBER: Final = 0.8
"""One member of a class must have this share, or the class keeps the score of all of them."""


class Specialist(Struct, frozen=True, eq=False):
    """A specialist, and how its outputs fit into those of all models together.

    ``speciality`` is the taxon that it knows better. Output ``outputs[i]`` of it stands for the
    output ``places[i]`` of the joined model. ``general`` are the general model's outputs of that
    taxon, and ``is_inside`` marks all joined outputs of it. ``likeness[i, j]`` says how likely the
    general model takes the animal of ``outputs[i]`` for the class of ``general[j]``, and
    ``is_member[i, j]`` whether it belongs to that class. ``finest[i]`` is the number of the
    narrowest such class, -1 if there is none.
    """

    classifier: Classifier
    speciality: Speciality
    outputs: NDArray[np.intp]
    places: NDArray[np.intp]
    general: NDArray[np.intp]
    is_inside: NDArray[np.bool_]
    likeness: NDArray[np.float64]
    is_member: NDArray[np.bool_]
    finest: NDArray[np.intp]

    def is_needed(self, scores: Scores) -> bool:
        """Return whether the general model sees a share of the specialist's taxon."""
        return float(scores[self.is_inside].sum()) >= self.speciality.least

    def divide(self, scores: Scores, own: Scores) -> Scores:
        """Return the joined scores with the taxon's share divided by what both models see.

        By Bayes' rule the specialist's shares are multiplied by how likely the general model would
        give its scores for each animal. Classes that the specialist does not know count the less
        the surer it is. The share of the taxon itself stays as the general model has it.
        """
        general = scores[self.general].astype(np.float64)
        shares = own[self.outputs].astype(np.float64)
        animals = shares * (self.likeness @ general)
        is_unknown = ~self.is_member.any(axis=0)
        classes = np.where(is_unknown, UNKNOWN * (1 - shares.max()) * general, 0.0)
        total = animals.sum() + classes.sum()
        if not total:
            return scores
        animals, classes = animals / total, classes / total
        for number in np.unique(self.finest[self.finest >= 0]):
            members = self.finest == number
            if animals[members].max() < SURE_OF_MEMBER:
                classes[number] += animals[members].sum()
                animals[members] = 0
        if max(animals.max(), classes.max()) < SURE:
            return scores
        share = scores[self.is_inside].sum()
        divided = scores.copy()
        divided[self.is_inside] = 0
        np.add.at(divided, self.general, share * classes)
        np.add.at(divided, self.places, share * animals)
        return divided


def is_in(taxon: Taxon | None, speciality: Speciality | None) -> bool:
    """Return whether a taxon belongs to a speciality, or is it."""
    if taxon is None or speciality is None:
        return False
    return taxon.belongs_to(speciality.taxon_rank, speciality.scientific_name)


def fit_specialist(
    classifier: Classifier,
    speciality: Speciality,
    fit: tuple[NDArray[np.intp], NDArray[np.intp]],
    taxa: Sequence[Taxon | None],
    classes: int,
) -> Specialist:
    """Return the specialist for a joined model of ``taxa``, of which the first are general."""
    outputs, places = fit
    is_inside = np.array([is_in(taxon, speciality) for taxon in taxa], np.bool_)
    general = np.flatnonzero(is_inside[:classes])
    animals = [_names(taxa[place]) for place in places.tolist()]
    groups = [_names(taxa[output]) for output in general.tolist()]
    likeness = np.full((len(animals), len(groups)), UNLIKE)
    is_member = np.zeros(likeness.shape, np.bool_)
    for rank in reversed(HIGHER_RANKS):
        if rank in LIKENESS:
            likeness[_are_equal(animals, rank, groups, rank)] = LIKENESS[rank]
        is_member |= _are_equal(animals, rank, groups, OWN)
    is_member |= _are_equal(animals, OWN, groups, OWN)
    for number, output in enumerate(general.tolist()):
        likeness[_may_be_members(animals, taxa[output]), number] = MAYBE_MEMBER
    likeness[is_member] = 1
    return Specialist(
        classifier, speciality, outputs, places, general, is_inside, likeness, is_member,
        _finest(is_member),
    )  # fmt: skip


def _may_be_members(animals: Sequence[Mapping[str, str]], group: Taxon | None) -> NDArray[np.bool_]:
    """Return which animals may belong to a class of a rank that they do not have, as a suborder."""
    known = {*HIGHER_RANKS, *SPECIES_RANKS}
    if group is None or group.taxon_rank in known:
        return np.zeros(len(animals), np.bool_)
    rank = next((rank for rank in HIGHER_RANKS if rank in group.higher), None)
    if rank is None or rank == HIGHER_RANKS[-1]:
        return np.zeros(len(animals), np.bool_)
    return np.array([names.get(rank) == group.higher[rank] for names in animals], np.bool_)


def _finest(is_member: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the number of the class with the fewest members that an animal belongs to, or -1."""
    sizes = np.where(is_member, is_member.sum(axis=0), is_member.size + 1)
    return np.where(is_member.any(axis=1), sizes.argmin(axis=1) if sizes.size else -1, -1)


def _names(taxon: Taxon | None) -> dict[str, str]:
    """Return the names of a taxon by rank, and its own name."""
    if taxon is None:
        return {}
    return {**taxon.lineage(), OWN: taxon.scientific_name}


def _are_equal(
    ours: Sequence[Mapping[str, str]],
    rank: str,
    theirs: Sequence[Mapping[str, str]],
    other_rank: str,
) -> NDArray[np.bool_]:
    """Return which names of a rank equal which of another; a missing name equals none."""
    numbers: dict[str, int] = {}
    rows = [numbers.setdefault(names.get(rank, ""), len(numbers)) for names in ours]
    columns = [
        numbers[name] if (name := names.get(other_rank)) in numbers else -1 for names in theirs
    ]
    return np.equal.outer(np.array(rows, np.intp), np.array(columns, np.intp))

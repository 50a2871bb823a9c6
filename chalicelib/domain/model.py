"""The model: its input, its classes as taxa, and its thresholds."""

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from chalicelib.domain.photo import View

Scores = NDArray[np.float32]
"""One probability for each class of the model; they sum to 1."""

SPECIES_RANKS: Final = frozenset({"species", "subspecies", "variety", "form", "breed", "hybrid"})
"""Ranks of a name that says which species it is; any other rank is wider."""

HIGHER_RANKS: Final = ("genus", "family", "order", "class")
"""Ranks to roll up to, finest first. A name above the class would tell a visitor little."""


class ModelInput(Struct, frozen=True):
    """The part of a photo that the model sees, and its size in pixels.

    ``frame`` is ``square`` for a square in the middle of the photo, or ``whole`` for all of it,
    squeezed into a square. ``crop_fraction`` is the share of its sides that is kept.
    ``resample`` names the filter (``bilinear``, ``bicubic``, ...).
    """

    width: int
    height: int
    crop_fraction: float
    resample: str = "bilinear"
    frame: str = "square"


class Geography(StrEnum):
    """The effect of a place on a class of the model: only ``range`` animals have a range."""

    RANGE = "range"
    DOMESTIC = "domestic"
    COSMOPOLITAN = "cosmopolitan"
    EXTINCT = "extinct"


class Taxon(Struct, frozen=True):
    """An animal as the model tells it apart: a species, a breed or a wider group.

    ``higher`` holds names by rank (see ``HIGHER_RANKS``), as far as the taxon has them.
    ``inaturalist_id`` is the number of the taxon at iNaturalist, if it is known.
    """

    taxon_id: str
    scientific_name: str
    vernacular_name: str
    taxon_rank: str
    geography: Geography
    higher: Mapping[str, str] = MappingProxyType({})
    inaturalist_id: int | None = None

    def lineage(self) -> dict[str, str]:
        """Return the names of the taxon by rank, its own among them."""
        return {**self.higher, self.taxon_rank: self.scientific_name}

    def belongs_to(self, rank: str, name: str) -> bool:
        """Return whether the taxon is the one of that rank and name, or is inside it."""
        return self.lineage().get(rank) == name


class Lookalike(Struct, frozen=True):
    """An animal that the model does not know, as a class of the model sees it.

    ``taxon`` has the identifier of the dataset. ``is_close``: photos of it would often be given
    the name of that class, else now and then.
    """

    taxon: Taxon
    is_close: bool


class VernacularNames(Struct, frozen=True):
    """The known names of animals in one language (BCP 47), by ``taxonID``."""

    language: str
    names: Mapping[str, str]

    def of(self, taxon: Taxon) -> tuple[str, str]:
        """Return a taxon's name and the language of that name, which is English by default."""
        name = self.names.get(taxon.taxon_id)
        return (name, self.language) if name else (taxon.vernacular_name, ENGLISH.language)


ENGLISH: Final = VernacularNames("en", MappingProxyType({}))
"""English needs no table: the model's labels are in English."""


class LookalikeStrengths(Struct, frozen=True):
    """How much an animal that the model does not know weighs against the name of a class.

    ``close`` and ``loose`` are for a place that expects both alike. ``by_geography`` multiplies
    them: people photograph more dogs than wolves. ``elsewhere`` multiplies them where the named
    animal does not live; ``no_place`` where there is no place.
    """

    close: float
    loose: float
    by_geography: Mapping[Geography, float] = MappingProxyType({})
    elsewhere: float = 1.0
    no_place: float = 1.0

    def of(self, lookalike: Lookalike, named: Taxon) -> float:
        """Return the weight of a lookalike of a named taxon, wherever both are."""
        strength = self.close if lookalike.is_close else self.loose
        return strength * self.by_geography.get(named.geography, 1.0)


class Unfamiliarity(Struct, frozen=True):
    """How strange a photo is to the model, by the spread of its scores.

    The spread is the standard deviation of the logarithms of all scores. On a photo like those
    that the model learned from, nearly all its classes are equally unlikely. On a strange or a bad
    photo many of them stir. ``usual`` is the spread that says nothing, ``strength`` how much the
    distance from it counts.
    """

    usual: float
    strength: float

    def doubt(self, spread: float) -> float:
        """Return what divides the odds of a name: above 1 for a strange photo, else below."""
        return math.exp(self.strength * (spread - self.usual))


class Thresholds(Struct, frozen=True):
    """The scores from which a decision gives a name; chosen on development data.

    ``animal``: the least share of animal classes in the scores for any name;
    ``not_an_animal``: the share below which the decision is that there is no animal;
    ``named``: for a name of the model, by picture and place;
    ``rolled_up``: for a higher taxon, its members' vision scores summed;
    ``not_living_here``: for an animal that the place rejects, by the picture alone; ``None`` is
    ``named``;
    ``named_by_geography`` and ``rolled_up_by_rank``: in place of ``named`` and ``rolled_up``;
    ``lookalikes``: what animals weigh that the model does not know; ``None`` if nothing;
    ``unfamiliarity``: what a strange photo weighs; ``None`` if nothing.
    """

    animal: float
    not_an_animal: float
    named: float
    rolled_up: float
    not_living_here: float | None = None
    named_by_geography: Mapping[Geography, float] = MappingProxyType({})
    rolled_up_by_rank: Mapping[str, float] = MappingProxyType({})
    lookalikes: LookalikeStrengths | None = None
    unfamiliarity: Unfamiliarity | None = None

    def doubt(self, spread: float | None) -> float:
        """Return what divides the odds of a name on a photo whose scores have this spread."""
        if self.unfamiliarity is None or spread is None:
            return 1.0
        return self.unfamiliarity.doubt(spread)

    def to_name(self, taxon: Taxon) -> float:
        """Return the score from which an animal that may live here is named."""
        return self.named_by_geography.get(taxon.geography, self.named)

    def to_name_elsewhere(self, taxon: Taxon) -> float:
        """Return the vision score from which an animal that does not live here is named."""
        if self.not_living_here is None:
            return self.to_name(taxon)
        return self.not_living_here

    def to_roll_up(self, rank: str) -> float:
        """Return the sum of vision scores from which a taxon of that rank is named."""
        return self.rolled_up_by_rank.get(rank, self.rolled_up)


def no_lookalikes(scientific_name: str) -> Sequence[Lookalike]:
    """Return nothing: the model has no table of animals that it lacks."""
    del scientific_name
    return ()


class LookRule(Struct, frozen=True):
    """When to look at a photo again, where, and when that counts; chosen on development data.

    ``unsure``: others follow a first look in which no class, such as birds, has this score;
    ``sure``: a later look counts if one name has this score. It ends the search;
    ``surer``: and only if that is so much more than the best name of the first look has;
    ``temperature``: divides the logits of a later look that counts, after calibration;
    ``views``: where to look, in this order.
    """

    unsure: float
    sure: float
    surer: float
    temperature: float
    views: tuple[View, ...]


class Speciality(Struct, frozen=True):
    """The taxon that a model knows better than a general model.

    ``least`` is the share of the general model's scores from which it is asked.
    """

    taxon_rank: str
    scientific_name: str
    least: float


class Model(Struct, frozen=True, eq=False):
    """The description of a classifier, with the taxon of each of its outputs.

    ``taxa[i]`` is the taxon of output ``i``, or ``None`` if that output is not an animal.
    ``look_rule`` is ``None`` for a model that looks at each photo once.
    ``card`` is the model's description file as it stands, for ``GET /v1/model``.
    ``lookalikes_of`` returns the animals that the model lacks and takes for that scientific name.
    ``speciality`` is ``None`` for a general model; ``specialists`` are the models that help it.
    ``of_spread`` is the temperature of the scores that an answer shows, as a share of the spread of
    all scores of the photo; ``None`` if it shows the scores as they are.
    A model equals only itself, so that it can be the key of a cache.
    """

    name: str
    version: str
    sha256: str
    input_size: ModelInput
    taxa: tuple[Taxon | None, ...]
    thresholds: Thresholds
    card: Mapping[str, Any]
    lookalikes_of: Callable[[str], Sequence[Lookalike]] = no_lookalikes
    look_rule: LookRule | None = None
    of_spread: float | None = None
    speciality: Speciality | None = None
    specialists: "tuple[Model, ...]" = ()

    @property
    def is_calibrated(self) -> bool:
        """Whether its scores were fitted to labelled photos, so that they are probabilities."""
        return bool(self.card.get("calibration", {}).get("method") != "none")

    def taxon(self, taxon_id: str) -> Taxon | None:
        """Return the taxon with that identifier, or ``None`` if the model has no such class.

        ``inat:`` and iNaturalist's number stands for any taxon that has one.
        """
        animals = [taxon for taxon in self.taxa if taxon]
        for taxon in animals:
            if taxon.taxon_id == taxon_id:
                return taxon
        return next((one for one in animals if f"inat:{one.inaturalist_id}" == taxon_id), None)

"""The answer: ranked candidates, a decision, and what they rest on."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from chalicelib.domain.features import PlaceLookup, TaxonFeature
from chalicelib.domain.model import Model, Taxon
from chalicelib.domain.photo import Part
from chalicelib.domain.place import EventDate, Location


class Candidate(Struct, frozen=True):
    """One animal that the photo may show, with its scores.

    ``vision_score`` is from the picture alone, ``score`` from picture and place; each sums to 1
    over all animals of the model. ``expected_here`` is ``None`` if the dataset does not cover
    the animal.
    """

    taxon: Taxon
    score: float
    vision_score: float
    geo_weight: float
    expected_here: bool | None


class DecisionKind(StrEnum):
    """The kind of a decision: a species (or a breed), a wider name, or none."""

    SPECIES = "species"
    ROLLED_UP = "rolledUp"
    UNKNOWN = "unknown"
    NOT_AN_ANIMAL = "notAnAnimal"


class NamedTaxon(Struct, frozen=True):
    """A taxon of any rank, with the scores of all its members summed.

    The score is the one that decided: of picture and place, or of the picture alone for a wider
    taxon and for an animal that does not live here.
    """

    scientific_name: str
    taxon_rank: str
    score: float


class Rejection(Struct, frozen=True):
    """The picture's first choice is not expected at the place: alternatives.

    ``instead`` is the likeliest animal that is expected there;
    ``rolled_up`` is the finest higher taxon with a sufficient score.
    """

    first_by_look: Taxon
    instead: Taxon | None
    rolled_up: NamedTaxon | None


class Doubt(Struct, frozen=True):
    """An animal that the model does not know, and that the photo may show instead.

    ``common`` is the finest taxon, as rank and name, that holds it and the model's choice.
    ``expected_here`` is ``None`` if the place has no opinion.
    """

    taxon: Taxon
    common: tuple[str, str] | None
    expected_here: bool | None


class Decision(Struct, frozen=True):
    """The answer in one word: a name with a sufficient score, or that there is none.

    ``lives_here`` says whether the named animal is expected at the place: ``None`` if the place
    has no opinion, or the name is not one of the model's own. ``lookalikes`` are the animals
    off the model's list that counted, the likeliest first.
    """

    kind: DecisionKind
    name: NamedTaxon | None = None
    rejection: Rejection | None = None
    lives_here: bool | None = None
    lookalikes: tuple[Doubt, ...] = ()


class Identification(Struct, frozen=True):
    """The answer to one photo: the animals it may show, and what that rests on.

    ``expected_taxa`` counts the animals of the model that are expected at the place.
    ``timings`` are milliseconds by stage, in the order in which the stages ran.
    ``crop`` is the part of the photo that the scores are of; ``None`` is the part that the model
    sees first. ``looks`` counts how often the model looked; ``consulted`` are the specialists that
    looked, too.
    ``open_breakers`` names the servers that were not asked because their circuit breaker is open.
    """

    prediction_id: str
    model: Model
    format: str
    width: int
    height: int
    is_truncated: bool
    event_date: EventDate | None
    location: Location
    geo: PlaceLookup
    candidates: Sequence[Candidate]
    expected_taxa: int
    animal_score: float
    decision: Decision
    timings: Mapping[str, float]
    open_breakers: tuple[str, ...] = ()
    crop: Part | None = None
    looks: int = 1
    consulted: tuple[Model, ...] = ()


class Occurrence(Struct, frozen=True):
    """One animal of a place, as ``GET /v1/species`` lists it."""

    taxon: Taxon
    feature: TaxonFeature
    geo_weight: float

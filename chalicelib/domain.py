"""The words of the trade: values without behaviour that touches the world.

Names follow Darwin Core (https://dwc.tdwg.org/terms/) wherever it has a term. Named tuples,
since a cold start makes each class anew, and a dataclass takes seven times as long.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chalicelib.answer.taxon_index import Animals

Pixels = NDArray[np.uint8]
"""RGB values 0 to 255, shape (height, width, 3)."""

Scores = NDArray[np.float32]
"""One probability for each class of the model; they sum to 1."""

MEDIA_TYPES = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif")
"""What a photo may be."""

WHOLE_YEAR = 0
"""The month that stands for all months, in features, keys and tables."""


class Coordinates(NamedTuple):
    """A point on WGS 84 and how far off it may be.

    Degrees, north and east positive; the uncertainty is a radius in metres, or
    ``None`` where nobody said (Darwin Core ``coordinateUncertaintyInMeters``).
    """

    latitude: float
    longitude: float
    uncertainty: float | None = None


class LocationSource(StrEnum):
    """Who said where the photo was taken."""

    EXIF = "exif"
    REQUEST = "request"
    NONE = "none"


class ExifFault(StrEnum):
    """Why a photo's EXIF gives no position."""

    ABSENT = "absent"
    UNREADABLE = "unreadable"
    NO_POSITION = "noPosition"
    INVALID_POSITION = "invalidPosition"


class MissingPosition(NamedTuple):
    """That a photo's EXIF gives no position: why, in a word and in a sentence's end."""

    fault: ExifFault
    reason: str


class Location(NamedTuple):
    """Where the photo was taken: the point, who said so, and its H3 cell."""

    source: LocationSource
    coordinates: Coordinates | None = None
    cell: str | None = None
    exif: ExifFault | None = None
    """Why the photo's own position was not used, where it was looked for in vain."""


class EventDate(NamedTuple):
    """When the photo was taken: ISO 8601 as Darwin Core ``eventDate`` wants it.

    A year alone is a date too, so the month may be unknown.
    """

    text: str
    month: int | None = None


class ExifReading(NamedTuple):
    """What the photo's EXIF says, as far as it can be believed.

    ``missing_position`` tells why ``coordinates`` is ``None``; exactly one of the two is there.
    """

    coordinates: Coordinates | None = None
    missing_position: MissingPosition | None = None
    event_date: EventDate | None = None
    orientation: int = 1
    """1 to 8 as in EXIF 2.32, table 6; 1 is upright."""


class ModelInput(NamedTuple):
    """What the model looks at: the middle of the photo, in so many pixels.

    ``frame`` is ``square`` for a square in the middle, ``whole`` for all of the photo,
    squeezed into a square; ``crop_fraction`` is what is kept of its sides.
    ``resample`` names the filter (``bilinear``, ``bicubic``, ...).
    """

    width: int
    height: int
    crop_fraction: float
    resample: str = "bilinear"
    frame: str = "square"


class Geography(StrEnum):
    """Whether the place has a say about a class of the model."""

    RANGE = "range"
    DOMESTIC = "domestic"
    COSMOPOLITAN = "cosmopolitan"
    EXTINCT = "extinct"


class Taxon(NamedTuple):
    """An animal as the model tells it apart: a species, a breed or a wider group."""

    taxon_id: str
    scientific_name: str
    vernacular_name: str
    taxon_rank: str
    geography: Geography
    higher: Mapping[str, str] = MappingProxyType({})
    """Names by rank, finest first: genus, family, order, class, as far as the taxon has them."""


class VernacularNames(NamedTuple):
    """What animals are called in a language (BCP 47), as far as we know: names by ``taxonID``."""

    language: str
    names: Mapping[str, str]

    def of(self, taxon: Taxon) -> tuple[str, str]:
        """A taxon's name and the language that it is in: English where there is no other."""
        name = self.names.get(taxon.taxon_id)
        return (name, self.language) if name else (taxon.vernacular_name, ENGLISH.language)


ENGLISH = VernacularNames("en", MappingProxyType({}))
"""A model's labels are in English, so there is nothing to add."""


class Thresholds(NamedTuple):
    """From which score on a name is given; chosen on development data, kept beside the model.

    ``animal``: the share of the picture's score that must be animal for any name;
    ``not_an_animal``: the share below which there is said to be none; ``named``: one
    taxon of the model; ``rolled_up``: a higher taxon, all its members summed.
    """

    animal: float
    not_an_animal: float
    named: float
    rolled_up: float


class ModelDescription(NamedTuple):
    """What a classifier says of itself, with the taxon of each of its outputs.

    ``taxa[i]`` is what output ``i`` stands for; ``None`` where that is no animal.
    """

    name: str
    version: str
    sha256: str
    input_size: ModelInput
    taxa: tuple[Taxon | None, ...]
    thresholds: Thresholds
    card: Mapping[str, Any]
    """The model's description file as it stands, for ``GET /v1/model``."""


class Model(ModelDescription):
    """The same, and what follows from it."""

    @cached_property
    def animals(self) -> Animals:
        """The outputs that are animals."""
        return Animals(self.taxa)

    def taxon(self, taxon_id: str) -> Taxon | None:
        """The taxon of that identifier, if the model can tell it."""
        return next((one for one in self.taxa if one and one.taxon_id == taxon_id), None)


class Status(StrEnum):
    """How a taxon stands in a region, from firmly there to gone.

    ``recorded`` is all that occurrences tell: seen there; whether native, nobody says.
    """

    NATIVE = "native"
    INTRODUCED = "introduced"
    MARGINAL = "marginal"
    EXTIRPATED = "extirpated"
    RECORDED = "recorded"


class TaxonFeature(NamedTuple):
    """What is known of one taxon at one place.

    ``presence`` (0 to 1) tells how firmly it is expected there; ``prevalence``
    is the mean of that over all cells of the dataset. Their ratio is what the
    place adds.
    """

    status: Status
    presence: float
    prevalence: float


class FeatureSource(StrEnum):
    """Which tier answered."""

    MEMORY = "memory"
    CACHE = "cache"
    STALE = "stale"
    DATABASE = "database"
    EMBEDDED = "embedded"


class PlaceFeatures(NamedTuple):
    """Which animals live at a place: what the database holds for one chain of cells.

    ``cell`` is the finest cell of the chain that has data (``None``: none has);
    ``effort`` counts the observers behind the entry, 0 where it rests on range
    facts; ``month`` is ``WHOLE_YEAR`` where the dataset knows no seasons.
    """

    dataset: str
    source: FeatureSource
    cell: str | None
    month: int
    effort: int
    taxa: Mapping[str, TaxonFeature]


EXPECTED_IN_RANGE = 0.05
"""The presence from which on an animal counts as expected, where the dataset is of ranges."""


class Dataset(NamedTuple):
    """Where features come from, and which taxa they cover.

    A taxon outside ``taxa`` is unmapped: that a place does not list it says nothing.
    From ``expected_presence`` on an animal counts as expected at a place: ranges say where
    an animal lives, occurrences how large a share of all observers has seen it.
    """

    version: str
    title: str
    licence: str
    citation: str
    taxa: frozenset[str]
    expected_presence: float = EXPECTED_IN_RANGE


class PresignedUpload(NamedTuple):
    """Leave to upload one photo: an HTML form's ``POST`` to ``url`` with ``fields`` and ``file``.

    ``key`` names the photo afterwards; ``seconds`` is how long the leave holds.
    """

    key: str
    url: str
    fields: Mapping[str, str]
    seconds: int
    maximum_bytes: int


class GeoStatus(StrEnum):
    """What became of the place. In every answer; never a silent fallback."""

    APPLIED = "applied"
    NO_DATA = "noData"
    DEGRADED = "degraded"
    DISABLED = "disabled"


class PlaceLookup(NamedTuple):
    """Whether the place was used, and if not, why."""

    status: GeoStatus
    features: PlaceFeatures | None = None
    dataset: Dataset | None = None


class SpeciesRange(NamedTuple):
    """Where in the world a taxon is expected: its presence in each such cell.

    The cells have the coarsest resolution. There are none unless ``status`` is ``applied``.
    """

    status: GeoStatus
    dataset: Dataset | None = None
    presences: Mapping[str, float] = MappingProxyType({})


class Candidate(NamedTuple):
    """One animal that it may be, by look, by place and by both.

    ``vision_score`` and ``score`` each sum to 1 over all animals of the model.
    ``expected_here`` is ``None`` where the place has no opinion.
    """

    taxon: Taxon
    score: float
    vision_score: float
    geo_weight: float
    expected_here: bool | None


class DecisionKind(StrEnum):
    """How far the scores carry."""

    SPECIES = "species"
    ROLLED_UP = "rolledUp"
    UNKNOWN = "unknown"
    NOT_AN_ANIMAL = "notAnAnimal"


class NamedTaxon(NamedTuple):
    """A name with what it has of the probability, all that it covers summed."""

    scientific_name: str
    taxon_rank: str
    score: float


class Rejection(NamedTuple):
    """The picture's first choice does not live here: what there is instead.

    ``instead`` is the likeliest animal that the place does not speak against;
    ``rolled_up`` the finest higher taxon that is sure enough, whichever it is.
    """

    first_by_look: Taxon
    instead: Taxon | None
    rolled_up: NamedTaxon | None


class Decision(NamedTuple):
    """The answer in a word: a name that is sure enough, or that there is none."""

    kind: DecisionKind
    name: NamedTaxon | None = None
    rejection: Rejection | None = None


class Identification(NamedTuple):
    """The answer: what the animal is, and what that rests on."""

    prediction_id: str
    model: Model
    format: str
    width: int
    height: int
    is_truncated: bool
    event_date: EventDate | None
    location: Location
    geo: PlaceLookup
    expected_taxa: int
    candidates: Sequence[Candidate]
    animal_score: float
    decision: Decision
    timings: Mapping[str, float]
    """Milliseconds by stage, in the order in which the stages ran."""


class Occurrence(NamedTuple):
    """One animal of a place, as ``GET /v1/species`` lists it."""

    taxon: Taxon
    feature: TaxonFeature
    geo_weight: float

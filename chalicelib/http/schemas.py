"""Response schemas: each class is a JSON object of the API, field by field.

msgspec writes their names in camelCase, so that Python and Darwin Core each keep their own
convention. Docstrings become descriptions in the OpenAPI document.
"""

from msgspec import UNSET, Struct, UnsetType, field

from chalicelib import domain


class Answer(Struct, rename="camel", kw_only=True):
    """Base class of all responses."""


class Identifiers(Answer):
    """A taxon's numbers elsewhere: https://www.inaturalist.org/taxa/{inaturalist}, or null."""

    inaturalist: int | None


class Taxon(Answer):
    """An animal, in Darwin Core terms.

    ``taxonID`` is its WordNet 3.0 synset, or ``inat:`` and iNaturalist's number for an animal of
    another model. ``language`` is the language of ``vernacularName``: the requested one, or
    English.
    """

    scientific_name: str
    vernacular_name: str
    language: str
    taxon_rank: str
    taxon_id: str = field(name="taxonID")
    identifiers: Identifiers


class Location(Answer):
    """The photo's position. ``exif`` says why the photo's own position was not used."""

    decimal_latitude: float | None
    decimal_longitude: float | None
    coordinate_uncertainty_in_meters: float | None
    source: domain.LocationSource
    cell: str | None
    exif: domain.ExifFault | UnsetType = UNSET


class Geo(Answer):
    """The use of the place. ``candidates`` is the number of animals that are expected there."""

    status: domain.GeoStatus
    source: domain.FeatureSource | None
    dataset: str | None
    cell: str | None
    candidates: int
    detail: str


class Prediction(Answer):
    """One possible animal. ``expectedHere`` is null if the place says nothing about it."""

    rank: int
    taxon: Taxon
    score: float
    vision_score: float
    geo_weight: float
    expected_here: bool | None


class Name(Answer):
    """A name of any rank. ``score`` is the sum of the scores of all animals under it.

    The vision scores count for a wider name, and for an animal that does not live at the place.
    """

    scientific_name: str
    taxon_rank: str
    score: float


class Rejection(Answer):
    """The picture's first choice, which does not live at this place, and its alternatives.

    ``instead`` is the most probable animal that is expected there. ``rolledUp`` is the most
    specific higher taxon with a sufficient score.
    """

    first_by_look: Taxon
    instead: Taxon | None
    rolled_up: Name | None


class Lookalike(Answer):
    """An animal that the model does not know, and that the photo may show instead.

    ``commonTaxon`` and ``commonRank`` name the finest taxon that holds it and the model's choice;
    they are null if not even a class does. ``expectedHere`` is null if the place says nothing about
    it. ``vernacularName`` is in English.
    """

    scientific_name: str
    vernacular_name: str
    taxon_rank: str
    common_taxon: str | None
    common_rank: str | None
    expected_here: bool | None
    taxon_id: str = field(name="taxonID")


class Decision(Answer):
    """The final answer: ``species``, ``rolledUp``, ``unknown`` or ``notAnAnimal``.

    ``species`` is a name of a species, a subspecies or a breed; ``rolledUp`` is a wider name.
    ``livesHere`` is false for a named animal that does not live at the place in the wild: it may
    be in a zoo, a garden or a market. It is null if the place says nothing about it.
    ``rejectedByPlace`` is null unless the place rejects the picture's first choice.
    ``lookalikes`` are animals that the model does not know and that counted, the likeliest first:
    they have a share of the named animal's score, or kept it from being named.
    """

    kind: domain.DecisionKind
    name: Name | None
    lives_here: bool | None
    rejected_by_place: Rejection | None
    lookalikes: list[Lookalike]


class SpecialistName(Answer):
    """A model that helped the general one."""

    name: str
    version: str


class ModelName(Answer):
    """The model that classified the photo, and the specialists that looked, too.

    ``calibrated`` is false if the scores of one of them were never compared with labelled photos:
    then a score of 0.9 need not mean that 9 of 10 such answers are right.
    """

    name: str
    version: str
    calibrated: bool
    specialists: list[SpecialistName]


class Crop(Answer):
    """A part of the upright photo, in shares (0 to 1) of its width and height."""

    left: domain.UnitInterval
    top: domain.UnitInterval
    width: domain.UnitInterval
    height: domain.UnitInterval


class Photo(Answer):
    """The photo as it was sent; width and height are in pixels, as stored.

    ``truncated`` is true for an incomplete JPEG of which enough is left to classify it. ``crop`` is
    the part with the animal, if the model found it at a second look; null if the answer is that of
    the first look, at the middle.
    """

    format: str
    width: int
    height: int
    truncated: bool
    event_date: str | None
    crop: Crop | None


class Identification(Answer):
    """``POST /v1/predictions``: the animal in a photo. ``timings`` are milliseconds by stage."""

    prediction_id: str
    model: ModelName
    photo: Photo
    location: Location
    geo: Geo
    predictions: list[Prediction]
    animal_score: float
    decision: Decision
    timings: dict[str, float]


class Species(Answer):
    """One animal of a place; ``presence`` (0 to 1) says how firmly it is expected there."""

    rank: int
    taxon: Taxon
    status: domain.Status
    presence: float
    geo_weight: float


class SpeciesList(Answer):
    """``GET /v1/species``: ``total`` is the number of animals before ``limit`` cuts the list."""

    location: Location
    geo: Geo
    total: int
    species: list[Species]


class Upload(Answer):
    """``POST /v1/uploads``: a presigned upload, which expires after ``expiresIn`` seconds.

    Post a form with all ``fields`` and then the photo as ``file`` to ``url``. Then call
    ``POST /v1/predictions`` with ``{"upload": key}``.
    """

    key: str
    url: str
    fields: dict[str, str]
    expires_in: int
    maximum_bytes: int


class Readiness(Answer):
    """``GET /readyz``: the state of each part, and the versions in use.

    ``reason`` says why the model, or a specialist, cannot be used; it is null if all can.
    """

    ready: bool
    checks: dict[str, str]
    reason: str | None
    versions: dict[str, str | None]


class Liveness(Answer):
    """``GET /livez``: the process runs."""

    live: bool

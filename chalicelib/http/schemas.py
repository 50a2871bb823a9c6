"""What the service answers, as typed models: the JSON is theirs, field by field.

msgspec writes them in camelCase, so that Python and Darwin Core each keep their
own way of writing a name.
"""

from msgspec import UNSET, Struct, UnsetType, field

from chalicelib import domain


class Answer(Struct, rename="camel", kw_only=True):
    """The base of all answers."""


class Taxon(Answer):
    """An animal, in Darwin Core terms. ``taxonID`` is its WordNet 3.0 synset.

    ``language`` is that of ``vernacularName``: the one asked for, or English.
    """

    scientific_name: str
    vernacular_name: str
    language: str
    taxon_rank: str
    taxon_id: str = field(name="taxonID")


class Location(Answer):
    """Where the photo was taken; ``exif`` tells why its own position was not used."""

    decimal_latitude: float | None
    decimal_longitude: float | None
    coordinate_uncertainty_in_meters: float | None
    source: domain.LocationSource
    cell: str | None
    exif: domain.ExifFault | UnsetType = UNSET


class Geo(Answer):
    """Whether and how the place was used. ``candidates`` animals are expected there."""

    status: domain.GeoStatus
    source: domain.FeatureSource | None
    dataset: str | None
    cell: str | None
    candidates: int
    detail: str


class Prediction(Answer):
    """One animal that it may be. ``expectedHere`` is null where the place has no opinion."""

    rank: int
    taxon: Taxon
    score: float
    vision_score: float
    geo_weight: float
    expected_here: bool | None


class Name(Answer):
    """A name of any rank, with the scores of all that it covers summed."""

    scientific_name: str
    taxon_rank: str
    score: float


class Rejection(Answer):
    """What the picture alone would have said, where that animal does not live here."""

    first_by_look: Taxon
    instead: Taxon | None
    rolled_up: Name | None


class Decision(Answer):
    """The answer in a word: ``species``, ``rolledUp``, ``unknown`` or ``notAnAnimal``.

    ``species`` is a name of the model's own list, whatever its rank;
    ``rejectedByPlace`` is null unless the place speaks against the picture.
    """

    kind: domain.DecisionKind
    name: Name | None
    rejected_by_place: Rejection | None


class ModelName(Answer):
    """Which model looked."""

    name: str
    version: str


class Photo(Answer):
    """What was uploaded; width and height in pixels, as stored.

    ``truncated``: it is a JPEG that broke off, with enough of it there to be looked at.
    """

    format: str
    width: int
    height: int
    truncated: bool
    event_date: str | None


class Identification(Answer):
    """``POST /v1/predictions``: ``timings`` are milliseconds by stage."""

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
    """One animal of a place; ``presence`` (0 to 1) tells how firmly it is expected."""

    rank: int
    taxon: Taxon
    status: domain.Status
    presence: float
    geo_weight: float


class SpeciesList(Answer):
    """``GET /v1/species``; ``total`` counts the animals before ``limit`` cut the list."""

    location: Location
    geo: Geo
    total: int
    species: list[Species]


class Upload(Answer):
    """``POST /v1/uploads``: post a form with ``fields`` and then ``file`` to ``url``.

    Ask ``POST /v1/predictions`` with ``{"upload": key}`` afterwards; the leave ends after
    ``expiresIn`` seconds.
    """

    key: str
    url: str
    fields: dict[str, str]
    expires_in: int
    maximum_bytes: int


class Readiness(Answer):
    """``GET /readyz``."""

    ready: bool
    checks: dict[str, str]
    versions: dict[str, str | None]


class Liveness(Answer):
    """``GET /livez``."""

    live: bool


GEO_DETAILS = {
    domain.GeoStatus.APPLIED: "The animals of the place were taken into account.",
    domain.GeoStatus.NO_DATA: "Nothing is known about this place; the look alone decided.",
    domain.GeoStatus.DEGRADED: "The place's data could not be reached; the look alone decided.",
    domain.GeoStatus.DISABLED: "The place was not to be used; the look alone decided.",
}


def identification(
    found: domain.Identification, limit: int, names: domain.VernacularNames
) -> Identification:
    """The answer to a photo, with its ``limit`` best candidates."""
    return Identification(
        prediction_id=found.prediction_id,
        model=ModelName(name=found.model.name, version=found.model.version),
        photo=Photo(
            format=found.format,
            width=found.width,
            height=found.height,
            truncated=found.is_truncated,
            event_date=found.event_date.text if found.event_date else None,
        ),
        location=location(found.location),
        geo=geo(found.geo, found.geo.expected_taxa),
        predictions=[
            Prediction(
                rank=rank,
                taxon=taxon(candidate.taxon, names),
                score=round(candidate.score, 6),
                vision_score=round(candidate.vision_score, 6),
                geo_weight=round(candidate.geo_weight, 4),
                expected_here=candidate.expected_here,
            )
            for rank, candidate in enumerate(found.candidates[:limit], start=1)
        ],
        animal_score=round(found.animal_score, 6),
        decision=decision(found.decision, names),
        timings={stage: round(spent, 2) for stage, spent in found.timings.items()},
    )


def species_list(
    place: domain.Location,
    found: domain.PlaceLookup,
    occurrences: tuple[domain.Occurrence, ...],
    limit: int,
    names: domain.VernacularNames,
) -> SpeciesList:
    """The answer to a place, with its ``limit`` first animals."""
    return SpeciesList(
        location=location(place),
        geo=geo(found, len(occurrences)),
        total=len(occurrences),
        species=[
            Species(
                rank=rank,
                taxon=taxon(one.taxon, names),
                status=one.feature.status,
                presence=round(one.feature.presence, 4),
                geo_weight=round(one.geo_weight, 4),
            )
            for rank, one in enumerate(occurrences[:limit], start=1)
        ],
    )


def taxon(one: domain.Taxon, names: domain.VernacularNames) -> Taxon:
    """A taxon as the API shows it."""
    vernacular_name, language = names.of(one)
    return Taxon(
        scientific_name=one.scientific_name,
        vernacular_name=vernacular_name,
        language=language,
        taxon_rank=one.taxon_rank,
        taxon_id=one.taxon_id,
    )


def decision(found: domain.Decision, names: domain.VernacularNames) -> Decision:
    """The decision as the API shows it."""
    return Decision(
        kind=found.kind,
        name=name(found.name) if found.name else None,
        rejected_by_place=rejection(found.rejection, names) if found.rejection else None,
    )


def rejection(found: domain.Rejection, names: domain.VernacularNames) -> Rejection:
    """What there is instead of the picture's first choice, as the API shows it."""
    return Rejection(
        first_by_look=taxon(found.first_by_look, names),
        instead=taxon(found.instead, names) if found.instead else None,
        rolled_up=name(found.rolled_up) if found.rolled_up else None,
    )


def name(one: domain.NamedTaxon) -> Name:
    """A name as the API shows it."""
    return Name(
        scientific_name=one.scientific_name,
        taxon_rank=one.taxon_rank,
        score=round(one.score, 6),
    )


def location(place: domain.Location) -> Location:
    """A location as the API shows it."""
    point = place.coordinates
    return Location(
        decimal_latitude=point.latitude if point else None,
        decimal_longitude=point.longitude if point else None,
        coordinate_uncertainty_in_meters=point.uncertainty if point else None,
        source=place.source,
        cell=place.cell,
        exif=place.exif if place.exif is not None else UNSET,
    )


def geo(found: domain.PlaceLookup, candidates: int) -> Geo:
    """What became of the place, in a word and in a sentence."""
    features = found.features
    return Geo(
        status=found.status,
        source=features.source if features else None,
        dataset=found.dataset.version if found.dataset else None,
        cell=features.cell if features else None,
        candidates=candidates,
        detail=GEO_DETAILS[found.status],
    )


def upload(ticket: domain.PresignedUpload) -> Upload:
    """Leave to upload, as the API shows it."""
    return Upload(
        key=ticket.key,
        url=ticket.url,
        fields=dict(ticket.fields),
        expires_in=ticket.expires_in,
        maximum_bytes=ticket.maximum_bytes,
    )

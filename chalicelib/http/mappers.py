"""Map domain values to response schemas: field names, rounding and null values."""

from typing import Final

from msgspec import UNSET

from chalicelib import domain
from chalicelib.http import schemas

GEO_DETAILS: Final = {
    domain.GeoStatus.APPLIED: "The animals of this place were taken into account.",
    domain.GeoStatus.NO_DATA: "There are no data on this place for the model's animals; only the "
    "picture counts.",
    domain.GeoStatus.DEGRADED: "The data on places are unavailable; only the picture counts.",
    domain.GeoStatus.DISABLED: "The location was ignored; only the picture counts.",
}


def identification(
    result: domain.Identification, limit: int, names: domain.VernacularNames
) -> schemas.Identification:
    """Map the answer to a photo, with its ``limit`` best candidates."""
    return schemas.Identification(
        prediction_id=result.prediction_id,
        model=schemas.ModelName(
            name=result.model.name,
            version=result.model.version,
            calibrated=all(model.is_calibrated for model in (result.model, *result.consulted)),
            specialists=[
                schemas.SpecialistName(name=model.name, version=model.version)
                for model in result.consulted
            ],
        ),
        photo=schemas.Photo(
            format=result.format,
            width=result.width,
            height=result.height,
            truncated=result.is_truncated,
            event_date=result.event_date.text if result.event_date else None,
            crop=crop(result.crop) if result.crop else None,
        ),
        location=location(result.location),
        geo=geo(result.geo, result.expected_taxa),
        predictions=[
            schemas.Prediction(
                rank=rank,
                taxon=taxon(candidate.taxon, names),
                score=round(candidate.score, 6),
                vision_score=round(candidate.vision_score, 6),
                geo_weight=round(candidate.geo_weight, 4),
                expected_here=candidate.expected_here,
            )
            for rank, candidate in enumerate(result.candidates[:limit], start=1)
        ],
        animal_score=round(result.animal_score, 6),
        decision=decision(result.decision, names),
        timings={stage: round(spent, 2) for stage, spent in result.timings.items()},
    )


def crop(part: domain.Part) -> schemas.Crop:
    """Map the part of the photo that the model named the animal in."""
    return schemas.Crop(
        left=round(part.left, 4),
        top=round(part.top, 4),
        width=round(part.width, 4),
        height=round(part.height, 4),
    )


def species_list(
    place: domain.Location,
    lookup: domain.PlaceLookup,
    occurrences: tuple[domain.Occurrence, ...],
    limit: int,
    names: domain.VernacularNames,
) -> schemas.SpeciesList:
    """Map the animals of a place.

    Args:
        place: The location that the client asked about.
        lookup: What is known about it.
        occurrences: All of its animals, ranked.
        limit: How many of them the response lists.
        names: Vernacular names in the client's language.
    """
    return schemas.SpeciesList(
        location=location(place),
        geo=geo(lookup, len(occurrences)),
        total=len(occurrences),
        species=[
            schemas.Species(
                rank=rank,
                taxon=taxon(occurrence.taxon, names),
                status=occurrence.feature.status,
                presence=round(occurrence.feature.presence, 4),
                geo_weight=round(occurrence.geo_weight, 4),
            )
            for rank, occurrence in enumerate(occurrences[:limit], start=1)
        ],
    )


def taxon(animal: domain.Taxon, names: domain.VernacularNames) -> schemas.Taxon:
    """Map a taxon, with its vernacular name in the client's language."""
    vernacular_name, language = names.of(animal)
    return schemas.Taxon(
        scientific_name=animal.scientific_name,
        vernacular_name=vernacular_name,
        language=language,
        taxon_rank=animal.taxon_rank,
        taxon_id=animal.taxon_id,
        identifiers=schemas.Identifiers(inaturalist=animal.inaturalist_id),
    )


def decision(result: domain.Decision, names: domain.VernacularNames) -> schemas.Decision:
    """Map the decision."""
    return schemas.Decision(
        kind=result.kind,
        name=name(result.name) if result.name else None,
        lives_here=result.lives_here,
        rejected_by_place=rejection(result.rejection, names) if result.rejection else None,
        lookalikes=[lookalike(doubt) for doubt in result.lookalikes],
    )


def lookalike(doubt: domain.Doubt) -> schemas.Lookalike:
    """Map an animal that the model does not know."""
    rank, name = doubt.common or (None, None)
    return schemas.Lookalike(
        scientific_name=doubt.taxon.scientific_name,
        vernacular_name=doubt.taxon.vernacular_name,
        taxon_rank=doubt.taxon.taxon_rank,
        common_taxon=name,
        common_rank=rank,
        expected_here=doubt.expected_here,
        taxon_id=doubt.taxon.taxon_id,
    )


def rejection(result: domain.Rejection, names: domain.VernacularNames) -> schemas.Rejection:
    """Map the picture's first choice that the place rejects, and its alternatives."""
    return schemas.Rejection(
        first_by_look=taxon(result.first_by_look, names),
        instead=taxon(result.instead, names) if result.instead else None,
        rolled_up=name(result.rolled_up) if result.rolled_up else None,
    )


def name(named: domain.NamedTaxon) -> schemas.Name:
    """Map a name of any rank."""
    return schemas.Name(
        scientific_name=named.scientific_name,
        taxon_rank=named.taxon_rank,
        score=round(named.score, 6),
    )


def location(place: domain.Location) -> schemas.Location:
    """Map a location; its coordinates are null if there are none."""
    point = place.coordinates
    return schemas.Location(
        decimal_latitude=point.latitude if point else None,
        decimal_longitude=point.longitude if point else None,
        coordinate_uncertainty_in_meters=point.uncertainty if point else None,
        source=place.source,
        cell=place.cell,
        exif=place.exif if place.exif is not None else UNSET,
    )


def geo(lookup: domain.PlaceLookup, candidates: int) -> schemas.Geo:
    """Map how the place was used, with a sentence that explains it."""
    features = lookup.features
    return schemas.Geo(
        status=lookup.status,
        source=features.source if features else None,
        dataset=lookup.dataset.version if lookup.dataset else None,
        cell=features.cell if features else None,
        candidates=candidates,
        detail=GEO_DETAILS[lookup.status],
    )


def upload(presigned: domain.PresignedUpload) -> schemas.Upload:
    """Map a presigned upload."""
    return schemas.Upload(
        key=presigned.key,
        url=presigned.url,
        fields=dict(presigned.fields),
        expires_in=presigned.expires_in,
        maximum_bytes=presigned.maximum_bytes,
    )

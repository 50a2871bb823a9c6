"""The work of each route: read the request, call the service, write the response."""

from chalice.app import Request, Response

from chalicelib import __version__
from chalicelib.answer.ranking import expected_taxa, relevant
from chalicelib.bootstrap import Services
from chalicelib.domain import Dataset, GeoStatus, Location, LocationSource
from chalicelib.errors import FeaturesUnavailable, NotFound, Unavailable
from chalicelib.features import cells
from chalicelib.http import mappers, requests, schemas, telemetry
from chalicelib.http.body import RequestLimits
from chalicelib.http.caching import HOUR, MINUTE, cacheable_json_response, no_store_response


def predict(request: Request, services: Services) -> Response:
    """Answer ``POST /v1/predictions``."""
    identify_request, options = requests.read_prediction(request, _limits(services))
    identification = services.identify(identify_request)
    telemetry.emit_metrics(identification, services.settings.deployment)
    names = services.names.in_language(options.language)
    return no_store_response(mappers.identification(identification, options.limit, names))


def upload(request: Request, services: Services) -> Response:
    """Answer ``POST /v1/uploads``: presign an upload of a photo that is too large to post."""
    media_type = requests.read_upload(request, _limits(services))
    return no_store_response(mappers.upload(services.uploads.presign(media_type)), 201)


def species(request: Request, services: Services) -> Response:
    """Answer ``GET /v1/species``. As in a prediction, ``geo.status`` says if data are missing."""
    place, month, options = requests.read_species(request)
    geo = relevant(services.places.look_up(place, month), services.classifier.model)
    location = Location(LocationSource.REQUEST, place, cells.cell_chain(place)[0])
    occurrences = expected_taxa(geo, services.classifier.model, services.identify.weight_bounds)
    names = services.names.in_language(options.language)
    return no_store_response(mappers.species_list(location, geo, occurrences, options.limit, names))


def species_range(request: Request, services: Services, taxon_id: str) -> Response:
    """Answer ``GET /v1/species/{taxonID}/range``.

    An answer without the database is not cacheable: a map would otherwise stay empty, or show
    the fallback's dataset, for an hour.
    """
    from chalicelib.http import geojson  # noqa: PLC0415 - no prediction needs it

    month, language = requests.read_range(request)
    taxon = services.classifier.model.taxon(taxon_id)
    if taxon is None:
        raise NotFound(
            f"The model has no animal {taxon_id!r}. Use a taxonID from a prediction or from "
            "GET /v1/species.",
            "taxonID",
        )
    species_range = services.places.species_range(taxon, month)
    body = geojson.species_range(taxon, species_range, services.names.in_language(language))
    if species_range.status is GeoStatus.DEGRADED or species_range.is_provisional:
        return no_store_response(body, content_type=geojson.MEDIA_TYPE)
    return cacheable_json_response(request, body, HOUR, geojson.MEDIA_TYPE)


def model(request: Request, services: Services) -> Response:
    """Answer ``GET /v1/model``."""
    from chalicelib.http import model_card  # noqa: PLC0415 - no prediction needs it

    dataset = _dataset(services)
    card = model_card.model(services.classifier.model, dataset)
    if dataset is None:
        return no_store_response(card)
    return cacheable_json_response(request, card, MINUTE)


def ready(services: Services) -> Response:
    """Answer ``GET /readyz``: does the model run, and does the feature store answer?

    Only a missing model is 503: without features or specialists, predictions still work.
    """
    checks = {}
    reason = None
    try:
        services.classifier.try_out()
        checks["model"] = "ready"
    except Unavailable as error:
        checks["model"] = "unavailable"
        reason = str(error)
    if services.specialists:
        faults = services.faults() if reason is None else ()
        checks["specialists"] = "unavailable" if reason or faults else "ready"
        reason = reason or "; ".join(faults) or None
    dataset = _dataset(services)
    checks["features"] = "ready" if dataset else "unavailable"
    is_ready = checks["model"] == "ready"
    card = services.classifier.model if is_ready else None
    body = schemas.Readiness(
        ready=is_ready,
        checks=checks,
        reason=reason,
        versions={
            "service": __version__,
            "model": f"{card.name} {card.version}" if card else None,
            "dataset": dataset.version if dataset else None,
        },
    )
    return no_store_response(body, 200 if is_ready else 503)


def _limits(services: Services) -> RequestLimits:
    settings = services.settings
    return RequestLimits(
        photo_bytes=settings.maximum_photo_bytes,
        form_parts=settings.maximum_form_parts,
        part_header_bytes=settings.maximum_part_header_bytes,
        field_bytes=settings.maximum_field_bytes,
        uploads=requests.UPLOADS_PATH if settings.uploads_bucket else None,
    )


def _dataset(services: Services) -> Dataset | None:
    try:
        return services.places.dataset()
    except FeaturesUnavailable:
        return None

"""What each route does: read the question, ask the service, write the answer."""

from chalice.app import Request, Response

from chalicelib import __version__
from chalicelib.answer.ranking import expected_taxa
from chalicelib.bootstrap import Services
from chalicelib.domain import Dataset, GeoStatus, Location, LocationSource
from chalicelib.errors import FeaturesUnavailable, NotFound, Unavailable
from chalicelib.features import cells
from chalicelib.http import problems, requests, schemas, telemetry
from chalicelib.http.caching import HOUR, MINUTE, cached_json, uncached


@problems.handled
def predict(request: Request, services: Services) -> Response:
    """``POST /v1/predictions``."""
    query, wanted = requests.prediction_query(request, _limits(services))
    found = services.identify(query)
    telemetry.measure(found, services.settings.deployment)
    names = services.names.in_language(wanted.language)
    return uncached(schemas.identification(found, wanted.limit, names))


@problems.handled
def upload(request: Request, services: Services) -> Response:
    """``POST /v1/uploads``: leave to upload a photo that is too large to post."""
    ticket = services.uploads.presign(requests.upload_type(request, _limits(services)))
    return uncached(schemas.upload(ticket), 201)


@problems.handled
def species(request: Request, services: Services) -> Response:
    """``GET /v1/species``. As in a prediction, ``geo.status`` tells what the list lacks."""
    place, month, wanted = requests.species_query(request)
    geo = services.places.look_up(place, month)
    location = Location(LocationSource.REQUEST, place, cells.cell_chain(place)[0])
    found = expected_taxa(geo, services.classifier.model, services.identify.weight_bounds)
    names = services.names.in_language(wanted.language)
    return uncached(schemas.species_list(location, geo, found, wanted.limit, names))


@problems.handled
def species_range(request: Request, services: Services, taxon_id: str) -> Response:
    """``GET /v1/species/{taxonID}/range``. Nobody keeps an answer that lacks the features."""
    from chalicelib.http import geojson  # noqa: PLC0415 - no prediction needs it

    month, language = requests.range_query(request)
    taxon = services.classifier.model.taxon(taxon_id)
    if taxon is None:
        raise NotFound(f"The model knows no animal {taxon_id!r}.", "taxonID")
    found = services.places.species_range(taxon, month)
    body = geojson.species_range(taxon, found, services.names.in_language(language))
    if found.status is GeoStatus.DEGRADED:
        return uncached(body, content_type=geojson.MEDIA_TYPE)
    return cached_json(request, body, HOUR, geojson.MEDIA_TYPE)


@problems.handled
def model(request: Request, services: Services) -> Response:
    """``GET /v1/model``."""
    from chalicelib.http import model_card  # noqa: PLC0415 - no prediction needs it

    return cached_json(
        request, model_card.model(services.classifier.model, _dataset(services)), MINUTE
    )


@problems.handled
def ready(services: Services) -> Response:
    """``GET /readyz``: the model is loaded and the feature store answers.

    503 only without the model: without features there still are predictions.
    """
    checks = {}
    try:
        services.classifier.load()
        checks["model"] = "ready"
    except Unavailable:
        checks["model"] = "unavailable"
    dataset = _dataset(services)
    checks["features"] = "ready" if dataset else "unavailable"
    is_ready = checks["model"] == "ready"
    card = services.classifier.model if is_ready else None
    body = schemas.Readiness(
        ready=is_ready,
        checks=checks,
        versions={
            "service": __version__,
            "model": f"{card.name} {card.version}" if card else None,
            "dataset": dataset.version if dataset else None,
        },
    )
    return uncached(body, 200 if is_ready else 503)


def _limits(services: Services) -> requests.Limits:
    settings = services.settings
    return requests.Limits(
        settings.maximum_photo_bytes,
        settings.maximum_form_parts,
        settings.maximum_part_header_bytes,
        settings.maximum_field_bytes,
    )


def _dataset(services: Services) -> Dataset | None:
    try:
        return services.places.dataset()
    except FeaturesUnavailable:
        return None

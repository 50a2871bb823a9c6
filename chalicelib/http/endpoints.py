"""What each route does: read the question, ask the service, write the answer."""

from typing import Any

import msgspec
from chalice.app import Request, Response

from chalicelib import __version__, cells
from chalicelib.bootstrap import Services
from chalicelib.domain import Dataset, Location, LocationSource
from chalicelib.errors import FeaturesUnavailable, NotFound, Unavailable
from chalicelib.http import answers, problems, requests, telemetry


def _json(body: Any, status_code: int = 200) -> Response:
    return Response(
        msgspec.json.encode(body).decode(),
        status_code=status_code,
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


@problems.handled
def predict(request: Request, services: Services) -> Response:
    """``POST /v1/predictions``."""
    query, limit = requests.prediction_query(request, _limits(services))
    found = services.identify(query)
    left_alone = services.places.repository.left_alone()
    telemetry.measure(found, left_alone, services.settings.deployment)
    return _json(answers.identification(found, limit))


@problems.handled
def upload(request: Request, services: Services) -> Response:
    """``POST /v1/uploads``: leave to upload a photo that is too large to post."""
    ticket = services.uploads.ticket(requests.upload_type(request, _limits(services)))
    return _json(answers.upload(ticket), 201)


@problems.handled
def species(request: Request, services: Services) -> Response:
    """``GET /v1/species``. As in a prediction, ``geo.status`` tells what the list lacks."""
    place, month, limit = requests.species_query(request)
    geo = services.places.geo(place, month)
    location = Location(LocationSource.REQUEST, place, cells.chain(place)[0])
    found = services.places.species(geo, services.classifier.model)
    return _json(answers.species_list(location, geo, found, limit))


@problems.handled
def model(services: Services) -> Response:
    """``GET /v1/model``."""
    return _json(answers.model(services.classifier.model, _dataset(services)))


@problems.handled
def live() -> Response:
    """``GET /livez``: the process runs. Touches nothing else."""
    return _json({"live": True})


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
    body = answers.Readiness(
        ready=is_ready,
        checks=checks,
        versions={
            "service": __version__,
            "model": f"{card.name} {card.version}" if card else None,
            "dataset": dataset.version if dataset else None,
        },
    )
    return _json(body, 200 if is_ready else 503)


@problems.handled
def problem(name: str) -> Response:
    """``GET /v1/problems/{name}``: what a problem's ``type`` refers to."""
    found = problems.CATALOGUE.get(name)
    if found is None:
        raise NotFound(f"There is no problem type {name!r}.")
    return _json({"type": problems.TYPE_PREFIX + name, **found._asdict()})


@problems.handled
def unknown_path() -> Response:
    """Whatever no route claims."""
    raise NotFound("There is no resource under this path.")


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
        return services.places.repository.dataset()
    except FeaturesUnavailable:
        return None

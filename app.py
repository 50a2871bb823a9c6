"""Rangefinder's routes. Each hands its request on; the work is in ``chalicelib``.

Start reading at ``chalicelib/identify.py``: the whole job on one page.
"""

from typing import cast

from chalicelib.runtime import lazy_imports

lazy_imports.begin()

from chalice.app import Chalice, CORSConfig, Request, Response

from chalicelib.bootstrap import Services
from chalicelib.http import endpoints, problems, requests, telemetry, website
from chalicelib.http.static_routes import about
from chalicelib.settings import Settings, is_chalice_cli

settings = Settings.from_environment()
services = Services.build(settings)
services.prepare()
lazy_imports.end()
app = Chalice(app_name=telemetry.SERVICE, configure_logs=False)
app.api.cors = CORSConfig(allow_origin=settings.allowed_origin)
app.api.binary_types = list(requests.PHOTO_TYPES)
app.register_middleware(telemetry.middleware, "http")
app.register_middleware(problems.middleware, "http")
app.register_blueprint(about)
app.register_blueprint(website.blueprint(services))
uploading = {"methods": ["POST"], "api_key_required": settings.api_key_required}

if is_chalice_cli():
    from chalicelib.http import dev_server

    dev_server.improve()


def current_request() -> Request:
    """The request at hand: Chalice sets it before it calls a view."""
    return cast(Request, app.current_request)


@app.route("/v1/predictions", content_types=["*/*"], **uploading)
def predict() -> Response:
    """Which animal is in the photo: by its look, and by where it was taken."""
    return endpoints.predict(current_request(), services)


@app.route("/v1/uploads", **uploading)
def upload() -> Response:
    """Leave to upload a photo that is too large to post."""
    return endpoints.upload(current_request(), services)


@app.route("/v1/species", methods=["GET"])
def species() -> Response:
    """The animals of a place, ranked."""
    return endpoints.species(current_request(), services)


@app.route("/v1/species/{taxonID}/range", methods=["GET"])
def species_range(taxonID: str) -> Response:  # noqa: N803 - Darwin Core's own name
    """Where in the world an animal is expected, as GeoJSON."""
    return endpoints.species_range(current_request(), services, taxonID)


@app.route("/v1/model", methods=["GET"])
def model() -> Response:
    """The model and the dataset in force."""
    return endpoints.model(current_request(), services)


@app.route("/readyz", methods=["GET"])
def ready() -> Response:
    """Model and feature store can be used; their versions."""
    return endpoints.ready(services)

"""Rangefinder's routes. Each view passes its request on; the work is in ``chalicelib``.

Start reading at ``chalicelib/identify.py``, which shows the five steps of the job:
``photo/`` reads the photo (1) and its position (2), ``features/`` looks up which animals live
there (3), ``classifier/`` scores the animals in the picture (4), ``answer/`` combines both (5).
``http/`` reads requests and writes responses; ``bootstrap.py`` puts the service together.
"""

from functools import partial
from typing import cast

from chalicelib.runtime import lazy_imports

lazy_imports.begin()

from chalice.app import Chalice, Request, Response

from chalicelib.bootstrap import Services
from chalicelib.http import body, endpoints, headers, problems, static_routes, telemetry, website
from chalicelib.settings import Settings, is_chalice_cli

settings = Settings.from_environment()
services = Services.build(settings)
services.prepare()
lazy_imports.end()
app = Chalice(app_name=telemetry.SERVICE, configure_logs=False)
app.api.cors = cors = headers.cors(settings.allowed_origin)
app.api.binary_types = list(body.BINARY_TYPES)
for middleware in (headers.middleware(cors), telemetry.middleware, problems.middleware):
    app.register_middleware(middleware, "http")
app.register_blueprint(static_routes.blueprint)
app.register_blueprint(website.blueprint(services))
route = partial(problems.route, app)
keyed = partial(route, api_key_required=settings.api_key_required)

if is_chalice_cli():
    from chalicelib.http import dev_server

    dev_server.patch_dev_server()


def current_request() -> Request:
    """Return the current request, which Chalice sets before it calls a view."""
    return cast(Request, app.current_request)


@keyed("/v1/predictions", methods=["POST"], content_types=["*/*"])
def predict() -> Response:
    """Identify the animal in a photo, from the picture and from where it was taken."""
    return endpoints.predict(current_request(), services)


@keyed("/v1/uploads", methods=["POST"])
def upload() -> Response:
    """Create a presigned upload for a photo that is too large to post."""
    return endpoints.upload(current_request(), services)


@keyed("/v1/species", methods=["GET"])
def species() -> Response:
    """List the animals that are expected at a place, most expected first."""
    return endpoints.species(current_request(), services)


@keyed("/v1/species/{taxonID}/range", methods=["GET"])
def species_range(taxonID: str) -> Response:  # noqa: N803 - Darwin Core's own name
    """Show where in the world an animal is expected, as GeoJSON."""
    return endpoints.species_range(current_request(), services, taxonID)


@route("/v1/model", methods=["GET"])
def model() -> Response:
    """Describe the model and the dataset in use."""
    return endpoints.model(current_request(), services)


@route("/readyz", methods=["GET"])
def ready() -> Response:
    """Say whether the model and the feature store can be used, and their versions."""
    return endpoints.ready(services)

"""Rangefinder's routes. Each hands its request on; the work is in ``chalicelib``.

Start reading at ``chalicelib/identify.py``: the whole job on one page.
"""

from typing import cast

from chalice.app import Chalice, Request, Response

from chalicelib.bootstrap import Services
from chalicelib.http import endpoints, problems, requests
from chalicelib.settings import Settings, under_chalice_command

app = Chalice(app_name="rangefinder")
app.api.cors = True
app.api.binary_types = list(requests.PHOTO_TYPES)
app.register_middleware(problems.middleware, "http")
services = Services.build(Settings.from_environment())

if under_chalice_command():
    from chalicelib.http import local

    local.improve()


def current_request() -> Request:
    """The request at hand: Chalice sets it before it calls a view."""
    return cast(Request, app.current_request)


@app.route("/v1/predictions", methods=["POST"], content_types=list(requests.QUESTION_TYPES))
def predict() -> Response:
    """Which animal is in the photo: by its look, and by where it was taken."""
    return endpoints.predict(current_request(), services)


@app.route("/v1/uploads", methods=["POST"])
def upload() -> Response:
    """Leave to upload a photo that is too large to post."""
    return endpoints.upload(current_request(), services)


@app.route("/v1/species", methods=["GET"])
def species() -> Response:
    """The animals of a place, ranked."""
    return endpoints.species(current_request(), services)


@app.route("/v1/model", methods=["GET"])
def model() -> Response:
    """The model and the dataset in force."""
    return endpoints.model(services)


@app.route("/v1/problems/{name}", methods=["GET"])
def problem(name: str) -> Response:
    """What a problem's type means and what to do about it."""
    return endpoints.problem(name)


@app.route("/livez", methods=["GET"])
def live() -> Response:
    """The process runs."""
    return endpoints.live()


@app.route("/readyz", methods=["GET"])
def ready() -> Response:
    """Model and feature store can be used; their versions."""
    return endpoints.ready(services)


@app.route("/{proxy+}", methods=list(requests.METHODS), content_types=["*/*"])
def unknown_path() -> Response:
    """Whatever no other route claims, so that it gets a problem and not API Gateway's 403."""
    return endpoints.unknown_path()

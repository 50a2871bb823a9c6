"""The other resources, through real API Gateway events."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.app import Response
from msgspec.structs import replace

import app
from chalicelib.answer.ranking import WeightBounds
from chalicelib.bootstrap import Services
from chalicelib.features.place_service import Places
from chalicelib.http import problems, telemetry
from chalicelib.identify import Identify
from chalicelib.settings import Settings
from tests.fakes import (
    FakeClassifier,
    FakeClock,
    FakeExif,
    FakeFeatures,
    FakeNames,
    FakePhotos,
    FakeUploadStore,
    InlineExecutor,
)
from tests.gateway import call, call_text, event
from tests.samples import SAMPLES
from tools import ROOT

PANTANAL = "decimalLatitude=-17.36&decimalLongitude=-56.78"


def names(body) -> list[str]:
    return [one["taxon"]["vernacularName"] for one in body["species"]]


def test_the_animals_of_a_place_are_listed():
    """They are ranked and have weights; jaguars live in the Pantanal, koalas do not."""
    answer = call("GET", f"/v1/species?{PANTANAL}")
    assert answer.status == 200
    assert "jaguar" in names(answer.body)
    assert "koala" not in names(answer.body)
    assert answer.body["total"] == len(answer.body["species"]) == answer.body["geo"]["candidates"]
    first = answer.body["species"][0]
    assert set(first) == {"rank", "taxon", "status", "presence", "geoWeight"}
    assert answer.body["geo"]["status"] == "applied"


def test_limit_cuts_the_list_but_not_the_total():
    """A client then knows that there are more animals."""
    answer = call("GET", f"/v1/species?{PANTANAL}&limit=3")
    assert len(answer.body["species"]) == 3
    assert answer.body["total"] > 3


def test_marine_animals_are_listed_only_at_the_sea():
    """An inland place of a country with a coast has none of them."""
    inland = call("GET", "/v1/species?decimalLatitude=-23.7&decimalLongitude=133.9").body
    coast = call("GET", "/v1/species?decimalLatitude=-16.9&decimalLongitude=145.8").body
    assert "great white shark" not in names(inland)
    assert "loggerhead sea turtle" not in names(inland)
    assert "loggerhead sea turtle" in names(coast)


def test_a_place_without_data_gives_an_empty_list_and_the_reason():
    """The place is in the middle of the Atlantic."""
    body = call("GET", "/v1/species?decimalLatitude=30&decimalLongitude=-40").body
    assert body["species"] == []
    assert body["geo"]["status"] == "noData"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", ["decimalLatitude", "decimalLongitude"]),
        ("decimalLatitude=1", ["decimalLongitude"]),
        (f"{PANTANAL}&month=0&limit=-1", ["month", "limit"]),
        ("decimalLatitude=nan&decimalLongitude=181", ["decimalLatitude", "decimalLongitude"]),
    ],
)
def test_a_faulty_request_names_its_fields(query, fields):
    """The status is 422, with every faulty field."""
    answer = call("GET", f"/v1/species?{query}")
    assert answer.status == 422
    assert answer.fields == fields


def test_the_model_is_described():
    """The description has name, version, hash, input, licence, calibration and dataset."""
    body = call("GET", "/v1/model").body
    assert (body["name"], body["classes"], body["animals"]) == ("efficientnet-lite2", 1000, 398)
    assert {"version", "sha256", "input", "calibration", "license", "trainingData"} <= set(body)
    assert body["dataset"]["version"].startswith("ranges-")


def test_live_and_ready():
    """Liveness needs nothing; readiness has model, store and versions."""
    assert call("GET", "/livez").body == {"live": True}
    answer = call("GET", "/readyz")
    assert answer.status == 200
    assert answer.body["checks"] == {"model": "ready", "features": "ready"}
    assert answer.body["versions"]["dataset"].startswith("ranges-")


@pytest.mark.parametrize("path", ["/nowhere", "/v1/nowhere", "/v1/species/1", "/a/b/c/d"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_a_problem(method, path):
    """This holds for any method and body."""
    body = b"x" if method == "POST" else None
    answer = call(method, path, body, {"Content-Type": "image/gif"} if body else None)
    assert answer.status == 404
    assert answer.body["type"] == "/v1/problems/not-found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("DELETE", "/v1/predictions", "POST"), ("POST", "/livez", "GET, HEAD")],
)
def test_a_wrong_method_is_a_problem_that_names_the_allowed_ones(method, path, allowed):
    """They are in the Allow header, as RFC 9110 requires."""
    answer = call(method, path)
    assert answer.status == 405
    assert answer.body["type"] == "/v1/problems/method-not-allowed"
    assert answer.headers["Allow"] == allowed
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


READABLE = [
    "/", "/livez", "/readyz", "/openapi.json", "/v1/model", f"/v1/species?{PANTANAL}",
    "/v1/species", "/v1/species/n02128925/range", "/v1/species/none/range",
    "/v1/cells/84a85d3ffffffff", "/v1/problems/not-found", "/nowhere", "/assets/1/page.js",
]  # fmt: skip


@pytest.mark.parametrize("path", READABLE)
def test_head_answers_as_get_does_without_a_body(path):
    """This holds for problems too (RFC 9110, section 9.3.2)."""
    get, head = call_text(event("GET", path)), call_text(event("HEAD", path))
    assert get.body
    assert head == get._replace(body="")


def test_head_is_not_for_resources_that_only_take_posts():
    """The problem has no body either."""
    answer = call_text(event("HEAD", "/v1/predictions"))
    assert (answer.status, answer.headers["Allow"], answer.body) == (405, "POST", "")


@pytest.mark.parametrize("path", [*READABLE, "/v1/predictions"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_response_has_the_headers_for_browsers(method, path):
    """No guess of the type, and the origins that may read it, whatever the status is."""
    headers = call_text(event(method, path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Access-Control-Max-Age"] == "7200"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/species?decimalLatitude=1&lng=2", "lng"),
        (f"/v1/species?{PANTANAL}&eventDate=2024-01-01", "eventDate"),
        ("/v1/species/n02128925/range?months=1", "months"),
    ],
)
def test_unknown_parameters_are_refused(path, field):
    """A list of other animals than were asked for would be worse."""
    answer = call("GET", path)
    assert answer.status == 422
    assert field in answer.fields


@pytest.mark.parametrize(
    "path",
    ["/?utm_source=mail&fbclid=1", "/livez?x=1", "/v1/model?v=2",
     f"/v1/species?{PANTANAL}&_=1700000000"],
)  # fmt: skip
def test_parameters_of_links_and_caches_are_harmless(path):
    """Only requests that read parameters refuse others."""
    assert call_text(event("GET", path)).status == 200


@pytest.mark.parametrize("name", problems.CATALOGUE)
def test_every_problem_type_explains_itself(name):
    """Its reference resolves on any deployment."""
    answer = call("GET", problems.TYPE_PREFIX + name)
    assert answer.status == 200
    assert answer.body["title"]
    assert answer.body["help"]


def services(**parts) -> Services:
    """Build services from fakes, as bootstrap would."""
    classifier = parts.get("classifier", FakeClassifier())
    places = Places(parts.get("features", FakeFeatures()))
    uploads = FakeUploadStore()
    identify = Identify(
        photos=FakePhotos(),
        uploads=uploads,
        exif=FakeExif(),
        places=places,
        classifier=classifier,
        weight_bounds=WeightBounds(0.1, 10.0),
        clock=FakeClock(),
        new_id=lambda: "id",
        executor=InlineExecutor(),
        features_timeout=1.0,
    )
    return Services(
        settings=Settings(),
        identify=identify,
        places=places,
        classifier=classifier,
        uploads=uploads,
        names=FakeNames(),
    )


@contextmanager
def deployed(other: Services) -> Iterator[None]:
    """Let the app use other services until the end of the block."""
    usual = app.services
    app.services = other
    yield
    app.services = usual


@pytest.fixture
def deployment_without_model() -> Iterator[None]:
    """The app of a stage whose model cannot be loaded."""
    with deployed(services(classifier=FakeClassifier(is_broken=True))):
        yield


def test_without_the_model_the_service_is_not_ready(deployment_without_model):
    """The status is 503, and the body says which part is missing."""
    answer = call("GET", "/readyz")
    assert answer.status == 503
    assert answer.body["ready"] is False
    assert answer.body["checks"]["model"] == "unavailable"


@pytest.fixture
def deployment_without_features() -> Iterator[None]:
    """The app of a stage whose feature store is down."""
    with deployed(services(features=FakeFeatures(is_down=True))):
        yield


def test_without_features_the_species_list_is_empty_and_says_why(deployment_without_features):
    """It keeps the place, and no cache keeps it."""
    answer = call("GET", f"/v1/species?{PANTANAL}")
    assert answer.status == 200
    assert (answer.body["species"], answer.body["total"]) == ([], 0)
    assert answer.body["geo"]["status"] == "degraded"
    assert answer.body["geo"]["dataset"] is None
    assert answer.body["location"]["decimalLatitude"] == -17.36
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_features_the_range_is_empty_and_says_why(deployment_without_features):
    """No cache keeps it."""
    answer = call("GET", "/v1/species/jaguar/range")
    assert answer.status == 200
    assert (answer.body["features"], answer.body["geo"]["status"]) == ([], "degraded")
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_features_the_service_is_ready(deployment_without_features):
    """Predictions still work, so no load balancer takes it out."""
    answer = call("GET", "/readyz")
    assert answer.status == 200
    assert answer.body["ready"] is True
    assert answer.body["checks"] == {"model": "ready", "features": "unavailable"}
    assert answer.body["versions"]["dataset"] is None
    assert answer.body["versions"]["model"] == "fake 1"


def test_without_features_a_prediction_ranks_by_the_picture_alone(deployment_without_features):
    """The weights are 1, and the answer says why."""
    photo, headers = SAMPLES["jaguar.jpg"].content, {"Content-Type": "image/jpeg"}
    answer = call("POST", f"/v1/predictions?{PANTANAL}", photo, headers)
    assert answer.status == 200
    assert answer.body["geo"]["status"] == "degraded"
    assert [one["geoWeight"] for one in answer.body["predictions"]] == [1.0] * 5
    assert answer.body["predictions"][0]["taxon"]["taxonID"] == "leopard"


def test_without_features_the_model_is_described_and_not_cached():
    """A cache would keep the model without its dataset."""
    usual = app.services
    app.services = replace(usual, places=Places(FakeFeatures(is_down=True)))
    try:
        answer = call("GET", "/v1/model")
    finally:
        app.services = usual
    assert (answer.status, answer.body["dataset"], answer.body["animals"]) == (200, None, 398)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


def test_an_unexpected_error_shows_only_an_identifier(log):
    """The log has the details under it."""

    @problems.with_problem_responses
    def view() -> Response:
        raise ZeroDivisionError("secret")

    request: Any = SimpleNamespace(context={"requestId": "abc-123"}, method="GET")
    response = telemetry.middleware(request, lambda _: view())
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/problem+json"
    assert "secret" not in response.body
    assert '"requestId":"abc-123"' in response.body
    (error,) = (line for line in log() if line["level"] == "ERROR")
    assert error["requestId"] == "abc-123"
    assert error["exception_name"] == "ZeroDivisionError"


@pytest.mark.parametrize(
    ("settings", "origin", "keys"),
    [
        ({}, "*", set()),
        (
            {
                "RANGEFINDER_ALLOWED_ORIGIN": "https://animals.example",
                "RANGEFINDER_API_KEY_REQUIRED": "on",
            },
            "https://animals.example",
            {"/v1/predictions", "/v1/species", "/v1/species/{taxonID}/range", "/v1/uploads"},
        ),
    ],
)
def test_an_operator_sets_the_allowed_origin_and_api_keys(settings, origin, keys):
    """API Gateway gets the origin, and which routes need an API key."""
    program = (
        "import json, app\n"
        "routes = [(path, methods) for path, methods in app.app.routes.items()]\n"
        "keys = [path for path, methods in routes\n"
        "        if any(entry.api_key_required for entry in methods.values())]\n"
        "print(json.dumps([app.app.api.cors.allow_origin, sorted(keys)]))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **settings}, cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert json.loads(said.splitlines()[-1]) == [origin, sorted(keys)]

"""The published contract is what the code does, and takes nothing away."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib import __version__
from chalicelib.http.problems import CATALOGUE, TYPE_PREFIX
from tests.contract import DOCUMENT
from tests.gateway import call
from tests.samples import SAMPLES
from tools.contract.__main__ import build
from tools.contract.changes import breaks
from tools.contract.operations import OPERATIONS

PAGES = {"/{proxy+}", "/", "/assets/{version}/{name}"}
"""What is for browsers, and what is nothing."""

CASES = [(method, field) for method, one in OPERATIONS.items() for field in one.question.fields]


def without_examples(document: Any) -> Any:
    """The document without the answers that the service once gave."""
    match document:
        case dict():
            return {
                name: without_examples(value)
                for name, value in document.items()
                if name not in ("example", "value")
            }
        case list():
            return [without_examples(one) for one in document]
    return document


def test_the_service_serves_its_contract():
    """Where the ecosystem looks for it, and it is OpenAPI 3.1."""
    answer = call("GET", "/openapi.json")
    assert answer.body == DOCUMENT
    assert answer.body["info"]["version"] == __version__
    OpenAPIV31SpecValidator(answer.body).validate()


def test_the_contract_is_current():
    """A model, field, default or problem that changes changes it: run ``make contract``."""
    built = json.loads(json.dumps(build({}, dict.fromkeys(CATALOGUE))))
    assert without_examples(built) == without_examples(DOCUMENT)


def test_every_route_is_in_the_contract():
    """But for those of the page."""
    routes = {
        (method, path)
        for path, methods in app.routes.items()
        for method in methods
        if path not in PAGES
    }
    assert routes == set(OPERATIONS)


def test_every_type_of_problem_is_shown():
    """With its own type and status."""
    examples = DOCUMENT["components"]["examples"]
    assert set(examples) == set(CATALOGUE)
    for name, problem in CATALOGUE.items():
        body = examples[name]["value"]
        assert (body["type"], body["status"]) == (TYPE_PREFIX + name, problem.status)
        schema = {"$ref": "#/components/schemas/ProblemDetails"}
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)


def test_every_example_is_what_its_schema_says():
    """And every operation has one, but for this document."""
    for method, path in OPERATIONS:
        responses = DOCUMENT["paths"][path][method.lower()]["responses"]
        content = [
            media
            for response in responses.values()
            for kind, media in response.get("content", {}).items()
            if kind != "application/problem+json" and path != "/openapi.json"
        ]
        for media in content:
            schema = {**media["schema"], "components": DOCUMENT["components"]}
            Draft202012Validator(schema).validate(media["example"])


@pytest.mark.parametrize(("method", "field"), CASES)
def test_every_field_of_the_contract_is_read(method, field):
    """What it cannot be is refused by its name, so that the contract has no field that is none."""
    verb, path = method
    url = f"{path.replace('{taxonID}', 'n02128925')}?{field.name}=%21"
    photo, kind = SAMPLES["jaguar.jpg"].content, {"Content-Type": "image/jpeg"}
    if path == "/v1/uploads":
        photo, kind = b"", {"Content-Type": "application/json"}
    answer = call(verb, url, photo if verb == "POST" else None, kind if verb == "POST" else None)
    assert answer.status == 422
    assert field.name in answer.fields


def changed(*path: str, to: Any = None) -> dict[str, Any]:
    """The contract with one thing changed, or gone."""
    document: dict[str, Any] = copy.deepcopy(DOCUMENT)
    inner: Any = document
    for name in path[:-1]:
        inner = inner[name]
    if to is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return document


SPECIES = ("paths", "/v1/species", "get")
TAKEN = DOCUMENT["paths"]["/v1/species"]["get"]["parameters"]
NEW = {"name": "new", "in": "query", "required": True, "schema": {}}
LOCATION = ("components", "schemas", "Location")


@pytest.mark.parametrize(
    ("document", "lost"),
    [
        (changed("paths", "/v1/model"), "GET /v1/model: was there, is gone"),
        (changed(*SPECIES, "responses", "503"), "GET /v1/species answers 503: was there"),
        (changed(*LOCATION, "properties", "cell"), ".location:.cell: was always, is gone"),
        (changed(*LOCATION, "properties", "cell", to={"type": "string"}), ".cell: (null)"),
        (changed(*LOCATION, "required", to=[]), "is sometimes"),
        (
            changed("components", "schemas", "GeoStatus", "enum", to=["applied"]),
            ".status: = degraded",
        ),
        (changed(*SPECIES, "parameters", to=TAKEN[:3]), "GET /v1/species takes query month"),
        (
            changed(*SPECIES, "parameters", to=[*TAKEN, NEW]),
            "GET /v1/species takes query new must be given",
        ),
    ],
)
def test_a_breaking_change_is_told(document, lost):
    """A path, status, field or word that goes, a type that changes, a field that is now a must."""
    assert any(lost in one for one in breaks(DOCUMENT, document))


def test_what_is_added_breaks_nobody():
    """Paths, statuses, and fields that may be left out."""
    document = changed("paths", "/v2/new", to={"get": {"responses": {}}})
    document["paths"]["/v1/species"]["get"]["responses"]["429"] = {"description": "Slower."}
    document["components"]["schemas"]["Location"]["properties"]["new"] = {"type": "string"}
    assert breaks(DOCUMENT, document) == []

"""The contract describes what the code does, and changes of it that break clients are found."""

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib import __version__
from chalicelib.http.problems import CATALOGUE, TYPE_PREFIX
from tests.contract import DOCUMENT
from tests.gateway import call
from tests.samples import SAMPLES
from tools.contract.__main__ import build
from tools.contract.changes import breaking_changes
from tools.contract.operations import OPERATIONS

PAGES = {"/{proxy+}", "/", "/assets/{version}/{name}"}
"""Routes of the page, and the route for unknown paths."""

CASES = [
    (method, field)
    for method, operation in OPERATIONS.items()
    for field in operation.request.fields
]


def without_examples(document: Any) -> Any:
    """Return the document without its examples, which are real responses."""
    match document:
        case dict():
            return {
                name: without_examples(value)
                for name, value in document.items()
                if name not in ("example", "value")
            }
        case list():
            return [without_examples(item) for item in document]
    return document


def test_the_service_serves_its_contract():
    """It is OpenAPI 3.1, at the usual path."""
    answer = call("GET", "/openapi.json")
    assert answer.body == DOCUMENT
    assert answer.body["info"]["version"] == __version__
    OpenAPIV31SpecValidator(answer.body).validate()


def test_the_contract_is_current():
    """If a model, field, default or problem has changed, run ``make contract``."""
    built = json.loads(json.dumps(build({}, dict.fromkeys(CATALOGUE))))
    assert without_examples(built) == without_examples(DOCUMENT)


def test_every_route_is_in_the_contract():
    """Routes of the page are not, and HEAD goes without saying: each GET has it."""
    routes = {
        (method, path)
        for path, methods in app.routes.items()
        for method in methods
        if path not in PAGES
    }
    heads = {("HEAD", path) for method, path in OPERATIONS if method == "GET"}
    assert routes == set(OPERATIONS) | heads


def test_every_problem_type_has_an_example():
    """It has the type and status of its problem."""
    examples = DOCUMENT["components"]["examples"]
    assert set(examples) == set(CATALOGUE)
    for name, problem in CATALOGUE.items():
        body = examples[name]["value"]
        assert (body["type"], body["status"]) == (TYPE_PREFIX + name, problem.status)
        schema = {"$ref": "#/components/schemas/ProblemDetails"}
        Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(body)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_example_matches_its_schema(method, path):
    """Each answer that is no problem has a schema that says something, and an example."""
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    successes = {status: one for status, one in responses.items() if status.startswith("2")}
    assert successes
    for status, response in successes.items():
        assert response["content"], status
        for media in response["content"].values():
            assert media["schema"].keys() & {"$ref", "type", "oneOf", "anyOf"}
            if path != "/openapi.json":  # its example would be this document
                schema = {**media["schema"], "components": DOCUMENT["components"]}
                Draft202012Validator(schema).validate(media["example"])
                with pytest.raises(ValidationError):
                    Draft202012Validator(schema).validate(None)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_other_answer_is_a_problem_or_has_no_body(method, path):
    """Only an unchanged resource has none. A service that is not ready says what it lacks."""
    responses = DOCUMENT["paths"][path][method.lower()]["responses"]
    kinds = {
        status: list(response.get("content", {}))
        for status, response in responses.items()
        if not status.startswith("2")
    }
    assert kinds.pop("304", []) == []
    if path == "/readyz":
        assert kinds.pop("503") == ["application/json"]
    assert [kind for kind in kinds.values() if kind != ["application/problem+json"]] == []


@pytest.mark.parametrize(("method", "field"), CASES)
def test_every_field_of_the_contract_is_read(method, field):
    """A faulty value is refused by the field's name, so no field of the contract is ignored."""
    verb, path = method
    url = f"{path.replace('{taxonID}', 'n02128925')}?{field.name}=%21"
    photo, kind = SAMPLES["jaguar.jpg"].content, {"Content-Type": "image/jpeg"}
    if path == "/v1/uploads":
        photo, kind = b"", {"Content-Type": "application/json"}
    answer = call(verb, url, photo if verb == "POST" else None, kind if verb == "POST" else None)
    assert answer.status == 422
    assert field.name in answer.fields


def changed(*path: str, to: Any = None) -> dict[str, Any]:
    """Return the contract with one part changed or removed."""
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
    ("document", "change"),
    [
        (changed("paths", "/v1/model"), "GET /v1/model was removed"),
        (changed(*SPECIES, "responses", "503"), "GET /v1/species response > 503 was removed"),
        (changed(*LOCATION, "properties", "cell"), "> location > cell was removed"),
        (changed(*LOCATION, "properties", "cell", to={"type": "string"}), "> cell: type null"),
        (changed(*LOCATION, "required", to=[]), "> location > source is now optional"),
        (
            changed("components", "schemas", "GeoStatus", "enum", to=["applied"]),
            "> status: value degraded was removed",
        ),
        (changed(*SPECIES, "parameters", to=TAKEN[:3]), "request > query month was removed"),
        (changed(*SPECIES, "parameters", to=[*TAKEN, NEW]), "query new is now required"),
    ],
)
def test_a_breaking_change_of_this_contract_is_found(document, change):
    """Paths, statuses, fields and values that are removed, types that change, new requirements."""
    assert any(change in line for line in breaking_changes(DOCUMENT, document))


def test_a_narrower_parameter_is_a_breaking_change():
    """Bounds, defaults and patterns count."""
    document = copy.deepcopy(DOCUMENT)
    parameters = document["paths"]["/v1/species"]["get"]["parameters"]
    schemas = {parameter["name"]: parameter["schema"] for parameter in parameters}
    schemas["limit"] |= {"maximum": 3, "default": 3}
    schemas["lang"]["pattern"] = "^en$"
    name = "GET /v1/species request > query"
    limit, default, pattern = breaking_changes(DOCUMENT, document)
    assert limit == f"{name} limit: maximum changed from 400 to 3"
    assert default == f"{name} limit: default changed from 400 to 3"
    assert pattern.startswith(f"{name} lang: pattern changed from")


def test_an_addition_breaks_no_client():
    """New paths, statuses and optional fields are additions."""
    document = changed("paths", "/v2/new", to={"get": {"responses": {}}})
    document["paths"]["/v1/species"]["get"]["responses"]["429"] = {"description": "Slower."}
    document["components"]["schemas"]["Location"]["properties"]["new"] = {"type": "string"}
    assert breaking_changes(DOCUMENT, document) == []


def test_the_contract_breaks_no_client_of_itself():
    """No change is found where there is none."""
    assert breaking_changes(DOCUMENT, DOCUMENT) == []

"""Build the OpenAPI document. The same code and examples give the same bytes."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from chalicelib import __version__
from chalicelib.domain import MEDIA_TYPES
from chalicelib.http import body, parameters, problems
from tools.contract.operations import OPERATIONS, Method, Operation

Json = dict[str, Any]
Examples = Mapping[tuple[Method, int], Any]
"""Responses of the service, by operation and status."""

SCHEMAS: Final = "#/components/schemas/"
UPLOADING: Final = {("POST", "/v1/predictions"), ("POST", "/v1/uploads")}
KEYED: Final = UPLOADING | {("GET", "/v1/species"), ("GET", "/v1/species/{taxonID}/range")}
"""Operations for which an operator may require an API key (RANGEFINDER_API_KEY_REQUIRED)."""

DESCRIPTION: Final = """
Identifies the animal in a photo, from the picture and from where it was taken.

Field names are Darwin Core's (https://dwc.tdwg.org/terms/). `taxonID` is a WordNet 3.0 synset.
Cells are H3's (https://h3geo.org). Every error is a problem details object (RFC 9457), whose
`type` is a reference to its explanation. A method that a path does not allow gives 405
(`method-not-allowed`). `HEAD` answers as `GET` does, without the body. A field that a request
does not have is refused (422, `invalid-input`), unless its name begins with `_` or `x-`: such names
are free for clients and libraries. Changes that break clients get another version in the path.
"""


def build(
    views: Mapping[Method, Callable[..., Any]], examples: Examples, faults: Mapping[str, Any]
) -> Json:
    """Build the document.

    Args:
        views: The view function of each operation; its docstring becomes the summary.
        examples: An example of each response.
        faults: An example of each problem type.
    """
    models = [
        model
        for operation in OPERATIONS.values()
        for model in operation.responses.values()
        if model
    ]
    _, schemas = msgspec.json.schema_components(
        [*models, problems.ProblemDetails], ref_template=SCHEMAS + "{name}"
    )
    paths: defaultdict[str, Json] = defaultdict(dict)
    for method, operation in OPERATIONS.items():
        verb, path = method
        paths[path][verb.lower()] = _operation(method, operation, views[method], examples)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rangefinder",
            "version": __version__,
            "summary": "Identifies the animal in a photo, from the picture and the place.",
            "description": DESCRIPTION.strip(),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": ".", "description": "The deployment that serves this document."}],
        "paths": dict(paths),
        "components": {
            "schemas": {name: _plain(schemas[name]) for name in sorted(schemas)},
            "examples": {name: {"value": faults[name]} for name in problems.CATALOGUE},
            "securitySchemes": {
                "apiKey": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "x-api-key",
                    "description": "Required if the operator asks for one.",
                }
            },
        },
    }


def _operation(
    method: Method, operation: Operation, view: Callable[..., Any], examples: Examples
) -> Json:
    summary, _, more = inspect.cleandoc(view.__doc__ or "").partition("\n")
    document: Json = {"operationId": view.__name__, "summary": summary}
    if more.strip():
        document["description"] = more.strip()
    described = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": parameter.description,
            "schema": parameter.schema,
            "example": parameter.example,
        }
        for name, parameter in operation.path.items()
    ]
    described += [_parameter(field, operation.request) for field in operation.request.fields]
    if operation.cacheable:
        described.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "The ETag of the response that the client has.",
                "schema": {"type": "string"},
            }
        )
    if described:
        document["parameters"] = described
    if method in UPLOADING:
        is_prediction = operation.request is parameters.PREDICTION_REQUEST
        document["requestBody"] = _prediction_body() if is_prediction else _upload_body()
    if method in KEYED:
        document["security"] = [{}, {"apiKey": []}]
    document["responses"] = _responses(method, operation, examples)
    return document


def _parameter(field: parameters.Field[Any, Any], request: parameters.RequestSchema) -> Json:
    return {
        "name": field.name,
        "in": "query",
        "required": field in request.required,
        "description": field.description,
        "schema": _schema(field),
    }


def _schema(field: parameters.Field[Any, Any]) -> Json:
    default = {} if field.default is None else {"default": field.default}
    return {**field.type.schema(), **default}


def _form(request: parameters.RequestSchema) -> Json:
    """Describe the fields of a request as those of a form."""
    members = {
        field.name: {**_schema(field), "description": field.description} for field in request.fields
    }
    return {"type": "object", "properties": members}


def _object(request: parameters.RequestSchema) -> Json:
    """Describe them as JSON, where null means absent."""
    schema = _form(request)
    for field in request.fields:
        if field not in request.required:
            member = schema["properties"][field.name]
            description = {"description": member.pop("description")}
            schema["properties"][field.name] = {**description, "anyOf": [member, {"type": "null"}]}
    required = [field.name for field in request.required]
    return {**schema, **({"required": required} if required else {})}


def _prediction_body() -> Json:
    form = _form(parameters.PREDICTION_REQUEST)
    photo = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": f"The photo: one of {', '.join(MEDIA_TYPES)}, detected from its content.",
    }
    form |= {"properties": {body.PHOTO: photo, **form["properties"]}}
    form |= {"required": [body.PHOTO]}
    raw: Json = {media_type: {} for media_type in body.PHOTO_TYPES if media_type != body.FORM}
    return {
        "required": True,
        "description": "The photo, in a form or as the body; or JSON with an uploaded photo's key.",
        "content": {
            body.FORM: {"schema": form},
            body.JSON: {"schema": _object(parameters.UPLOADED_PREDICTION_REQUEST)},
            **raw,
        },
    }


def _upload_body() -> Json:
    return {"content": {body.JSON: {"schema": _object(parameters.UPLOAD_REQUEST)}}}


def _responses(method: Method, operation: Operation, examples: Examples) -> Json:
    responses: Json = {}
    for status, model in operation.responses.items():
        schema = {"$ref": SCHEMAS + model.__name__} if model else {"type": "object"}
        content: Json = {"schema": schema}
        if (method, status) in examples:
            content["example"] = examples[method, status]
        responses[str(status)] = {
            "description": "The response." if status < 300 else "The same, with what is missing.",
            "content": {operation.media_type: content},
        }
        if operation.cacheable:
            responses[str(status)]["headers"] = _cache_headers()
    if operation.cacheable:
        responses["304"] = {
            "description": "The client has this response already.",
            "headers": _cache_headers(),
        }
    by_status: defaultdict[int, list[problems.Problem]] = defaultdict(list)
    for problem in operation.problems:
        by_status[problem.status].append(problem)
    for status, types in by_status.items():
        responses[str(status)] = {
            "description": " ".join(
                f"{problem.title.rstrip('?.')} ({problem.name})." for problem in types
            ),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {"$ref": f"{SCHEMAS}ProblemDetails"},
                    "examples": {
                        problem.name: {"$ref": f"#/components/examples/{problem.name}"}
                        for problem in types
                    },
                }
            },
        }
    return dict(sorted(responses.items()))


def _cache_headers() -> Json:
    return {
        "ETag": {"description": "The version of the content.", "schema": {"type": "string"}},
        "Cache-Control": {
            "description": "How long the response may be cached.",
            "schema": {"type": "string"},
        },
    }


def _plain(schema: Any) -> Any:
    """Convert docstrings to Markdown: no indentation, one backtick instead of two."""
    match schema:
        case dict():
            return {
                name: inspect.cleandoc(value).replace("``", "`")
                if name == "description" and isinstance(value, str)
                else _plain(value)
                for name, value in schema.items()
            }
        case list():
            return [_plain(item) for item in schema]
    return schema

"""Puts the document together. Same code and same examples, same bytes."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from chalicelib import __version__
from chalicelib.domain import MEDIA_TYPES
from chalicelib.http import parameters, problems, requests
from tools.contract.operations import OPERATIONS, Method, Operation

Json = dict[str, Any]
Examples = Mapping[tuple[Method, int], Any]
"""Answers of the service, by operation and status."""

SCHEMAS: Final = "#/components/schemas/"
UPLOADING: Final = {("POST", "/v1/predictions"), ("POST", "/v1/uploads")}
"""What an operator may ask an API key for (RANGEFINDER_API_KEY_REQUIRED)."""

DESCRIPTION: Final = """
Tells which animal is in a photo, from its look and from where it was taken.

Names are Darwin Core's (https://dwc.tdwg.org/terms/); `taxonID` is a WordNet 3.0 synset; cells
are H3's (https://h3geo.org). Every fault is answered as problem details (RFC 9457), whose `type`
is a reference to what it means; a method that a path does not know is 405, `method-not-allowed`.
What changes an answer's meaning comes under another version in the path.
"""


def build(
    views: Mapping[Method, Callable[..., Any]], examples: Examples, faults: Mapping[str, Any]
) -> Json:
    """The document; ``views`` are the routes, ``faults`` an example of each type of problem."""
    models = [model for one in OPERATIONS.values() for model in one.answers.values() if model]
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
            "summary": "Which animal is in a photo, from its look and from its place.",
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
                    "description": "Where the operator asks for one.",
                }
            },
        },
    }


def _operation(
    method: Method, operation: Operation, view: Callable[..., Any], examples: Examples
) -> Json:
    summary, _, more = inspect.cleandoc(view.__doc__ or "").partition("\n")
    found: Json = {"operationId": view.__name__, "summary": summary}
    if more.strip():
        found["description"] = more.strip()
    described = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": parameter.meaning,
            "schema": parameter.schema,
            "example": parameter.example,
        }
        for name, parameter in operation.path.items()
    ]
    described += [_parameter(field, operation.question) for field in operation.question.fields]
    if operation.cached:
        described.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "description": "The ETag of an answer that the asker has.",
                "schema": {"type": "string"},
            }
        )
    if described:
        found["parameters"] = described
    if method in UPLOADING:
        found["requestBody"] = _photo() if operation.question is parameters.PREDICTION else _leave()
        found["security"] = [{}, {"apiKey": []}]
    found["responses"] = _responses(method, operation, examples)
    return found


def _parameter(field: parameters.Field[Any, Any], question: parameters.Question) -> Json:
    return {
        "name": field.name,
        "in": "query",
        "required": field in question.required,
        "description": field.meaning,
        "schema": _schema(field),
    }


def _schema(field: parameters.Field[Any, Any]) -> Json:
    default = {} if field.default is None else {"default": field.default}
    return {**field.kind.schema(), **default}


def _form(question: parameters.Question) -> Json:
    """The fields of a question as those of a form."""
    members = {
        field.name: {**_schema(field), "description": field.meaning} for field in question.fields
    }
    return {"type": "object", "properties": members}


def _object(question: parameters.Question) -> Json:
    """The same as JSON, where what is null is as good as absent."""
    found = _form(question)
    for field in question.fields:
        if field not in question.required:
            member = found["properties"][field.name]
            description = {"description": member.pop("description")}
            found["properties"][field.name] = {**description, "anyOf": [member, {"type": "null"}]}
    required = parameters.names(question.required)
    return {**found, **({"required": required} if required else {})}


def _photo() -> Json:
    form = _form(parameters.PREDICTION)
    photo = {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": f"The photo: one of {', '.join(MEDIA_TYPES)}, told by its content.",
    }
    form |= {"properties": {requests.PHOTO: photo, **form["properties"]}}
    form |= {"required": [requests.PHOTO]}
    bodies: Json = {kind: {} for kind in requests.PHOTO_TYPES if kind != requests.FORM}
    return {
        "required": True,
        "description": "The photo as a form or as the body, or JSON about one that was uploaded.",
        "content": {
            requests.FORM: {"schema": form},
            requests.JSON: {"schema": _object(parameters.UPLOADED)},
            **bodies,
        },
    }


def _leave() -> Json:
    return {"content": {requests.JSON: {"schema": _object(parameters.LEAVE)}}}


def _responses(method: Method, operation: Operation, examples: Examples) -> Json:
    found: Json = {}
    for status, model in operation.answers.items():
        schema = {"$ref": SCHEMAS + model.__name__} if model else {"type": "object"}
        content: Json = {"schema": schema}
        if (method, status) in examples:
            content["example"] = examples[method, status]
        found[str(status)] = {
            "description": "The answer." if status < 300 else "The same, with what is amiss.",
            "content": {operation.media_type: content},
        }
        if operation.cached:
            found[str(status)]["headers"] = _cache_headers()
    if operation.cached:
        found["304"] = {
            "description": "The asker has it already.",
            "headers": _cache_headers(),
        }
    by_status: defaultdict[int, list[problems.Problem]] = defaultdict(list)
    for problem in operation.problems:
        by_status[problem.status].append(problem)
    for status, kinds in by_status.items():
        found[str(status)] = {
            "description": " ".join(f"{kind.title.rstrip('?.')} ({kind.name})." for kind in kinds),
            "content": {
                problems.MEDIA_TYPE: {
                    "schema": {"$ref": f"{SCHEMAS}ProblemDetails"},
                    "examples": {
                        kind.name: {"$ref": f"#/components/examples/{kind.name}"} for kind in kinds
                    },
                }
            },
        }
    return dict(sorted(found.items()))


def _cache_headers() -> Json:
    return {
        "ETag": {"description": "A tag of the content.", "schema": {"type": "string"}},
        "Cache-Control": {
            "description": "For how long it may be kept, if at all.",
            "schema": {"type": "string"},
        },
    }


def _plain(schema: Any) -> Any:
    """Docstrings as Markdown: not indented, and reStructuredText's two backticks are one there."""
    match schema:
        case dict():
            return {
                name: inspect.cleandoc(value).replace("``", "`")
                if name == "description" and isinstance(value, str)
                else _plain(value)
                for name, value in schema.items()
            }
        case list():
            return [_plain(one) for one in schema]
    return schema

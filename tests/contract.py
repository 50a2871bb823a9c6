"""Validate responses against the contract. ``tests.gateway`` does it with every response."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.http.static_routes import CONTRACT

DOCUMENT = json.loads(CONTRACT.read_bytes())


def check(method: str, resource: str, status: int, media_type: str, body: Any) -> None:
    """Fail if an operation's response is not in the contract."""
    operation = DOCUMENT["paths"].get(resource, {}).get(method.lower())
    if operation is None:
        return
    responses = operation["responses"]
    assert str(status) in responses, f"{method} {resource} answers {status}"
    content = responses[str(status)].get("content", {})
    if not content:
        assert body is None
        return
    assert media_type in content, f"{method} {resource} answers {status} as {media_type}"
    validator(method, resource, status, media_type).validate(body)


@cache
def validator(method: str, resource: str, status: int, media_type: str) -> Draft202012Validator:
    """Return the validator of one response's body."""
    operation = DOCUMENT["paths"][resource][method.lower()]
    schema = operation["responses"][str(status)]["content"][media_type]["schema"]
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})

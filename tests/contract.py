"""Holds answers against the published contract. Every answer that tests get through events is."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from chalicelib.http.static_routes import CONTRACT

DOCUMENT = json.loads(CONTRACT.read_bytes())


def check(method: str, resource: str, status: int, media_type: str, body: Any) -> None:
    """Fail where an operation of the contract answers what the contract does not have."""
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
    """Validates the body of one answer."""
    operation = DOCUMENT["paths"][resource][method.lower()]
    schema = operation["responses"][str(status)]["content"][media_type]["schema"]
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})

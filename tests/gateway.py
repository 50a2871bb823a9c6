"""API Gateway proxy events as Lambda gets them: photos in base64, other bodies as text."""

import base64
import json
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from app import app
from tests import contract

ROUTES = sorted(app.routes, key=lambda route: ("{" in route, -len(route)))
"""API Gateway's order: plain paths before those with parameters."""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def fields(self) -> list[str]:
        """Names of the fields in a problem."""
        return [error["field"] for error in self.body.get("errors", [])]


def event(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Build a REST API event (payload version 1.0), as AWS documents it."""
    parts = urlsplit(url)
    resource, parameters = _match(parts.path)
    is_binary = is_binary_type(headers or {})
    query = parse_qs(parts.query, keep_blank_values=True) or None
    return {
        "resource": resource,
        "path": parts.path,
        "httpMethod": method,
        "headers": {"Host": "abc.execute-api.eu-central-1.amazonaws.com", **(headers or {})},
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": query and {name: values[-1] for name, values in query.items()},
        "multiValueQueryStringParameters": query,
        "pathParameters": parameters,
        "stageVariables": None,
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": f"/api{parts.path}",
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": (base64.b64encode(body).decode() if is_binary else text(body)) if body else None,
        "isBase64Encoded": bool(body) and is_binary,
    }


def is_binary_type(headers: dict[str, str]) -> bool:
    """Whether API Gateway passes such a body on as bytes: by its Content-Type alone."""
    types = [value for name, value in headers.items() if name.lower() == "content-type"]
    return bool(types) and types[-1].partition(";")[0].strip().lower() in app.api.binary_types


def text(body: bytes) -> str:
    """Any other body as API Gateway passes it on: bytes that are not UTF-8 are lost."""
    return body.decode(errors="replace")


def call(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """Pass an event to the deployed entry point and return its response, decoded from JSON.

    The response must match the contract.
    """
    answer = call_text(event(method, url, body, headers))
    answer = answer._replace(body=json.loads(answer.body or "null"))
    resource, _ = _match(urlsplit(url).path)
    contract.check(method, resource, answer.status, answer.headers["Content-Type"], answer.body)
    return answer


def call_text(request: dict[str, Any]) -> Answer:
    """Pass an event to the entry point and return its response with the body as text."""
    response = json.loads(json.dumps(app(json.loads(json.dumps(request)), None)))
    return Answer(response["statusCode"], response["headers"], response["body"])


def _match(path: str) -> tuple[str, dict[str, str] | None]:
    for route in ROUTES:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)
        pattern = re.sub(r"\{(\w+)\+\}", r"(?P<\1>.+)", pattern)
        if match := re.fullmatch(pattern, path):
            return route, match.groupdict() or None
    raise LookupError(f"API Gateway itself answers {path}")

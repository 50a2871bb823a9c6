"""Headers of every response: CORS, and ``nosniff``; and no body in a response to ``HEAD``."""

from collections.abc import Callable
from typing import Any, Final

from chalice.app import CORSConfig, Request, Response

PREFLIGHT_SECONDS: Final = 7_200
"""How long a browser may keep the result of a preflight. Chromium keeps none longer."""

NO_SNIFFING: Final = {"X-Content-Type-Options": "nosniff"}
"""Browsers must not guess another type than the declared one (https://fetch.spec.whatwg.org)."""

Middleware = Callable[[Request, Callable[[Request], Response]], Response]


def cors(allowed_origin: str) -> CORSConfig:
    """Return the CORS rules of all routes: one origin, or ``*`` for all."""
    return CORSConfig(allowed_origin, max_age=PREFLIGHT_SECONDS)


def middleware(rules: CORSConfig) -> Middleware:
    """Return the middleware that completes each response.

    Chalice adds the CORS headers of a route, but a method that the route lacks (405) has none.
    """

    def complete(request: Request, get_response: Callable[[Request], Response]) -> Response:
        response = get_response(request)
        response.headers = completed(response.headers, rules)
        if request.method == "HEAD":
            response.body = ""
        return response

    return complete


def completed(headers: dict[str, Any], rules: CORSConfig) -> dict[str, Any]:
    """Return a response's headers with those that every response has."""
    return {**rules.get_access_control_headers(), **NO_SNIFFING, **headers}

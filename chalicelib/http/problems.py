"""Errors as RFC 9457 problem details, both the service's own and Chalice's.

Each problem has a stable ``type``, a reference that every deployment resolves to an explanation
(``GET /v1/problems/{name}``).
"""

import functools
import traceback
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from chalice.app import Blueprint, Chalice, Request, Response
from msgspec import UNSET, Struct, UnsetType

from chalicelib import errors
from chalicelib.http.telemetry import logger, request_id

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "/v1/problems/"


class Problem(NamedTuple):
    """One problem type: its name, status, title, and what to do about it."""

    name: str
    status: int
    title: str
    help: str


class Fault(Struct):
    """A field of the request or a part of its path, and what is wrong with it."""

    field: str
    detail: str


class ProblemDetails(Struct, rename="camel", kw_only=True):
    """An error as RFC 9457 problem details. ``type`` is a reference to its explanation.

    The log has the same ``requestId``. Some problem types have more members. ``errors``: the
    faulty fields. ``limit``, ``actual`` and ``unit``: what is too large. ``uploads``: where to
    send larger photos. ``accepted``: the accepted media types. ``setting``: the setting that
    the operator has not set.
    """

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[Fault] | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    actual: int | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    uploads: str | UnsetType = UNSET
    accepted: list[str] | UnsetType = UNSET
    setting: str | UnsetType = UNSET


class ProblemType(Struct):
    """``GET /v1/problems/{name}``: what a problem type means, and what to do about it."""

    type: str
    name: str
    status: int
    title: str
    help: str


PROBLEMS: Final = {
    errors.MalformedRequest: Problem(
        "malformed-request",
        400,
        "The request cannot be read",
        "The body is not well-formed multipart/form-data, JSON or base64. Let your HTTP client "
        "build it.",
    ),
    errors.NotFound: Problem(
        "not-found",
        404,
        "There is nothing here",
        "Check the path: GET /openapi.json lists all paths.",
    ),
    errors.UnsupportedMediaType: Problem(
        "unsupported-media-type",
        415,
        "This media type is not supported",
        "Send JPEG, PNG, WebP or HEIC, in a form field named photo or as the body, with one of "
        "the Content-Types in accepted. A photo without a Content-Type arrives as text.",
    ),
    errors.PhotoTooLarge: Problem(
        "photo-too-large",
        413,
        "The photo is too large",
        "Send a smaller copy: 1,000 pixels on the shorter side are enough. If the problem has "
        "uploads, the photo as it is can be uploaded by POST to that path.",
    ),
    errors.LocationRequired: Problem(
        "location-required",
        422,
        "Where was the photo taken?",
        "The photo has no usable GPS position. Send decimalLatitude and decimalLongitude "
        "(degrees, north and east positive), or geo=off to identify it from the picture alone.",
    ),
    errors.InvalidInput: Problem(
        "invalid-input",
        422,
        "A field of the request is invalid",
        "Each entry of errors names a field and says what is accepted. Fields that the request "
        "does not have are refused, unless their names begin with _ or x-.",
    ),
    errors.NotConfigured: Problem(
        "not-configured",
        501,
        "This deployment cannot do that",
        "The operator has not configured it; setting names the missing setting.",
    ),
    errors.Unavailable: Problem(
        "unavailable",
        503,
        "A part of the service is unavailable",
        "Try again in a moment. GET /readyz says which part it is.",
    ),
}
METHOD_NOT_ALLOWED: Final = Problem(
    "method-not-allowed",
    405,
    "The resource does not allow this method",
    "The Allow header lists the allowed methods.",
)
INTERNAL: Final = Problem(
    "internal-error",
    500,
    "Something went wrong on our side",
    "Report it with the requestId, under which the logs have the details.",
)
CATALOGUE: Final = {
    problem.name: problem for problem in (*PROBLEMS.values(), METHOD_NOT_ALLOWED, INTERNAL)
}
BY_STATUS: Final = {
    400: PROBLEMS[errors.MalformedRequest],
    404: PROBLEMS[errors.NotFound],
    405: METHOD_NOT_ALLOWED,
    415: PROBLEMS[errors.UnsupportedMediaType],
}
"""Problem types of the errors that Chalice itself answers."""


View = Callable[..., Response]


def route(target: Chalice | Blueprint, path: str, **options: Any) -> Callable[[View], View]:
    """Register a view under a path, so that its errors become problem responses.

    ``HEAD`` is registered with ``GET``; :mod:`headers` removes the body.

    Args:
        target: The app or blueprint to register with.
        path: The path, as Chalice writes it.
        options: As for Chalice's own ``route``: ``methods``, ``content_types``, ...
    """
    methods = options.pop("methods")
    if "GET" in methods and "HEAD" not in methods:
        methods = [*methods, "HEAD"]
    register: Callable[[View], View] = target.route(path, methods=methods, **options)
    return lambda view: register(with_problem_responses(view))


def with_problem_responses(view: View) -> View:
    """Wrap a view so that an exception becomes a problem response.

    No middleware could do that: Chalice turns the exception into its own 500 first.
    """

    @functools.wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Response:
        try:
            return view(*args, **kwargs)
        except errors.RangefinderError as error:
            return _for_error(error)
        except Exception as error:
            # Log where it happened but not its message, which may quote a place or a photo.
            logger.error(
                "Unexpected error",
                exception_name=type(error).__name__,
                stack=traceback.format_tb(error.__traceback__),
            )
            return problem_response(INTERNAL, INTERNAL.help)

    return wrapper


def middleware(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Rewrite Chalice's own errors (wrong method, wrong media type, ...) as problems."""
    response = get_response(event)
    if response.status_code < 400 or not isinstance(response.body, dict):
        return response  # the views' own bodies are text: problems, and /readyz with 503
    problem = BY_STATUS.get(response.status_code, INTERNAL)
    detail = problem.help if problem is INTERNAL else response.body.get("Message", "")
    return problem_response(problem, detail, response.headers)


def problem_response(
    problem: Problem, detail: str, headers: dict[str, Any] | None = None, **members: Any
) -> Response:
    """Return a problem as a response; ``members`` are its extension members."""
    body = ProblemDetails(
        type=TYPE_PREFIX + problem.name,
        title=problem.title,
        status=problem.status,
        detail=detail or problem.help,
        request_id=request_id(),
        **members,
    )
    return Response(
        msgspec.json.encode(body).decode(),
        status_code=problem.status,
        headers={**(headers or {}), "Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"},
    )


def _for_error(error: errors.RangefinderError) -> Response:
    problem = next(PROBLEMS[cls] for cls in type(error).__mro__ if cls in PROBLEMS)
    members: dict[str, Any] = {}
    match error:
        case errors.InvalidInput():
            members["errors"] = [Fault(fault.field, fault.detail) for fault in error.errors]
        case errors.NotFound(field=str(field)):
            members["errors"] = [Fault(field, str(error))]
        case errors.PhotoTooLarge():
            members |= {"limit": error.limit, "actual": error.actual, "unit": error.unit}
            if error.uploads:
                members["uploads"] = error.uploads
        case errors.NotConfigured():
            members["setting"] = error.setting
        case errors.UnsupportedMediaType():
            members["accepted"] = list(error.accepted)
        case errors.Unavailable():
            logger.error("Unavailable: %s", error)
            return problem_response(problem, problem.help)
    return problem_response(problem, str(error), **members)

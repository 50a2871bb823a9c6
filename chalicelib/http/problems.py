"""Faults as RFC 9457 problem details, whoever raised them: we, or Chalice itself.

Each type has a stable ``type``, a reference that resolves on every deployment to
its explanation (``GET /v1/problems/{name}``).
"""

import functools
import traceback
from collections.abc import Callable
from typing import Any, Final, NamedTuple, ParamSpec

import msgspec
from chalice.app import Request, Response
from msgspec import UNSET, Struct, UnsetType

from chalicelib import errors
from chalicelib.http.telemetry import logger, request_id

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "/v1/problems/"

Parameters = ParamSpec("Parameters")


class Problem(NamedTuple):
    """One type of problem: how it is told apart, and what to do about it."""

    name: str
    status: int
    title: str
    help: str


class Fault(Struct):
    """One field of the request, or one part of its path, and what is wrong with it."""

    field: str
    detail: str


class ProblemDetails(Struct, rename="camel", kw_only=True):
    """A fault, as RFC 9457 has it. ``type`` is a reference to what it means.

    ``requestId`` is in the log, too. Some types say more: ``errors`` which fields are faulty,
    ``limit``, ``actual`` and ``unit`` what is too large, ``uploads`` where larger photos go,
    ``accepted`` which media types are read, ``setting`` what an operator would have to set.
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
    """``GET /v1/problems/{name}``: what a type of problem means, and what to do about it."""

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
        "The body is no well-formed multipart/form-data. Let your HTTP client build the form.",
    ),
    errors.NotFound: Problem(
        "not-found", 404, "There is nothing here", "Check the path against the documentation."
    ),
    errors.UnsupportedMediaType: Problem(
        "unsupported-media-type",
        415,
        "This is no photo that can be read",
        "Send JPEG, PNG, WebP or HEIC, in a form field named photo or as the body.",
    ),
    errors.PhotoTooLarge: Problem(
        "photo-too-large",
        413,
        "The photo is too large",
        "Send a smaller version of it (1,000 pixels on the shorter side are plenty), or send it "
        "by way of POST /v1/uploads.",
    ),
    errors.LocationRequired: Problem(
        "location-required",
        422,
        "Where was the photo taken?",
        "The photo has no usable GPS position. Send decimalLatitude and decimalLongitude "
        "(degrees, north and east positive), or geo=off to identify it by its look alone.",
    ),
    errors.InvalidInput: Problem(
        "invalid-input",
        422,
        "A field of the request is invalid",
        "Each entry of errors names a field and says what it must be.",
    ),
    errors.NotConfigured: Problem(
        "not-configured",
        501,
        "This deployment cannot do that",
        "Its operator has not set it up; setting names what is missing.",
    ),
    errors.Unavailable: Problem(
        "unavailable",
        503,
        "A part of the service is out of reach",
        "Try again in a moment. GET /readyz tells which part it is.",
    ),
}
METHOD_NOT_ALLOWED: Final = Problem(
    "method-not-allowed",
    405,
    "The resource does not know this method",
    "The Allow header lists the methods that it knows.",
)
INTERNAL: Final = Problem(
    "internal-error",
    500,
    "Something went wrong on our side",
    "Report it with the request identifier; the logs hold the rest under it.",
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
"""Chalice's own refusals that a request can cause."""


def handled(view: Callable[Parameters, Response]) -> Callable[Parameters, Response]:
    """Turn what the view raises into a problem.

    Chalice would make a 500 of it before any middleware could see it.
    """

    @functools.wraps(view)
    def answer(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Response:
        try:
            return view(*args, **kwargs)
        except errors.RangefinderError as error:
            return _for_error(error)
        except Exception as error:
            # Where it happened, and not what it says: a message may quote a place or a photo.
            logger.error(
                "Unforeseen error",
                exception_name=type(error).__name__,
                stack=traceback.format_tb(error.__traceback__),
            )
            return respond(INTERNAL, INTERNAL.help)

    return answer


def middleware(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Rewrite Chalice's own refusals (wrong method, wrong media type, ...) as problems."""
    response = get_response(event)
    if response.status_code < 400 or not isinstance(response.body, dict):
        return response  # ours are text already: problems, and what /readyz says with 503
    problem = BY_STATUS.get(response.status_code, INTERNAL)
    said = response.body.get("Message", "")
    return respond(problem, problem.help if problem is INTERNAL else said, response.headers)


def respond(
    problem: Problem, detail: str, headers: dict[str, Any] | None = None, **members: Any
) -> Response:
    """A problem as a response; ``members`` are its extension members."""
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
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    members: dict[str, Any] = {}
    match error:
        case errors.InvalidInput():
            members["errors"] = [Fault(*fault) for fault in error.errors]
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
            return respond(problem, problem.help)
    return respond(problem, str(error), **members)

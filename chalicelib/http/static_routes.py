"""Routes that need no part of the service: cells, problem types, the contract, liveness."""

from functools import partial
from pathlib import Path
from typing import Final

from chalice.app import Blueprint, Response

from chalicelib.errors import NotFound
from chalicelib.features.cells import is_cell
from chalicelib.http import problems, schemas
from chalicelib.http.caching import (
    HOUR,
    JSON,
    YEAR,
    cacheable_json_response,
    cacheable_response,
    no_store_response,
)

CONTRACT: Final = Path(__file__).with_name("openapi.json")
"""The OpenAPI document, written by ``make contract``: at run time it is only read."""

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

blueprint: Final = Blueprint(__name__)
route: Final = partial(problems.route, blueprint)


@route("/v1/cells/{cell}", methods=["GET"])
def outline(cell: str) -> Response:
    """Show the outline of an H3 cell, as GeoJSON."""
    from chalicelib.http import geojson  # noqa: PLC0415 - no prediction needs it

    if not is_cell(cell):
        raise NotFound(
            f"{cell!r} is not an H3 cell. Send its index in lower-case hexadecimal digits.", "cell"
        )
    body = geojson.cell(cell)
    return cacheable_json_response(blueprint.current_request, body, YEAR, geojson.MEDIA_TYPE)


@route("/v1/problems/{name}", methods=["GET"])
def problem(name: str) -> Response:
    """Explain a problem type: what it means and what to do about it."""
    entry = problems.CATALOGUE.get(name)
    if entry is None:
        raise NotFound(f"There is no problem type {name!r}.", "name")
    body = problems.ProblemType(
        type=problems.TYPE_PREFIX + name,
        name=name,
        status=entry.status,
        title=entry.title,
        help=entry.help,
    )
    return cacheable_json_response(blueprint.current_request, body, HOUR)


@route("/openapi.json", methods=["GET"])
def contract() -> Response:
    """Return this document: the contract of the service, as OpenAPI 3.1."""
    content = CONTRACT.read_text(encoding="utf-8")
    return cacheable_response(blueprint.current_request, content, JSON, HOUR)


@route("/livez", methods=["GET"])
def live() -> Response:
    """Confirm that the process runs."""
    return no_store_response(schemas.Liveness(live=True))


@route("/{proxy+}", methods=list(METHODS), content_types=["*/*"])
def unknown_path() -> Response:
    """Answer every path without a route with a problem, where API Gateway would send its 403."""
    raise NotFound("There is no resource under this path. GET /openapi.json lists all paths.")

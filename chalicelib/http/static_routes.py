"""The resources that tell of the service itself, and need no part of it."""

from pathlib import Path
from typing import Final

from chalice.app import Blueprint, Response

from chalicelib.errors import NotFound
from chalicelib.features.cells import is_cell
from chalicelib.http import problems, requests, schemas
from chalicelib.http.caching import HOUR, JSON, YEAR, cached, cached_json, uncached

CONTRACT: Final = Path(__file__).with_name("openapi.json")
"""Written by ``make contract``: at run time it costs nothing but to read it."""

about: Final = Blueprint(__name__)


@about.route("/v1/cells/{cell}", methods=["GET"])
@problems.handled
def outline(cell: str) -> Response:
    """The outline of an H3 cell, as GeoJSON."""
    from chalicelib.http import geojson  # noqa: PLC0415 - no prediction needs it

    if not is_cell(cell):
        raise NotFound(f"There is no H3 cell {cell!r}.", "cell")
    return cached_json(about.current_request, geojson.cell(cell), YEAR, geojson.MEDIA_TYPE)


@about.route("/v1/problems/{name}", methods=["GET"])
@problems.handled
def problem(name: str) -> Response:
    """What a problem's type means and what to do about it."""
    found = problems.CATALOGUE.get(name)
    if found is None:
        raise NotFound(f"There is no problem type {name!r}.", "name")
    body = problems.ProblemType(problems.TYPE_PREFIX + name, *found)
    return cached_json(about.current_request, body, HOUR)


@about.route("/openapi.json", methods=["GET"])
@problems.handled
def contract() -> Response:
    """This document: the contract of the service, as OpenAPI 3.1."""
    return cached(about.current_request, CONTRACT.read_text(encoding="utf-8"), JSON, HOUR)


@about.route("/livez", methods=["GET"])
@problems.handled
def live() -> Response:
    """The process runs."""
    return uncached(schemas.Liveness(live=True))


@about.route("/{proxy+}", methods=list(requests.METHODS), content_types=["*/*"])
@problems.handled
def unknown_path() -> Response:
    """Whatever no other route claims, so that it gets a problem and not API Gateway's 403."""
    raise NotFound("There is no resource under this path.")

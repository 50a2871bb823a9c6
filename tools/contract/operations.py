"""The operations of the API: their requests, responses and problems, for OpenAPI."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from chalicelib import errors
from chalicelib.http import geojson, model_card, parameters, problems, schemas
from chalicelib.http.caching import JSON
from chalicelib.http.problems import INTERNAL, PROBLEMS, Problem


class Parameter(NamedTuple):
    """A variable part of a path."""

    description: str
    schema: Mapping[str, Any]
    example: str


class Operation(NamedTuple):
    """One operation; ``responses`` are models by status, ``None`` for any object.

    If it is ``cacheable``, its responses have an ETag, and 304 is possible.
    """

    responses: Mapping[int, type[Struct] | None]
    request: parameters.RequestSchema = parameters.RequestSchema(())
    path: Mapping[str, Parameter] = {}
    raises: tuple[type[errors.RangefinderError], ...] = ()
    media_type: str = JSON
    cacheable: bool = False

    @property
    def problems(self) -> list[Problem]:
        """The problems that it can answer with."""
        return [*(PROBLEMS[error] for error in self.raises), INTERNAL]


Method = tuple[str, str]
"""The method and the path."""

OPERATIONS: Final[Mapping[Method, Operation]] = {
    ("POST", "/v1/predictions"): Operation(
        {200: schemas.Identification},
        parameters.PREDICTION_REQUEST,
        raises=(
            errors.MalformedRequest,
            errors.PhotoTooLarge,
            errors.UnsupportedMediaType,
            errors.LocationRequired,
            errors.InvalidInput,
            errors.NotConfigured,
            errors.Unavailable,
        ),
    ),
    ("POST", "/v1/uploads"): Operation(
        {201: schemas.Upload},
        parameters.UPLOAD_REQUEST,
        raises=(
            errors.MalformedRequest,
            errors.UnsupportedMediaType,
            errors.InvalidInput,
            errors.NotConfigured,
            errors.Unavailable,
        ),
    ),
    ("GET", "/v1/species"): Operation(
        {200: schemas.SpeciesList},
        parameters.SPECIES_REQUEST,
        raises=(errors.InvalidInput, errors.Unavailable),
    ),
    ("GET", "/v1/species/{taxonID}/range"): Operation(
        {200: geojson.Range},
        parameters.RANGE_REQUEST,
        {
            "taxonID": Parameter(
                "The animal: a taxonID from a prediction or from GET /v1/species.",
                {"type": "string"},
                "n01695060",
            )
        },
        raises=(errors.NotFound, errors.InvalidInput, errors.Unavailable),
        media_type=geojson.MEDIA_TYPE,
        cacheable=True,
    ),
    ("GET", "/v1/cells/{cell}"): Operation(
        {200: geojson.Cell},
        path={
            "cell": Parameter(
                "The index of an H3 cell, in lower-case hexadecimal digits.",
                {"type": "string"},
                "84a85d3ffffffff",
            )
        },
        raises=(errors.NotFound,),
        media_type=geojson.MEDIA_TYPE,
        cacheable=True,
    ),
    ("GET", "/v1/model"): Operation(
        {200: model_card.Model}, raises=(errors.Unavailable,), cacheable=True
    ),
    ("GET", "/v1/problems/{name}"): Operation(
        {200: problems.ProblemType},
        path={
            "name": Parameter(
                "The name of a problem type: the last part of its `type`.",
                {"type": "string", "enum": list(problems.CATALOGUE)},
                "location-required",
            )
        },
        raises=(errors.NotFound,),
        cacheable=True,
    ),
    ("GET", "/openapi.json"): Operation({200: None}, cacheable=True),
    ("GET", "/livez"): Operation({200: schemas.Liveness}),
    ("GET", "/readyz"): Operation({200: schemas.Readiness, 503: schemas.Readiness}),
}

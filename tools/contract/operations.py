"""What each operation takes, answers and can refuse: what OpenAPI wants told in one place."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from msgspec import Struct

from chalicelib import errors
from chalicelib.http import geojson, model_card, parameters, problems, schemas
from chalicelib.http.caching import JSON
from chalicelib.http.problems import INTERNAL, PROBLEMS, Problem


class Parameter(NamedTuple):
    """A part of a path."""

    meaning: str
    schema: Mapping[str, Any]
    example: str


class Operation(NamedTuple):
    """``answers`` are models by status, ``None`` for any object at all.

    What is ``cached`` carries an ETag, and is 304 to whoever has it.
    """

    answers: Mapping[int, type[Struct] | None]
    question: parameters.Question = parameters.Question(())
    path: Mapping[str, Parameter] = {}
    raises: tuple[type[errors.RangefinderError], ...] = ()
    media_type: str = JSON
    cached: bool = False

    @property
    def problems(self) -> list[Problem]:
        """What it can refuse, or fail with."""
        return [*(PROBLEMS[kind] for kind in self.raises), INTERNAL]


Method = tuple[str, str]
"""The method and the path."""

OPERATIONS: Final[Mapping[Method, Operation]] = {
    ("POST", "/v1/predictions"): Operation(
        {200: schemas.Identification},
        parameters.PREDICTION,
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
        parameters.LEAVE,
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
        parameters.SPECIES,
        raises=(errors.InvalidInput, errors.Unavailable),
    ),
    ("GET", "/v1/species/{taxonID}/range"): Operation(
        {200: geojson.Range},
        parameters.RANGE,
        {
            "taxonID": Parameter(
                "The animal: a taxonID that a prediction or a list of species gave.",
                {"type": "string"},
                "n01695060",
            )
        },
        raises=(errors.NotFound, errors.InvalidInput, errors.Unavailable),
        media_type=geojson.MEDIA_TYPE,
        cached=True,
    ),
    ("GET", "/v1/cells/{cell}"): Operation(
        {200: geojson.Cell},
        path={
            "cell": Parameter(
                "The index of an H3 cell, in hexadecimal digits.",
                {"type": "string"},
                "84a85d3ffffffff",
            )
        },
        raises=(errors.NotFound,),
        media_type=geojson.MEDIA_TYPE,
        cached=True,
    ),
    ("GET", "/v1/model"): Operation(
        {200: model_card.Model}, raises=(errors.Unavailable,), cached=True
    ),
    ("GET", "/v1/problems/{name}"): Operation(
        {200: problems.ProblemType},
        path={
            "name": Parameter(
                "The name of a type of problem: the end of its type.",
                {"type": "string", "enum": list(problems.CATALOGUE)},
                "location-required",
            )
        },
        raises=(errors.NotFound,),
        cached=True,
    ),
    ("GET", "/openapi.json"): Operation({200: None}, cached=True),
    ("GET", "/livez"): Operation({200: schemas.Liveness}),
    ("GET", "/readyz"): Operation({200: schemas.Readiness, 503: schemas.Readiness}),
}

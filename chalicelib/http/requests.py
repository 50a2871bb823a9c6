"""Read requests: from an HTTP request to typed values.

A photo comes as ``multipart/form-data`` or as the raw body. The other fields come as form fields,
as query parameters or as JSON. All faulty fields of a request are reported together.
"""

from typing import Final, NamedTuple

from chalice.app import Request
from multipart import parse_options_header

from chalicelib.domain import WHOLE_YEAR, Coordinates
from chalicelib.errors import PhotoTooLarge, UnsupportedMediaType
from chalicelib.http.body import (
    BINARY_TYPES,
    FORM,
    JSON,
    PHOTO,
    PREDICTION_TYPES,
    RequestLimits,
    add_form,
    add_json,
    is_destroyed,
    query_parameters,
    read_body,
)
from chalicelib.http.parameter_reader import ParameterReader
from chalicelib.http.parameters import (
    ANIMALS,
    CANDIDATES,
    CONTENT_TYPE,
    EVENT_DATE,
    GEO,
    LANGUAGE,
    MONTH,
    PREDICTION_REQUEST,
    RANGE_REQUEST,
    SPECIES_REQUEST,
    UPLOAD,
    UPLOAD_REQUEST,
    UPLOADED_PREDICTION_REQUEST,
)
from chalicelib.identify import IdentifyRequest

UPLOADS_PATH: Final = "/v1/uploads"


class ResponseOptions(NamedTuple):
    """Options for the response: the number of animals, and the language of their names."""

    limit: int
    language: str


def read_prediction(
    request: Request, limits: RequestLimits
) -> tuple[IdentifyRequest, ResponseOptions]:
    """Read ``POST /v1/predictions``.

    The Content-Type is checked here and not by Chalice, which cannot deploy a route that accepts
    both binary types and JSON.

    Raises:
        UnsupportedMediaType: The Content-Type is not accepted, or missing and needed.
        PhotoTooLarge: The body or its photo is too large; checked before anything is parsed.
        MalformedRequest: The body cannot be parsed.
        InvalidInput: Fields are missing or faulty.
    """
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    is_uploaded = media_type == JSON
    schema = UPLOADED_PREDICTION_REQUEST if is_uploaded else PREDICTION_REQUEST
    if media_type and media_type not in (*BINARY_TYPES, JSON):
        raise UnsupportedMediaType(
            f"{media_type[:80]!r} is not an accepted Content-Type; use one of `accepted`.",
            PREDICTION_TYPES,
        )
    if not is_uploaded and is_destroyed(request, media_type):
        raise UnsupportedMediaType(
            "The body arrived as text, which destroys a photo, because the request does not "
            "declare it as binary. Send a Content-Type: one of `accepted`, as image/jpeg.",
            PREDICTION_TYPES,
        )
    content = read_body(request)
    if len(content) > limits.body_bytes:
        raise PhotoTooLarge(len(content), limits.photo_bytes, "bytes", limits.uploads)
    values = query_parameters(request)
    photo: bytes | None = content
    if media_type == FORM:
        photo = add_form(content, options, values, limits, schema.names)
    elif is_uploaded:
        photo = None
        add_json(content, values, limits, schema.names)
    if photo is not None and len(photo) > limits.photo_bytes:
        raise PhotoTooLarge(len(photo), limits.photo_bytes, "bytes", limits.uploads)
    reader = ParameterReader(values, schema)
    upload = reader.read(UPLOAD) if is_uploaded else None
    if is_uploaded and not reader.has(UPLOAD):
        reader.add_error(UPLOAD.name, f"is required: the key returned by POST {UPLOADS_PATH}.")
    elif media_type == FORM and photo is None:
        reader.add_error(PHOTO, "is required: send the photo in the form field `photo`.")
    point, uncertainty = reader.read_place()
    event_date = reader.read(EVENT_DATE)
    geo = reader.read(GEO)
    response_options = ResponseOptions(reader.read(CANDIDATES), reader.read(LANGUAGE))
    reader.raise_errors()
    identify_request = IdentifyRequest(
        photo=photo or b"",
        upload=upload,
        coordinates=point,
        uncertainty=uncertainty,
        event_date=event_date,
        use_geo=geo == "on",
    )
    return identify_request, response_options


def read_species(request: Request) -> tuple[Coordinates, int, ResponseOptions]:
    """Read ``GET /v1/species``: the point, the month and the response options.

    Raises ``InvalidInput``.
    """
    reader = ParameterReader(query_parameters(request), SPECIES_REQUEST)
    point, uncertainty = reader.read_place()
    month = reader.read(MONTH)
    options = ResponseOptions(reader.read(ANIMALS), reader.read(LANGUAGE))
    reader.raise_errors()
    assert point is not None  # raise_errors() has raised if it is missing
    place = Coordinates(point.latitude, point.longitude, uncertainty)
    return place, month or WHOLE_YEAR, options


def read_range(request: Request) -> tuple[int, str]:
    """Read ``GET /v1/species/{taxonID}/range``: the month and the language.

    Raises ``InvalidInput``.
    """
    reader = ParameterReader(query_parameters(request), RANGE_REQUEST)
    month, language = reader.read(MONTH), reader.read(LANGUAGE)
    reader.raise_errors()
    return month or WHOLE_YEAR, language


def read_upload(request: Request, limits: RequestLimits) -> str:
    """Read ``POST /v1/uploads``: the media type of the photo. Raises ``InvalidInput``."""
    values = query_parameters(request)
    if content := read_body(request):
        add_json(content, values, limits, UPLOAD_REQUEST.names)
    reader = ParameterReader(values, UPLOAD_REQUEST)
    media_type = reader.read(CONTENT_TYPE)
    reader.raise_errors()
    return media_type

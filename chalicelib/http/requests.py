"""From the bytes of a request to the question that they ask.

Photos come as ``multipart/form-data`` or as the raw body; the other fields come
as form fields or as query parameters. Every faulty field is found before
anything is refused.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final, TypeVar

import msgspec
from chalice.app import Request
from multipart import MultipartError, PushMultipartParser, parse_options_header

from chalicelib.domain import MEDIA_TYPES, WHOLE_YEAR, Coordinates, EventDate
from chalicelib.errors import (
    FieldError,
    InvalidInput,
    MalformedRequest,
    PhotoTooLarge,
    UnsupportedMediaType,
)
from chalicelib.identify import Query

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"
UPLOADS_PATH: Final = "/v1/uploads"
PHOTO_TYPES: Final = (
    FORM,
    *MEDIA_TYPES,
    "application/octet-stream",
)
"""What a photo may be declared as. What it is, its bytes tell."""

QUESTION_TYPES: Final = (*PHOTO_TYPES, JSON)
"""What may be asked with: a photo, or JSON about one that was uploaded before."""

MAXIMUM_PARTS: Final = 16
MAXIMUM_FIELD_BYTES: Final = 256
MAXIMUM_FORM_OVERHEAD: Final = 64 * 1024
"""Bytes that a form may add to its photo: the other fields, headers and boundaries."""

DEFAULT_LIMIT: Final = 5
MAXIMUM_LIMIT: Final = 400
HALF_EQUATOR: Final = 20_037_508
"""Metres: no point of the Earth is further from another."""

Value = TypeVar("Value")

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})(-\d{2})?(-\d{2})?(T.+)?", re.ASCII)


class Fields:
    """The named values of a request. Reading one records what is wrong with it."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values
        self._errors: list[FieldError] = []

    def has(self, field: str) -> bool:
        """Whether the field was given, and not empty."""
        return any(value.strip() for value in self._values.get(field, []))

    def refuse(self, field: str, detail: str) -> None:
        """Record a fault; :meth:`check` raises them all."""
        self._errors.append(FieldError(field, detail))

    def check(self) -> None:
        """Raise ``InvalidInput`` if any field read so far was faulty."""
        if self._errors:
            raise InvalidInput(self._errors)

    def read(self, field: str, parse: Callable[[str], Value]) -> Value | None:
        """The field parsed, or ``None`` where it is absent, empty or faulty."""
        values = [value.strip() for value in self._values.get(field, [])]
        if len(values) > 1:
            self.refuse(field, "is given more than once.")
        elif values and values[0]:
            try:
                return parse(values[0])
            except ValueError as error:
                self.refuse(field, str(error))
        return None


def prediction_query(request: Request, maximum_photo_bytes: int) -> tuple[Query, int]:
    """The question of ``POST /v1/predictions``, and how many candidates are wanted.

    Raises ``UnsupportedMediaType``, ``PhotoTooLarge`` (before anything is parsed),
    ``MalformedRequest`` or ``InvalidInput``. The media type is told here, since Chalice
    deploys no route of which some types are binary and others, as JSON, are not.
    """
    declared, options = parse_options_header(request.headers.get("content-type", ""))
    if declared not in QUESTION_TYPES:
        raise UnsupportedMediaType("A photo cannot be declared as such.", QUESTION_TYPES)
    content = _content(request)
    if len(content) > maximum_photo_bytes + MAXIMUM_FORM_OVERHEAD:
        raise PhotoTooLarge(len(content), maximum_photo_bytes, "bytes", UPLOADS_PATH)
    values = query_parameters(request)
    photo: bytes | None = content
    if declared == FORM:
        photo = _read_form(content, options, values)
    elif declared == JSON:
        photo = None
        _read_json(content, values)
    if photo is not None and len(photo) > maximum_photo_bytes:
        raise PhotoTooLarge(len(photo), maximum_photo_bytes, "bytes", UPLOADS_PATH)
    fields = Fields(values)
    upload = fields.read("upload", str) if declared == JSON else None
    if declared == JSON and not fields.has("upload"):
        fields.refuse("upload", f"is missing: it is the key that POST {UPLOADS_PATH} gave.")
    elif declared == FORM and photo is None:
        fields.refuse("photo", "is missing: send the photo in a form field of that name.")
    point, uncertainty = _read_place(fields)
    event_date = fields.read("eventDate", parse_event_date)
    use_geo = fields.read("geo", _parse_switch)
    limit = fields.read("limit", _parse_limit)
    fields.check()
    query = Query(
        photo=photo or b"",
        upload=upload,
        coordinates=point,
        uncertainty=uncertainty,
        event_date=event_date,
        use_geo=use_geo is not False,
    )
    return query, limit or DEFAULT_LIMIT


def species_query(request: Request) -> tuple[Coordinates, int, int]:
    """The question of ``GET /v1/species``: the point, the month, and how many animals.

    Raises ``InvalidInput``.
    """
    fields = Fields(query_parameters(request))
    point, uncertainty = _read_place(fields, required=True)
    month = fields.read("month", _whole_number(1, 12))
    limit = fields.read("limit", _parse_limit)
    fields.check()
    assert point is not None  # check() has raised where it was missing
    place = Coordinates(point.latitude, point.longitude, uncertainty)
    return place, month or WHOLE_YEAR, limit or MAXIMUM_LIMIT


def upload_type(request: Request) -> str:
    """The media type of the photo that is to be uploaded. Raises ``InvalidInput``."""
    values = query_parameters(request)
    if content := _content(request):
        _read_json(content, values)
    fields = Fields(values)
    found = fields.read("contentType", _parse_media_type)
    fields.check()
    return found or MEDIA_TYPES[0]


def query_parameters(request: Request) -> dict[str, list[str]]:
    """All values of each query parameter."""
    parameters = request.query_params
    return {name: list(parameters.getlist(name)) for name in parameters} if parameters else {}


def _content(request: Request) -> bytes:
    """The body's bytes. Raises ``MalformedRequest``.

    API Gateway sends them as base64. Chalice would read that by the standard library, which
    takes several times as long as msgspec.
    """
    event = request.to_original_event()
    try:
        if event.get("isBase64Encoded"):
            return msgspec.convert(event["body"] or "", bytes)
        body = request.raw_body
        return body if isinstance(body, bytes) else body.encode()
    except (msgspec.ValidationError, ValueError):  # no base64, or half a surrogate pair
        raise MalformedRequest("The body cannot be read.") from None


def _read_json(content: bytes, values: dict[str, list[str]]) -> None:
    """Add the members of a JSON object to ``values``, as a form would have them."""
    try:
        members = msgspec.json.decode(content, type=dict[str, str | float | None])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRequest(
            "The body is no JSON object whose members are texts and numbers."
        ) from None
    for name, value in members.items():
        if value is not None:
            text = value if isinstance(value, str) else f"{value!r}".removesuffix(".0")
            values.setdefault(name, []).append(_field_text(name, text.encode()))


def _read_form(
    content: bytes, options: Mapping[str, str], values: dict[str, list[str]]
) -> bytes | None:
    """Add the form's fields to ``values``; return its photo, ``None`` where it has none."""
    photo: bytes | None = None
    if "boundary" not in options:
        raise MalformedRequest("The Content-Type multipart/form-data names no boundary.")
    try:
        with PushMultipartParser(
            options["boundary"],
            content_length=len(content),
            max_segment_count=MAXIMUM_PARTS,
        ) as parser:
            chunks: list[bytes] = []
            name = ""
            for event in parser.parse(content):
                if isinstance(event, (bytes, bytearray)):
                    chunks.append(bytes(event))
                elif event is not None:
                    name, chunks = event.name, []
                elif name == "photo":
                    if photo is not None:
                        raise InvalidInput([FieldError(name, "is given more than once.")])
                    photo = b"".join(chunks)
                else:
                    values.setdefault(name, []).append(_field_text(name, b"".join(chunks)))
    except MultipartError as error:
        raise MalformedRequest(f"The form cannot be read: {error}.") from None
    return photo


def _field_text(name: str, value: bytes) -> str:
    if len(value) > MAXIMUM_FIELD_BYTES:
        raise InvalidInput([FieldError(name, f"is longer than {MAXIMUM_FIELD_BYTES} bytes.")])
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput([FieldError(name, "is not UTF-8 text.")]) from None


def _read_place(
    fields: Fields, *, required: bool = False
) -> tuple[Coordinates | None, float | None]:
    """The point, which needs both of its coordinates, and its uncertainty."""
    names = "decimalLatitude", "decimalLongitude"
    given = [name for name in names if fields.has(name)]
    latitude = fields.read(names[0], _number_between(-90, 90))
    longitude = fields.read(names[1], _number_between(-180, 180))
    for name in names:
        if name not in given and (given or required):
            fields.refuse(name, "is missing: a place needs decimalLatitude and decimalLongitude.")
    uncertainty = fields.read("coordinateUncertaintyInMeters", _parse_uncertainty)
    if latitude is None or longitude is None:
        return None, uncertainty
    return Coordinates(latitude, longitude), uncertainty


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError("must be a decimal number.")
    return value


def _number_between(least: float, most: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = _number(text)
        if not least <= value <= most:
            raise ValueError(f"must be from {least} to {most}.")
        return value

    return parse


def _parse_uncertainty(text: str) -> float:
    """Metres. Darwin Core has no zero here: nothing is known to the point."""
    value = _number(text)
    if not 0 < value <= HALF_EQUATOR:
        raise ValueError(f"must be above 0 and at most {HALF_EQUATOR} metres.")
    return value


def _whole_number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text[:9]) <= most):
            raise ValueError(f"must be a whole number from {least} to {most}.")
        return int(text)

    return parse


_parse_limit = _whole_number(1, MAXIMUM_LIMIT)


def _parse_media_type(text: str) -> str:
    if text not in MEDIA_TYPES:
        raise ValueError(f"must be one of {', '.join(MEDIA_TYPES)}.")
    return text


def _parse_switch(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("must be 'on' or 'off'.")
    return text == "on"


def parse_event_date(text: str) -> EventDate:
    """ISO 8601 as Darwin Core has it: a year, a month, a day or a moment.

    Raises ``ValueError``.
    """
    fault = "must be an ISO 8601 date, as 2026-07-14, 2026-07 or 2026-07-14T09:30:00+02:00."
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(fault)
    year, month, day, time = match.groups()
    if time and not day:
        raise ValueError(fault)
    try:
        date.fromisoformat(year + (month or "-01") + (day or "-01"))
        if time:
            datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(fault) from None
    return EventDate(text, int(month[1:]) if month else None)

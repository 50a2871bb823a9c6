"""From the bytes of a request to the question that they ask.

Photos come as ``multipart/form-data`` or as the raw body; the other fields come
as form fields or as query parameters. Every faulty field is found before
anything is refused.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import pybase64
from chalice.app import Request
from multipart import MultipartError, PushMultipartParser, parse_options_header

from chalicelib.domain import MEDIA_TYPES, WHOLE_YEAR, Coordinates
from chalicelib.errors import (
    FieldError,
    InvalidInput,
    MalformedRequest,
    PhotoTooLarge,
    UnsupportedMediaType,
)
from chalicelib.http.parameters import (
    ANIMALS,
    CANDIDATES,
    CONTENT_TYPE,
    EVENT_DATE,
    GEO,
    LANGUAGE,
    LATITUDE,
    LEAVE,
    LONGITUDE,
    MONTH,
    PREDICTION,
    RANGE,
    SPECIES,
    UNCERTAINTY,
    UPLOAD,
    UPLOADED,
    Field,
    Question,
    names,
)
from chalicelib.identify import IdentifyRequest

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"
UPLOADS_PATH: Final = "/v1/uploads"
PHOTO: Final = "photo"
"""The field of a form that holds the photo."""

PHOTO_TYPES: Final = (
    FORM,
    *MEDIA_TYPES,
    "application/octet-stream",
)
"""What a photo may be declared as. What it is, its bytes tell."""

QUESTION_TYPES: Final = (*PHOTO_TYPES, JSON)
"""What may be asked with: a photo, or JSON about one that was uploaded before."""


Value = TypeVar("Value")
Default = TypeVar("Default")


class Wanted(NamedTuple):
    """How the answer is to be: how many animals, and in which language their names."""

    limit: int
    language: str


class Limits(NamedTuple):
    """How large a request may be, as the settings of these names say."""

    photo_bytes: int
    form_parts: int
    part_header_bytes: int
    field_bytes: int

    @property
    def body_bytes(self) -> int:
        """A photo, and what a form may add to it: the other fields and their headers."""
        return self.photo_bytes + self.form_parts * (self.part_header_bytes + self.field_bytes)


class Fields:
    """The named values of a request. Reading one records what is wrong with it."""

    def __init__(self, values: Mapping[str, list[str]], question: Question) -> None:
        self._values = values
        self._question = question
        self._errors: list[FieldError] = []

    def refuse(self, field: str, detail: str) -> None:
        """Record a fault; :meth:`check` raises them all."""
        self._errors.append(FieldError(field, detail))

    def check(self) -> None:
        """Raise ``InvalidInput`` if any field read so far was faulty."""
        if self._errors:
            raise InvalidInput(self._errors)

    def has(self, field: Field[Any, Any]) -> bool:
        """Whether the field was given, and not empty."""
        return any(value.strip() for value in self._values.get(field.name, []))

    def read(self, field: Field[Value, Default]) -> Value | Default:
        """The field parsed, or its default where it is absent, empty or faulty."""
        assert field.name in names(self._question.fields)  # else the contract would lack it
        values = [value.strip() for value in self._values.get(field.name, [])]
        if len(values) > 1:
            self.refuse(field.name, "is given more than once.")
        elif values and values[0]:
            try:
                return field.kind.parse(values[0])
            except ValueError as error:
                self.refuse(field.name, str(error))
        return field.default

    def read_place(self) -> tuple[Coordinates | None, float | None]:
        """The point, which needs both of its coordinates, and its uncertainty."""
        halves = LATITUDE, LONGITUDE
        given = [half for half in halves if self.has(half)]
        latitude, longitude = self.read(LATITUDE), self.read(LONGITUDE)
        for half in halves:
            if half not in given and (given or half in self._question.required):
                self.refuse(
                    half.name, "is missing: a place needs decimalLatitude and decimalLongitude."
                )
        uncertainty = self.read(UNCERTAINTY)
        if latitude is None or longitude is None:
            return None, uncertainty
        return Coordinates(latitude, longitude), uncertainty


def prediction_query(request: Request, limits: Limits) -> tuple[IdentifyRequest, Wanted]:
    """The question of ``POST /v1/predictions``, and how the answer is to be.

    Raises ``UnsupportedMediaType``, ``PhotoTooLarge`` (before anything is parsed),
    ``MalformedRequest`` or ``InvalidInput``. The media type is told here, since Chalice
    deploys no route of which some types are binary and others, as JSON, are not.
    """
    declared, options = parse_options_header(request.headers.get("content-type", ""))
    if declared not in QUESTION_TYPES:
        raise UnsupportedMediaType("A photo cannot be declared as such.", QUESTION_TYPES)
    content = _content(request)
    if len(content) > limits.body_bytes:
        raise PhotoTooLarge(len(content), limits.photo_bytes, "bytes", UPLOADS_PATH)
    values = query_parameters(request)
    photo: bytes | None = content
    if declared == FORM:
        photo = _read_form(content, options, values, limits)
    elif declared == JSON:
        photo = None
        _read_json(content, values, limits)
    if photo is not None and len(photo) > limits.photo_bytes:
        raise PhotoTooLarge(len(photo), limits.photo_bytes, "bytes", UPLOADS_PATH)
    fields = Fields(values, UPLOADED if declared == JSON else PREDICTION)
    upload = fields.read(UPLOAD) if declared == JSON else None
    if declared == JSON and not fields.has(UPLOAD):
        fields.refuse(UPLOAD.name, f"is missing: it is the key that POST {UPLOADS_PATH} gave.")
    elif declared == FORM and photo is None:
        fields.refuse(PHOTO, "is missing: send the photo in a form field of that name.")
    point, uncertainty = fields.read_place()
    event_date = fields.read(EVENT_DATE)
    geo = fields.read(GEO)
    wanted = Wanted(fields.read(CANDIDATES), fields.read(LANGUAGE))
    fields.check()
    query = IdentifyRequest(
        photo=photo or b"",
        upload=upload,
        coordinates=point,
        uncertainty=uncertainty,
        event_date=event_date,
        use_geo=geo == "on",
    )
    return query, wanted


def species_query(request: Request) -> tuple[Coordinates, int, Wanted]:
    """The question of ``GET /v1/species``: the point, the month, and how the answer is to be.

    Raises ``InvalidInput``.
    """
    fields = Fields(query_parameters(request), SPECIES)
    point, uncertainty = fields.read_place()
    month = fields.read(MONTH)
    wanted = Wanted(fields.read(ANIMALS), fields.read(LANGUAGE))
    fields.check()
    assert point is not None  # check() has raised where it was missing
    place = Coordinates(point.latitude, point.longitude, uncertainty)
    return place, month or WHOLE_YEAR, wanted


def range_query(request: Request) -> tuple[int, str]:
    """The month and the language of ``GET /v1/species/{taxonID}/range``.

    Raises ``InvalidInput``.
    """
    fields = Fields(query_parameters(request), RANGE)
    month, language = fields.read(MONTH), fields.read(LANGUAGE)
    fields.check()
    return month or WHOLE_YEAR, language


def upload_type(request: Request, limits: Limits) -> str:
    """The media type of the photo that is to be uploaded. Raises ``InvalidInput``."""
    values = query_parameters(request)
    if content := _content(request):
        _read_json(content, values, limits)
    fields = Fields(values, LEAVE)
    found = fields.read(CONTENT_TYPE)
    fields.check()
    return found


def query_parameters(request: Request) -> dict[str, list[str]]:
    """All values of each query parameter."""
    parameters = request.query_params
    return {name: list(parameters.getlist(name)) for name in parameters} if parameters else {}


def _content(request: Request) -> bytes:
    """The body's bytes. Raises ``MalformedRequest``.

    API Gateway sends them as base64. Chalice would read that by the standard library, which
    takes many times as long as pybase64.
    """
    event = request.to_original_event()
    try:
        if event.get("isBase64Encoded"):
            return pybase64.b64decode(event["body"] or "", validate=True)
        body = request.raw_body
        return body if isinstance(body, bytes) else body.encode()
    except ValueError:  # no base64, or half a surrogate pair
        raise MalformedRequest("The body cannot be read.") from None


def _read_json(content: bytes, values: dict[str, list[str]], limits: Limits) -> None:
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
            values.setdefault(name, []).append(_field_text(name, text.encode(), limits))


def _read_form(
    content: bytes, options: Mapping[str, str], values: dict[str, list[str]], limits: Limits
) -> bytes | None:
    """Add the form's fields to ``values``; return its photo, ``None`` where it has none."""
    photo: bytes | None = None
    if "boundary" not in options:
        raise MalformedRequest("The Content-Type multipart/form-data names no boundary.")
    try:
        with PushMultipartParser(
            options["boundary"],
            content_length=len(content),
            max_header_size=limits.part_header_bytes,
            max_segment_count=limits.form_parts,
        ) as parser:
            chunks: list[bytes] = []
            name = ""
            for event in parser.parse(content):
                if isinstance(event, (bytes, bytearray)):
                    chunks.append(bytes(event))
                elif event is not None:
                    name, chunks = event.name, []
                elif name == PHOTO:
                    if photo is not None:
                        raise InvalidInput([FieldError(name, "is given more than once.")])
                    photo = b"".join(chunks)
                else:
                    text = _field_text(name, b"".join(chunks), limits)
                    values.setdefault(name, []).append(text)
    except MultipartError as error:
        raise MalformedRequest(f"The form cannot be read: {error}.") from None
    return photo


def _field_text(name: str, value: bytes, limits: Limits) -> str:
    if len(value) > limits.field_bytes:
        raise InvalidInput([FieldError(name, f"is longer than {limits.field_bytes} bytes.")])
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput([FieldError(name, "is not UTF-8 text.")]) from None

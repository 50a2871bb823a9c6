"""Request bodies: raw bytes, ``multipart/form-data`` and JSON, within the deployment's limits."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import pybase64
from chalice.app import Request
from multipart import MultipartError, PushMultipartParser

from chalicelib.domain import MEDIA_TYPES
from chalicelib.errors import FieldError, InvalidInput, MalformedRequest

FORM: Final = "multipart/form-data"
JSON: Final = "application/json"
PHOTO: Final = "photo"
"""The form field that holds the photo."""

PHOTO_TYPES: Final = (
    FORM,
    *MEDIA_TYPES,
    "application/octet-stream",
)
"""Content-Types for a photo. The photo's actual format is detected from its bytes."""

PREDICTION_TYPES: Final = (*PHOTO_TYPES, JSON)
"""Content-Types of a prediction request: a photo, or JSON with the key of an uploaded one."""

Values = dict[str, list[str]]
"""All values of each field, by its name."""


class RequestLimits(NamedTuple):
    """Size limits of a request, from the settings of the same names."""

    photo_bytes: int
    form_parts: int
    part_header_bytes: int
    field_bytes: int

    @property
    def body_bytes(self) -> int:
        """Largest body: a photo, and the other fields of a form with their headers."""
        return self.photo_bytes + self.form_parts * (self.part_header_bytes + self.field_bytes)


def read_body(request: Request) -> bytes:
    """Return the body's bytes. Raises ``MalformedRequest``.

    API Gateway sends them as base64. Chalice would decode that with the standard library, which
    takes many times as long as pybase64.
    """
    event = request.to_original_event()
    try:
        if event.get("isBase64Encoded"):
            return pybase64.b64decode(event["body"] or "", validate=True)
        body = request.raw_body
        return body if isinstance(body, bytes) else body.encode()
    except ValueError:  # invalid base64, or half a surrogate pair
        raise MalformedRequest("The body cannot be decoded: send it as it is.") from None


def add_json(content: bytes, values: Values, limits: RequestLimits) -> None:
    """Add the members of a JSON object to ``values``, as a form would have them."""
    try:
        members = msgspec.json.decode(content, type=dict[str, str | float | None])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRequest(
            "The body must be a JSON object whose values are strings, numbers or null."
        ) from None
    for name, value in members.items():
        if value is not None:
            text = value if isinstance(value, str) else f"{value!r}".removesuffix(".0")
            values.setdefault(name, []).append(_field_text(name, text.encode(), limits))


def add_form(
    content: bytes, options: Mapping[str, str], values: Values, limits: RequestLimits
) -> bytes | None:
    """Add the fields of a form to ``values`` and return its photo.

    Args:
        content: The body.
        options: The parameters of its Content-Type; ``boundary`` is required.
        values: The fields so far, from the query.
        limits: How many parts there may be, and how large they may be.

    Returns:
        The photo's bytes; ``None`` if the form has no photo.

    Raises:
        MalformedRequest: The form cannot be parsed.
        InvalidInput: It has two photos, or a field that is too long or not UTF-8.
    """
    photo: bytes | None = None
    if "boundary" not in options:
        raise MalformedRequest(
            "The Content-Type multipart/form-data has no boundary. Let your HTTP client set it."
        )
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
                        raise InvalidInput([FieldError(name, "must be given only once.")])
                    photo = b"".join(chunks)
                else:
                    text = _field_text(name, b"".join(chunks), limits)
                    values.setdefault(name, []).append(text)
    except MultipartError as error:
        raise MalformedRequest(f"The form cannot be parsed: {error}.") from None
    return photo


def _field_text(name: str, value: bytes, limits: RequestLimits) -> str:
    if len(value) > limits.field_bytes:
        raise InvalidInput([FieldError(name, f"must have at most {limits.field_bytes} bytes.")])
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput([FieldError(name, "must be UTF-8 text.")]) from None

"""Request bodies: raw bytes, ``multipart/form-data`` and JSON, within the deployment's limits."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
import pybase64
from chalice.app import Request
from multipart import MultipartError, ParserLimitReached, PushMultipartParser

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

BINARY_TYPES: Final = (
    *PHOTO_TYPES,
    "image/jpg",
    "image/pjpeg",
    "image/x-png",
    "image/heic-sequence",
    "image/heif-sequence",
    "binary/octet-stream",
    "application/x-www-form-urlencoded",
)
"""Content-Types whose body is bytes: those of photos, and what clients send in their stead.

The others are old names of the same formats, the default type of S3 objects and of ``curl
--data-binary``. API Gateway must know all of them: it turns each other body into text, which
destroys a photo. It is not told ``*/*``: Chalice would then encode its own JSON responses as
base64, and refuse to send them to clients without an ``Accept`` header.
"""

MAXIMUM_PART_HEADERS: Final = 8
"""Header lines of a part of a form. RFC 7578 allows three."""

Values = dict[str, list[str]]
"""All values of each field, by its name."""


class RequestLimits(NamedTuple):
    """Size limits of a request, from the settings of the same names."""

    photo_bytes: int
    form_parts: int
    part_header_bytes: int
    field_bytes: int

    uploads: str | None = None
    """The path of the resource for larger photos, if the deployment has one."""

    @property
    def fields_bytes(self) -> int:
        """Largest JSON body: as large as all fields of a form with their headers."""
        return self.form_parts * (self.part_header_bytes + self.field_bytes)

    @property
    def body_bytes(self) -> int:
        """Largest body: a photo, and the other fields of a form with their headers."""
        return self.photo_bytes + self.fields_bytes


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


def query_parameters(request: Request) -> Values:
    """Return all values of each query parameter."""
    parameters = request.query_params
    return {name: list(parameters.getlist(name)) for name in parameters} if parameters else {}


def is_destroyed(request: Request, media_type: str) -> bool:
    """Return whether API Gateway passed a photo on as text, which loses its bytes.

    It does so with each body whose Content-Type it does not know as binary, or that has none.
    Bytes that are not UTF-8 become U+FFFD.
    """
    body = request.to_original_event()["body"]
    is_text = isinstance(body, str) and not request.to_original_event().get("isBase64Encoded")
    return is_text and bool(body) and (not media_type or "\ufffd" in body)


def add_json(content: bytes, values: Values, limits: RequestLimits, known: Collection[str]) -> None:
    """Add the members of a JSON object to ``values``, as a form would have them.

    Args:
        content: The body.
        values: The fields so far, from the query.
        limits: How large the body and each field may be.
        known: The fields that are read. Of others, only the name is kept.

    Raises:
        MalformedRequest: The body is too large, or not a flat JSON object.
        InvalidInput: A field is too long or not UTF-8.
    """
    if len(content) > limits.fields_bytes:
        raise MalformedRequest(
            f"The JSON body has {len(content):,} bytes; at most {limits.fields_bytes:,} are "
            "accepted. Send the photo as a form, or as the body with its own Content-Type."
        )
    try:
        members = msgspec.json.decode(content, type=dict[str, str | float | None])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise MalformedRequest(
            "The body must be a JSON object whose values are strings, numbers or null."
        ) from None
    for name, value in members.items():
        if name not in known:
            values.setdefault(name, [])
        elif value is not None:
            text = value if isinstance(value, str) else f"{value!r}".removesuffix(".0")
            values.setdefault(name, []).append(_field_text(name, text.encode(), limits))


def add_form(
    content: bytes,
    options: Mapping[str, str],
    values: Values,
    limits: RequestLimits,
    known: Collection[str],
) -> bytes | None:
    """Add the fields of a form to ``values`` and return its photo.

    File names are not used. Clients on Windows send them in other encodings than UTF-8, so part
    headers are decoded as Latin-1, which accepts any bytes.

    Args:
        content: The body.
        options: The parameters of its Content-Type; ``boundary`` is required.
        values: The fields so far, from the query.
        limits: How many parts there may be, and how large they may be.
        known: The fields that are read. Of others, only the name is kept.

    Returns:
        The photo's bytes; ``None`` if the form has no photo.

    Raises:
        MalformedRequest: The form cannot be parsed.
        InvalidInput: It has two photos, or a field that is too long or not UTF-8.
    """
    if "boundary" not in options:
        raise MalformedRequest(
            "The Content-Type multipart/form-data has no boundary. Let your HTTP client set it."
        )
    photo: bytes | None = None
    for name, value in _parts(content, options["boundary"], limits):
        if name == PHOTO:
            if photo is not None:
                raise InvalidInput([FieldError(name, "must be given only once.")])
            photo = value
        elif name in known:
            values.setdefault(name, []).append(_field_text(name, value, limits))
        else:
            values.setdefault(name, [])
    return photo


def _parts(content: bytes, boundary: str, limits: RequestLimits) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each part of a form."""
    try:
        with PushMultipartParser(
            boundary,
            content_length=len(content),
            max_header_size=limits.part_header_bytes,
            max_header_count=MAXIMUM_PART_HEADERS,
            max_segment_count=limits.form_parts,
            header_charset="latin-1",
        ) as parser:
            chunks: list[bytes] = []
            name, filename = "", None
            for event in parser.parse(content):
                if isinstance(event, (bytes, bytearray)):
                    chunks.append(bytes(event))
                elif event is not None:
                    name = event.name.encode("latin-1", "replace").decode(errors="replace")
                    filename, chunks = event.filename, []
                elif chunks or filename != "":
                    # Browsers send an empty file without a name for an input that was not used.
                    yield name, b"".join(chunks)
    except ParserLimitReached:
        raise MalformedRequest(
            f"The form is too complex: it may have {limits.form_parts} parts, and each of them "
            f"{MAXIMUM_PART_HEADERS} headers of {limits.part_header_bytes:,} bytes."
        ) from None
    except (MultipartError, UnicodeError):  # their texts quote file names
        raise MalformedRequest(
            "The form cannot be parsed: it is cut off, or it is not multipart/form-data as RFC "
            "7578 defines it. Let your HTTP client build it."
        ) from None


def _field_text(name: str, value: bytes, limits: RequestLimits) -> str:
    if len(value) > limits.field_bytes:
        raise InvalidInput([FieldError(name, f"must have at most {limits.field_bytes} bytes.")])
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise InvalidInput([FieldError(name, "must be UTF-8 text.")]) from None

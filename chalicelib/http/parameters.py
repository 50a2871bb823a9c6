"""Request parameters. Each is declared once, for the parser and for the OpenAPI document.

A parameter type parses a text, and describes the same rule as JSON Schema
(https://json-schema.org/draft/2020-12/json-schema-validation).
"""

import math
import re
from datetime import date, datetime
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from chalicelib.domain import MAX_UNCERTAINTY_METRES, MEDIA_TYPES, EventDate

MAXIMUM_LIMIT: Final = 400

MAXIMUM_DIGITS: Final = 9
"""Digits of a whole number, with leading zeros."""

Value = TypeVar("Value")
Default = TypeVar("Default")
Value_co = TypeVar("Value_co", covariant=True)

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})(-\d{2})?(-\d{2})?(T.+)?", re.ASCII)


class ParameterType(Protocol[Value_co]):
    """The values that a parameter accepts."""

    def parse(self, text: str) -> Value_co:
        """Parse a non-empty text. Raises ``ValueError`` with a text that says what is accepted."""

    def schema(self) -> dict[str, Any]:
        """Return the same rule as JSON Schema."""


class NumberType(NamedTuple):
    """A decimal number; ``exclusive_minimum`` excludes ``minimum`` itself."""

    minimum: float
    maximum: float
    exclusive_minimum: bool = False

    def parse(self, text: str) -> float:
        """Parse a decimal number; NaN, infinity and Python's own notations are errors."""
        if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
            raise ValueError("must be a decimal number.")
        if self.exclusive_minimum and not self.minimum < value <= self.maximum:
            raise ValueError(f"must be above {self.minimum} and at most {self.maximum}.")
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be from {self.minimum} to {self.maximum}.")
        return value

    def schema(self) -> dict[str, Any]:
        """Return a number schema with its bounds."""
        minimum = "exclusiveMinimum" if self.exclusive_minimum else "minimum"
        return {"type": "number", minimum: self.minimum, "maximum": self.maximum}


class IntegerType(NamedTuple):
    """A whole number in decimal digits."""

    minimum: int
    maximum: int

    def parse(self, text: str) -> int:
        """Parse ASCII digits without a sign, and at most nine of them."""
        is_number = text.isascii() and text.isdigit() and len(text) <= MAXIMUM_DIGITS
        if not (is_number and self.minimum <= int(text) <= self.maximum):
            raise ValueError(f"must be a whole number from {self.minimum} to {self.maximum}.")
        return int(text)

    def schema(self) -> dict[str, Any]:
        """Return an integer schema with its bounds."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


class EnumType(NamedTuple):
    """One of several words."""

    words: tuple[str, ...]

    def parse(self, text: str) -> str:
        """Return the word unchanged."""
        if text not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}.")
        return text

    def schema(self) -> dict[str, Any]:
        """Return an enumeration."""
        return {"type": "string", "enum": list(self.words)}


class StringType(NamedTuple):
    """A short text. All of it must match ``pattern``, which ``form`` puts into words."""

    pattern: str = ""
    form: str = ""

    def parse(self, text: str) -> str:
        """Return the text unchanged."""
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(f"must be {self.form}.")
        return text

    def schema(self) -> dict[str, Any]:
        """Return a string schema with the pattern."""
        pattern = {"pattern": f"^{self.pattern}$"} if self.pattern else {}
        return {"type": "string", **pattern}


class EventDateType(NamedTuple):
    """An ISO 8601 date as Darwin Core defines it: a year, a month, a day or a point in time."""

    def parse(self, text: str) -> EventDate:
        """Return the date as it was written, and its month."""
        error = "must be an ISO 8601 date, as 2026-07-14, 2026-07 or 2026-07-14T09:30:00+02:00."
        match = _DATE.fullmatch(text)
        if not match:
            raise ValueError(error)
        year, month, day, time = match.groups()
        if time and not day:
            raise ValueError(error)
        try:
            date.fromisoformat(year + (month or "-01") + (day or "-01"))
            if time:
                datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(error) from None
        return EventDate(text, int(month[1:]) if month else None)

    def schema(self) -> dict[str, Any]:
        """Return a string schema, because JSON Schema's own dates always have a day."""
        return {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2}(T.+)?)?)?$"}


class Field(NamedTuple, Generic[Value, Default]):
    """A parameter: its name, type and description, and its value if it is absent."""

    name: str
    type: ParameterType[Value]
    description: str
    default: Default


class RequestSchema(NamedTuple):
    """The fields that a request may have, those that it must have, and if a photo belongs to it."""

    fields: tuple[Field[Any, Any], ...]
    required: tuple[Field[Any, Any], ...] = ()
    has_photo: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the fields."""
        return [field.name for field in self.fields]


LATITUDE: Final = Field(
    "decimalLatitude",
    NumberType(-90, 90),
    "Latitude in degrees (WGS 84), north positive. Replaces the photo's own position.",
    None,
)
LONGITUDE: Final = Field(
    "decimalLongitude",
    NumberType(-180, 180),
    "Longitude in degrees (WGS 84), east positive. Replaces the photo's own position.",
    None,
)
UNCERTAINTY: Final = Field(
    "coordinateUncertaintyInMeters",
    # Darwin Core excludes zero: no position is exact.
    NumberType(0, MAX_UNCERTAINTY_METRES, exclusive_minimum=True),
    "Radius of the position's uncertainty, in metres. A larger radius uses a coarser cell.",
    None,
)
EVENT_DATE: Final = Field(
    "eventDate",
    EventDateType(),
    "Date of the photo in ISO 8601; a year or a month is enough. Replaces the photo's own date.",
    None,
)
GEO: Final = Field(
    "geo",
    EnumType(("on", "off")),
    "`off` ignores the location: for zoos, gardens and pets.",
    "on",
)
MONTH: Final = Field(
    "month", IntegerType(1, 12), "A month, 1 to 12. Without it, the whole year counts.", None
)
CANDIDATES: Final = Field(
    "limit", IntegerType(1, MAXIMUM_LIMIT), "Maximum number of candidates.", 5
)
ANIMALS: Final = CANDIDATES._replace(
    description="Maximum number of animals.", default=MAXIMUM_LIMIT
)
UPLOAD: Final = Field(
    "upload", StringType(), "The key of an uploaded photo, as POST /v1/uploads returned it.", None
)
CONTENT_TYPE: Final = Field(
    "contentType",
    EnumType(MEDIA_TYPES),
    "The media type of the photo that you will upload.",
    MEDIA_TYPES[0],
)
LANGUAGE: Final = Field(
    "lang",
    # BCP 47 (RFC 5646, section 2.1), except tags that begin with x- or i-.
    StringType("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "a language tag, as de or pt-BR"),
    "The language of vernacularName (BCP 47). Animals without a name in it have an English one.",
    "en",
)

PLACE: Final = (LATITUDE, LONGITUDE, UNCERTAINTY)
PREDICTION_REQUEST: Final = RequestSchema(
    (*PLACE, EVENT_DATE, GEO, CANDIDATES, LANGUAGE), has_photo=True
)
"""A prediction whose photo is in the request."""

UPLOADED_PREDICTION_REQUEST: Final = RequestSchema(
    (UPLOAD, *PREDICTION_REQUEST.fields), (UPLOAD,), has_photo=True
)
"""A prediction whose photo was uploaded before."""

SPECIES_REQUEST: Final = RequestSchema((*PLACE, MONTH, ANIMALS, LANGUAGE), (LATITUDE, LONGITUDE))
RANGE_REQUEST: Final = RequestSchema((MONTH, LANGUAGE))
UPLOAD_REQUEST: Final = RequestSchema((CONTENT_TYPE,))

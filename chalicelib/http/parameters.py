"""The fields of questions. Each is stated once: who reads requests and the contract share it.

A kind knows how to read a text, and says the same as JSON Schema
(https://json-schema.org/draft/2020-12/json-schema-validation).
"""

import math
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from chalicelib.domain import MAX_UNCERTAINTY_METRES, MEDIA_TYPES, EventDate

MAXIMUM_LIMIT: Final = 400

Value = TypeVar("Value")
Default = TypeVar("Default")
Value_co = TypeVar("Value_co", covariant=True)

_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"(\d{4})(-\d{2})?(-\d{2})?(T.+)?", re.ASCII)


class Kind(Protocol[Value_co]):
    """What a field may hold."""

    def parse(self, text: str) -> Value_co:
        """Read a text that is not empty. Raises ``ValueError``, which says what it must be."""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


class Number(NamedTuple):
    """A decimal number; ``is_open`` leaves ``least`` itself out."""

    least: float
    most: float
    is_open: bool = False

    def parse(self, text: str) -> float:
        """Neither NaN nor infinity, nor what only Python takes for a number."""
        if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
            raise ValueError("must be a decimal number.")
        if self.is_open and not self.least < value <= self.most:
            raise ValueError(f"must be above {self.least} and at most {self.most}.")
        if not self.least <= value <= self.most:
            raise ValueError(f"must be from {self.least} to {self.most}.")
        return value

    def schema(self) -> dict[str, Any]:
        """A number with its bounds."""
        least = "exclusiveMinimum" if self.is_open else "minimum"
        return {"type": "number", least: self.least, "maximum": self.most}


class WholeNumber(NamedTuple):
    """A whole number, in digits."""

    least: int
    most: int

    def parse(self, text: str) -> int:
        """Digits alone."""
        if not (text.isascii() and text.isdigit() and self.least <= int(text[:9]) <= self.most):
            raise ValueError(f"must be a whole number from {self.least} to {self.most}.")
        return int(text)

    def schema(self) -> dict[str, Any]:
        """An integer with its bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Choice(NamedTuple):
    """One of some words."""

    words: tuple[str, ...]

    def parse(self, text: str) -> str:
        """The word as it is."""
        if text not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}.")
        return text

    def schema(self) -> dict[str, Any]:
        """An enumeration."""
        return {"type": "string", "enum": list(self.words)}


class Text(NamedTuple):
    """Any short text; ``pattern`` (of all of it) where it has a form, which ``form`` says."""

    pattern: str = ""
    form: str = ""

    def parse(self, text: str) -> str:
        """The text as it is."""
        if self.pattern and not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError(f"must be {self.form}.")
        return text

    def schema(self) -> dict[str, Any]:
        """A string, with its pattern."""
        pattern = {"pattern": f"^{self.pattern}$"} if self.pattern else {}
        return {"type": "string", **pattern}


class Moment(NamedTuple):
    """ISO 8601 as Darwin Core has it: a year, a month, a day or a moment."""

    def parse(self, text: str) -> EventDate:
        """The date as it was written, and its month."""
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

    def schema(self) -> dict[str, Any]:
        """A string: JSON Schema's own dates are whole ones only."""
        return {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2}(T.+)?)?)?$"}


class Field(NamedTuple, Generic[Value, Default]):
    """A field: its name, what it may hold, what it means, and what holds where it is absent."""

    name: str
    kind: Kind[Value]
    meaning: str
    default: Default


class Question(NamedTuple):
    """What may be asked of a resource, and the fields that it cannot do without."""

    fields: tuple[Field[Any, Any], ...]
    required: tuple[Field[Any, Any], ...] = ()


LATITUDE: Final = Field(
    "decimalLatitude",
    Number(-90, 90),
    "Where the photo was taken, in degrees of WGS 84, north positive. Wins over its EXIF.",
    None,
)
LONGITUDE: Final = Field(
    "decimalLongitude",
    Number(-180, 180),
    "Where the photo was taken, in degrees of WGS 84, east positive. Wins over its EXIF.",
    None,
)
UNCERTAINTY: Final = Field(
    "coordinateUncertaintyInMeters",
    # Darwin Core has no zero here: nothing is known to the point.
    Number(0, MAX_UNCERTAINTY_METRES, is_open=True),
    "How far off the place may be, in metres; a vaguer place uses a coarser cell.",
    None,
)
EVENT_DATE: Final = Field(
    "eventDate",
    Moment(),
    "When the photo was taken, in ISO 8601, as far as it is known. Wins over its EXIF.",
    None,
)
GEO: Final = Field(
    "geo",
    Choice(("on", "off")),
    "Off for zoos, gardens and pets, where the place says nothing about the animal.",
    "on",
)
MONTH: Final = Field(
    "month", WholeNumber(1, 12), "The month that is asked about; the whole year without it.", None
)
CANDIDATES: Final = Field("limit", WholeNumber(1, MAXIMUM_LIMIT), "How many candidates.", 5)
ANIMALS: Final = CANDIDATES._replace(meaning="How many animals.", default=MAXIMUM_LIMIT)
UPLOAD: Final = Field(
    "upload", Text(), "The key of a photo that was uploaded before: POST /v1/uploads gave it.", None
)
CONTENT_TYPE: Final = Field(
    "contentType",
    Choice(MEDIA_TYPES),
    "What the photo that is going to be uploaded is.",
    MEDIA_TYPES[0],
)
LANGUAGE: Final = Field(
    "lang",
    # BCP 47 (RFC 5646, section 2.1), but for tags that begin with x- or i-.
    Text("[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", "a language tag, as de or pt-BR"),
    "The language of vernacularName (BCP 47), for the animals whose names are known in it.",
    "en",
)

PLACE: Final = (LATITUDE, LONGITUDE, UNCERTAINTY)
PREDICTION: Final = Question((*PLACE, EVENT_DATE, GEO, CANDIDATES, LANGUAGE))
"""With a photo."""

UPLOADED: Final = Question((UPLOAD, *PREDICTION.fields), (UPLOAD,))
"""With the key of one."""

SPECIES: Final = Question((*PLACE, MONTH, ANIMALS, LANGUAGE), (LATITUDE, LONGITUDE))
RANGE: Final = Question((MONTH, LANGUAGE))
LEAVE: Final = Question((CONTENT_TYPE,))
"""To upload a photo."""


def names(fields: Iterable[Field[Any, Any]]) -> list[str]:
    """The names of fields."""
    return [field.name for field in fields]

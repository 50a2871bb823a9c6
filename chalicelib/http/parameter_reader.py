"""Read the parameters of a request, and collect all that is wrong with them."""

from collections.abc import Mapping
from typing import Any, TypeVar

from chalicelib.domain import Coordinates
from chalicelib.errors import FieldError, InvalidInput
from chalicelib.http.parameters import LATITUDE, LONGITUDE, UNCERTAINTY, Field, RequestSchema
from chalicelib.http.unknown_fields import unknown_fields

Value = TypeVar("Value")
Default = TypeVar("Default")


class ParameterReader:
    """Reads the parameters of a request and collects what is wrong with them.

    Parameters that the request does not have are errors too.
    """

    def __init__(self, values: Mapping[str, list[str]], schema: RequestSchema) -> None:
        self._values = values
        self._schema = schema
        self._errors = unknown_fields(values, schema.names, has_photo=schema.has_photo)

    def add_error(self, field: str, detail: str) -> None:
        """Record an error; :meth:`raise_errors` raises all of them."""
        self._errors.append(FieldError(field, detail))

    def raise_errors(self) -> None:
        """Raise ``InvalidInput`` if a parameter that was read is faulty."""
        if self._errors:
            raise InvalidInput(self._errors)

    def has(self, field: Field[Any, Any]) -> bool:
        """Return whether the parameter was given and is not empty."""
        return any(value.strip() for value in self._values.get(field.name, []))

    def read(self, field: Field[Value, Default]) -> Value | Default:
        """Return the parsed value, or the default if it is absent, empty or faulty."""
        assert field.name in self._schema.names  # or the contract would lack it
        values = [value.strip() for value in self._values.get(field.name, [])]
        if len(values) > 1:
            self.add_error(field.name, "must be given only once.")
        elif values and values[0]:
            try:
                return field.type.parse(values[0])
            except ValueError as error:
                self.add_error(field.name, str(error))
        return field.default

    def read_place(self) -> tuple[Coordinates | None, float | None]:
        """Return the point, which needs both coordinates, and its uncertainty."""
        pair = LATITUDE, LONGITUDE
        given = [field for field in pair if self.has(field)]
        latitude, longitude = self.read(LATITUDE), self.read(LONGITUDE)
        for field in pair:
            if field not in given and (given or field in self._schema.required):
                self.add_error(
                    field.name, "is required: send decimalLatitude and decimalLongitude together."
                )
        uncertainty = self.read(UNCERTAINTY)
        if latitude is None or longitude is None:
            return None, uncertainty
        return Coordinates(latitude, longitude), uncertainty

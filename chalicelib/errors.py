"""All errors of the service, as one tree of exceptions that carry data.

An exception says what is wrong. Only :mod:`chalicelib.http.problems` turns it into HTTP.
"""

from collections.abc import Iterable
from typing import NamedTuple


class RangefinderError(Exception):
    """Base class of all expected errors."""


class MalformedRequest(RangefinderError):
    """Raised if the request cannot be parsed, so that no field of it can be named."""


class NotFound(RangefinderError):
    """Raised if a resource does not exist; ``field`` is the part of the path that names it."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnsupportedMediaType(RangefinderError):
    """Raised if the content or its declared Content-Type is not accepted."""

    def __init__(self, message: str, accepted: Iterable[str]) -> None:
        super().__init__(message)
        self.accepted = tuple(accepted)


class PhotoTooLarge(RangefinderError):
    """Raised if the photo exceeds a limit; ``unit`` is ``bytes``, ``pixels`` or JPEG ``scans``.

    ``uploads`` is the path of the resource that accepts this photo, if there is one. A bucket has
    the same limits of pixels and scans, so it is given for bytes only.
    """

    def __init__(self, actual: int, limit: int, unit: str, uploads: str | None = None) -> None:
        way = f" Upload larger photos with POST {uploads}." if uploads else ""
        super().__init__(f"The photo has {actual:,} {unit}; at most {limit:,} are accepted.{way}")
        self.actual = actual
        self.limit = limit
        self.unit = unit
        self.uploads = uploads


class FieldError(NamedTuple):
    """A field of the request and what is wrong with it."""

    field: str
    detail: str


class InvalidInput(RangefinderError):
    """Raised if the request is well formed but some of its fields are missing or faulty.

    It lists all faults, so that a client can correct them together.
    """

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(" ".join(f"{error.field}: {error.detail}" for error in self.errors))


class UnreadablePhoto(InvalidInput):
    """Raised if the photo's format is accepted but its content is damaged."""

    def __init__(self, detail: str) -> None:
        super().__init__([FieldError("photo", detail)])


class LocationRequired(InvalidInput):
    """Raised if neither the photo nor the request says where the photo was taken.

    ``reason`` says why the photo's own position cannot be used.
    """

    def __init__(self, reason: str) -> None:
        detail = (
            f"The photo does not say where it was taken: {reason}. Send decimalLatitude and "
            "decimalLongitude, or geo=off to identify it from the picture alone."
        )
        super().__init__(
            [FieldError(name, detail) for name in ("decimalLatitude", "decimalLongitude")]
        )
        self.reason = reason
        self.args = (detail,)


class UnknownUpload(InvalidInput):
    """Raised if no photo waits under the key: it is unknown, was used already or has expired."""

    def __init__(self) -> None:
        super().__init__(
            [
                FieldError(
                    "upload",
                    "is unknown, used or expired. Get a new key from POST /v1/uploads, post the "
                    "photo to the `url` it returns within ten minutes, and use the key once.",
                )
            ]
        )


class NotConfigured(RangefinderError):
    """Raised if the deployment lacks a feature that the request needs; ``setting`` enables it."""

    def __init__(self, feature: str, setting: str) -> None:
        super().__init__(f"This deployment has no {feature}: {setting} is not set.")
        self.setting = setting


class InvalidSettings(RangefinderError):
    """Raised at start-up if the environment has invalid settings; it lists all of them."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("Invalid settings:\n" + "\n".join(f"  - {fault}" for fault in self.faults))


class Unavailable(RangefinderError):
    """Raised if a part that the answer needs cannot be reached or loaded."""


class FeaturesUnavailable(Unavailable):
    """Raised if the feature store cannot be reached. A prediction continues without features."""


class UploadsUnavailable(Unavailable):
    """Raised if the store of uploaded photos cannot be reached."""


class ModelUnavailable(Unavailable):
    """Raised if the model cannot be loaded, so that there is no prediction."""


class CacheUnavailable(RangefinderError):
    """Raised if the shared cache cannot be reached. The service continues without it."""


class CacheReadOnly(CacheUnavailable):
    """Raised if the shared cache answers, but refuses writes."""

"""Everything that can go wrong, as one tree of exceptions that carry data.

The domain says *what* is wrong; :mod:`chalicelib.http.problems` alone decides
how that reads in HTTP.
"""

from collections.abc import Iterable
from typing import NamedTuple


class RangefinderError(Exception):
    """The root: whoever catches it has caught every fault that we foresee."""


class MalformedRequest(RangefinderError):
    """The request could not be taken apart, so no field of it can be named."""


class NotFound(RangefinderError):
    """There is nothing under that name; ``field`` is the part of the path that names it."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class UnsupportedMediaType(RangefinderError):
    """What was sent is, by its content or by its declaration, nothing that we read."""

    def __init__(self, message: str, accepted: Iterable[str]) -> None:
        super().__init__(message)
        self.accepted = tuple(accepted)


class PhotoTooLarge(RangefinderError):
    """The photo passes a limit; ``unit`` is ``bytes``, ``pixels`` or ``scans`` (of a JPEG).

    ``uploads`` is the path of the resource that takes larger ones, if there is one.
    """

    def __init__(self, actual: int, limit: int, unit: str, uploads: str | None = None) -> None:
        way = f" Larger ones go by way of POST {uploads}." if uploads else ""
        super().__init__(f"The photo has {actual:,} {unit}; at most {limit:,} are accepted.{way}")
        self.actual = actual
        self.limit = limit
        self.unit = unit
        self.uploads = uploads


class FieldError(NamedTuple):
    """One field of the request and what is wrong with it."""

    field: str
    detail: str


class InvalidInput(RangefinderError):
    """The request is well formed, but fields of it do not hold what they must.

    All faults come at once, so that a client mends them in one go.
    """

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        super().__init__(" ".join(f"{error.field}: {error.detail}" for error in self.errors))


class UnreadablePhoto(InvalidInput):
    """The photo's format is one of ours, but it is broken."""

    def __init__(self, detail: str) -> None:
        super().__init__([FieldError("photo", detail)])


class LocationRequired(InvalidInput):
    """Neither the photo nor the request says where the photo was taken.

    ``reason`` tells why the photo's own position could not serve.
    """

    def __init__(self, reason: str) -> None:
        how = (
            f"The photo does not say where it was taken: {reason}. Send decimalLatitude and "
            "decimalLongitude, or geo=off to identify it by its look alone."
        )
        super().__init__(
            [FieldError(name, how) for name in ("decimalLatitude", "decimalLongitude")]
        )
        self.reason = reason
        self.args = (how,)


class UnknownUpload(InvalidInput):
    """No upload has this key: it is foreign, was never made, is answered already or has ended."""

    def __init__(self) -> None:
        super().__init__(
            [
                FieldError(
                    "upload",
                    "is no key of a photo that waits here: get one from POST /v1/uploads, send "
                    "the photo there within ten minutes, and ask once.",
                )
            ]
        )


class NotConfigured(RangefinderError):
    """The deployment lacks what the request asks for; ``setting`` would provide it."""

    def __init__(self, what: str, setting: str) -> None:
        super().__init__(f"This deployment has no {what}: {setting} is not set.")
        self.setting = setting


class InvalidSettings(RangefinderError):
    """The environment asks for what cannot be; every fault is listed at once."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("Invalid settings:\n" + "\n".join(f"  - {fault}" for fault in self.faults))


class Unavailable(RangefinderError):
    """A part that the answer needs cannot be reached or loaded."""


class FeaturesUnavailable(Unavailable):
    """The features of the place could not be obtained. A prediction goes on without them."""


class UploadsUnavailable(Unavailable):
    """The store of uploaded photos cannot be reached."""


class ModelUnavailable(Unavailable):
    """The model could not be loaded, so there is no prediction."""


class CacheUnavailable(RangefinderError):
    """The shared cache cannot be asked. Never reaches a visitor: all goes on without it."""

"""Requests to identify a photo, or something that pretends to be a photo."""

from typing import Final, NamedTuple

from tests.forms import FORM_TYPE, form

PLACE: Final = (("decimalLatitude", "-17.36"), ("decimalLongitude", "-56.78"))
"""The place of each request. Without it, a photo without EXIF is refused before decoding."""

ROOM_BYTES: Final = 4_500_000
"""The largest body that API Gateway passes on to Lambda."""

RAW: Final = "application/octet-stream"


class Upload(NamedTuple):
    """A ``POST /v1/predictions``; ``like`` names the honest photo to compare its time with."""

    name: str
    body: bytes
    content_type: str = FORM_TYPE
    query: str = ""
    like: str | None = None
    is_stored: bool = False
    """Whether the photo is in the bucket, and the body only has its key."""


def raw(name: str, photo: bytes, like: str | None = None) -> Upload:
    """Return an upload with the photo as its body."""
    query = "&".join(f"{field}={value}" for field, value in PLACE)
    return Upload(name, photo, RAW, f"?{query}", like)


def in_bucket(name: str, photo: bytes) -> Upload:
    """Return an upload with the photo in the bucket."""
    return Upload(name, photo, is_stored=True)


def in_form(name: str, photo: bytes, like: str | None = None) -> Upload:
    """Return an upload with the photo in a form."""
    return Upload(name, form(("photo", photo), *PLACE), like=like)

"""One request with a photo, or with what pretends to be one."""

from typing import Final, NamedTuple

from tests.forms import FORM_TYPE, form

PLACE: Final = (("decimalLatitude", "-17.36"), ("decimalLongitude", "-56.78"))
"""Said by the caller, so that nothing ends for want of a place before it is decoded."""

RAW: Final = "application/octet-stream"


class Upload(NamedTuple):
    """The body of ``POST /v1/predictions``; ``like`` names the honest photo to compare it with."""

    name: str
    body: bytes
    content_type: str = FORM_TYPE
    query: str = ""
    like: str | None = None


def raw(name: str, photo: bytes, like: str | None = None) -> Upload:
    """A photo as the body."""
    query = "&".join(f"{field}={value}" for field, value in PLACE)
    return Upload(name, photo, RAW, f"?{query}", like)


def in_form(name: str, photo: bytes, like: str | None = None) -> Upload:
    """A photo in a form."""
    return Upload(name, form(("photo", photo), *PLACE), like=like)

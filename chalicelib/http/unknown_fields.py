"""Fields that no request has: refused by name, with the field that was probably meant.

A field that is silently ignored gives a wrong answer: with ``lat`` in place of
``decimalLatitude``, the position in the photo would be used. Names that begin with ``_`` or
``x-`` are free for clients and libraries, and ignored.
"""

from collections.abc import Collection, Iterable
from itertools import islice
from typing import Final

from chalicelib.errors import FieldError
from chalicelib.http.body import JSON, PHOTO
from chalicelib.http.parameters import UPLOAD

FREE_PREFIXES: Final = ("_", "x-")
"""Prefixes of names that clients may use as they like, as ``_charset_`` and ``_`` do already."""

MAXIMUM_REPORTED: Final = 10
MAXIMUM_NAME_LENGTH: Final = 64

OTHER_NAMES: Final = {
    "lng": "decimalLongitude",
    "accuracy": "coordinateUncertaintyInMeters",
    "timestamp": "eventDate",
    "locale": "lang",
    "image": PHOTO,
    "img": PHOTO,
    "file": PHOTO,
    "picture": PHOTO,
}
"""Usual names of other services that do not resemble ours."""


def unknown_fields(
    names: Iterable[str], known: Collection[str], *, has_photo: bool
) -> list[FieldError]:
    """Return an error for each name that is neither known nor free.

    Args:
        names: The names of the fields in the request.
        known: The names of the fields that the request may have.
        has_photo: Whether a field may have been meant as the photo.
    """
    candidates = (*known, PHOTO) if has_photo else tuple(known)
    unknown = (
        name
        for name in names
        if name and name not in known and not name.lower().startswith(FREE_PREFIXES)
    )
    return [
        # Half a surrogate pair cannot be written as JSON.
        FieldError(name.encode("utf-8", "replace").decode(), _detail(name, known, candidates))
        for name in (name[:MAXIMUM_NAME_LENGTH] for name in islice(unknown, MAXIMUM_REPORTED))
    ]


def _detail(name: str, known: Collection[str], candidates: Collection[str]) -> str:
    if name == UPLOAD.name and PHOTO in candidates:
        return f"is not a field of this request. Send the key of an uploaded photo as {JSON}."
    nearest = _nearest(name, candidates)
    if nearest == PHOTO:
        return (
            "is not a field of this request. Send the photo in the form field `photo`, or as the "
            "body."
        )
    if nearest:
        return f"is not a field of this request. Did you mean `{nearest}`?"
    return f"is not a field of this request, which accepts {', '.join(known)}."


def _nearest(name: str, known: Collection[str]) -> str | None:
    """Return the known name that is most like ``name``, if there is one."""
    import difflib  # noqa: PLC0415 - no valid request needs it

    by_letters = {_letters(candidate): candidate for candidate in known}
    letters = _letters(name)
    if letters in by_letters:
        return by_letters[letters]
    if OTHER_NAMES.get(letters) in known:
        return OTHER_NAMES[letters]
    parts = [
        candidate
        for other, candidate in by_letters.items()
        if len(letters) > 2 and (letters in other or other in letters)
    ]
    similar = difflib.get_close_matches(letters, by_letters, 1)
    return next(iter(parts), by_letters[similar[0]] if similar else None)


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()

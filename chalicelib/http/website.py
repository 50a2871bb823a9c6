"""The page for people: ``GET /``, and the files it asks for under ``/assets/``.

They lie in ``chalicelib/website`` as they are served: no build step, no other host. A hash of
all of them is part of their address, so that a browser may keep them for good and never mixes
those of two deployments. They are read at the first visit: a prediction never pays for them.
"""

from functools import cache
from pathlib import Path
from string import Template
from typing import Final, NamedTuple

from chalice.app import Blueprint, Request, Response

from chalicelib.bootstrap import Services
from chalicelib.errors import NotFound, UploadsUnavailable
from chalicelib.http import caching, problems

DIRECTORY: Final = Path(__file__).parent.parent / "website"
INDEX: Final = "index.html"

CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Text, all of it: API Gateway would hand on bytes only for types that it holds for binary."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'{uploads}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""All that the page may do: nothing inline, nothing from elsewhere, in nobody's frame.

https://www.w3.org/TR/CSP3/. Large photos go to the uploads' bucket, where there is one.
"""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Website(NamedTuple):
    """The files by name, and the version that they have together."""

    files: dict[str, str]
    version: str


@cache
def website() -> Website:
    """What is served, read once."""
    import hashlib  # noqa: PLC0415 - as in caching.py

    files = {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(DIRECTORY.iterdir())
        if file.suffix in CONTENT_TYPES
    }
    content = "".join(f"{name}\0{text}\0" for name, text in files.items())
    return Website(files, hashlib.sha256(content.encode()).hexdigest()[:16])


def blueprint(services: Services) -> Blueprint:
    """The routes of the page."""
    routes = Blueprint(__name__)

    @routes.route("/", methods=["GET"])
    def page() -> Response:
        """The page."""
        return index(routes.current_request, services)

    @routes.route("/assets/{version}/{name}", methods=["GET"])
    def asset(version: str, name: str) -> Response:
        """What the page is made of."""
        return file(routes.current_request, version, name)

    return routes


@problems.handled
def index(request: Request, services: Services) -> Response:
    """``GET /``, asked for anew at each visit, as it names the version of all the rest.

    All references are relative, as a stage has a prefix (``/api/``). Asked for without its
    slash, the page would look for them in the wrong place: the visitor is sent on.
    """
    path = str((request.context or {}).get("path") or "/")
    if not path.endswith("/"):
        return Response("", status_code=308, headers={"Location": f"{path.rpartition('/')[2]}/"})
    found = website()
    return caching.cached(
        request,
        Template(found.files[INDEX]).substitute(
            version=found.version, maximum_photo_bytes=services.settings.maximum_photo_bytes
        ),
        CONTENT_TYPES[".html"],
        0,
        {**HEADERS, "Content-Security-Policy": policy(services)},
    )


@problems.handled
def file(request: Request, version: str, name: str) -> Response:
    """``GET /assets/{version}/{name}``. Raises ``NotFound``, for other versions as well."""
    found = website()
    if version != found.version or name == INDEX or name not in found.files:
        raise NotFound("The page has no such file, or none of this version any more.")
    content_type = CONTENT_TYPES[Path(name).suffix]
    return caching.cached(request, found.files[name], content_type, caching.YEAR, HEADERS)


def policy(services: Services) -> str:
    """The page's Content-Security-Policy."""
    try:
        uploads = services.uploads.origin()
    except UploadsUnavailable:
        uploads = ""
    return CONTENT_SECURITY_POLICY.format(uploads=f" {uploads}" if uploads else "")

"""The web page: ``GET /``, and its files under ``/assets/``.

The files are in ``chalicelib/website`` as they are served: no build step, no other host. Their
address has a hash of all of them, so that a browser can keep them for a year and never mixes two
deployments. The first visit reads them, so predictions do not pay for them.
"""

from functools import cache, partial
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
"""All files are text: API Gateway passes bytes on only for the types declared as binary."""

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'{uploads}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Permissions of the page: nothing inline, nothing from other hosts, no embedding in frames.

https://www.w3.org/TR/CSP3/. The one exception is the bucket for large photos, if there is one.
"""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Website(NamedTuple):
    """The files by name, and the version of all of them together."""

    files: dict[str, str]
    version: str


@cache
def website() -> Website:
    """Read all files, once."""
    import hashlib  # noqa: PLC0415 - as in caching.py

    files = {
        file.name: file.read_text(encoding="utf-8")
        for file in sorted(DIRECTORY.iterdir())
        if file.suffix in CONTENT_TYPES
    }
    content = "".join(f"{name}\0{text}\0" for name, text in files.items())
    return Website(files, hashlib.sha256(content.encode()).hexdigest()[:16])


def blueprint(services: Services) -> Blueprint:
    """Return the routes of the page."""
    routes = Blueprint(__name__)
    route = partial(problems.route, routes)

    @route("/", methods=["GET"])
    def page() -> Response:
        """Return the page."""
        return index(routes.current_request, services)

    @route("/assets/{version}/{name}", methods=["GET"])
    def asset(version: str, name: str) -> Response:
        """Return a file of the page."""
        return file(routes.current_request, version, name)

    return routes


def index(request: Request, services: Services) -> Response:
    """Answer ``GET /``. Browsers revalidate it at each visit, as it names the files' version.

    All references are relative, since a stage has a prefix (``/api/``). Without the final slash
    they would point to the wrong place, so such a request is redirected.
    """
    path = str((request.context or {}).get("path") or "/")
    if not path.endswith("/"):
        return Response("", status_code=308, headers={"Location": f"{path.rpartition('/')[2]}/"})
    site = website()
    return caching.cacheable_response(
        request,
        Template(site.files[INDEX]).substitute(
            version=site.version, maximum_photo_bytes=services.settings.maximum_photo_bytes
        ),
        CONTENT_TYPES[".html"],
        0,
        {**HEADERS, "Content-Security-Policy": policy(services)},
    )


def file(request: Request, version: str, name: str) -> Response:
    """Answer ``GET /assets/{version}/{name}``. Raises ``NotFound``, also for other versions."""
    site = website()
    if version != site.version or name == INDEX or name not in site.files:
        raise NotFound("The page has no such file in this version. Load the page again.")
    content_type = CONTENT_TYPES[Path(name).suffix]
    return caching.cacheable_response(
        request, site.files[name], content_type, caching.YEAR, HEADERS
    )


def policy(services: Services) -> str:
    """Return the page's Content-Security-Policy."""
    try:
        uploads = services.uploads.origin()
    except UploadsUnavailable:
        uploads = ""
    return CONTENT_SECURITY_POLICY.format(uploads=f" {uploads}" if uploads else "")

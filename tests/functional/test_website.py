"""The page and its files, as API Gateway gets them."""

import hashlib
import json
import re

import pytest
from chalice.app import Request
from msgspec.structs import replace

from chalicelib.bootstrap import Services
from chalicelib.errors import UploadsUnavailable
from chalicelib.http import website
from chalicelib.settings import Settings
from tests.fakes import FakeUploadStore
from tests.gateway import Answer, call, call_text, event

DOCUMENT = website.DIRECTORY.parent.parent / "docs" / "website.md"


def get(path: str, **headers: str) -> Answer:
    return call_text(event("GET", path, headers=headers))


def references() -> list[str]:
    """Return the addresses of the page's own files."""
    addresses = re.findall(r'(?:href|src)="([^"#]+)"', get("/").body)
    return [address for address in addresses if address.startswith("assets/")]


def test_the_page_has_only_the_permissions_that_it_needs():
    """No inline script or style, nothing from other hosts, no embedding in frames."""
    answer = get("/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert {
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    } <= set(policy)  # fmt: skip
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "geolocation=(self)" in answer.headers["Permissions-Policy"]
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=", answer.body)


def test_every_address_in_the_page_is_relative():
    """A stage has a prefix: https://host/api/."""
    for address in re.findall(r'(?:href|src)="([^"]+)"', get("/").body):
        assert not re.match(r"/|\w+:", address)


def test_the_page_is_revalidated_and_its_files_are_immutable():
    """Unchanged content is not sent again; changed files have another address."""
    page = get("/")
    assert "max-age=0" in page.headers["Cache-Control"]
    again = get("/", **{"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.body) == (304, "")
    for address in references():
        file = get(f"/{address}")
        assert file.status == 200
        assert "immutable" in file.headers["Cache-Control"]
        assert file.headers["X-Content-Type-Options"] == "nosniff"
        assert get(f"/{address}", **{"If-None-Match": file.headers["ETag"]}).status == 304


def test_the_page_names_every_module_so_that_all_are_fetched_at_once():
    """A browser would otherwise find them one after the other."""
    named = {address.rpartition("/")[2] for address in references()}
    served = set(website.website().files) - {"index.html", "countries-110m.json"}
    assert named == served


@pytest.mark.parametrize(
    "path", ["/assets/{}/nothing.js", "/assets/0000/main.js", "/assets/{}/index.html",
             "/assets/{}/LICENSE-world-atlas", "/assets/{}/%2e%2e", "/assets/{}/.."],
)  # fmt: skip
def test_other_names_and_other_versions_are_problems(path):
    """A file of another deployment would not fit the rest."""
    answer = call("GET", path.format(website.website().version))
    assert (answer.status, answer.body["type"]) == (404, "/v1/problems/not-found")


@pytest.mark.parametrize(("path", "target"), [("/api", "api/"), ("/base/path", "path/")])
def test_a_stage_without_its_slash_is_redirected(path, target):
    """Relative to https://host/api, `assets/` would be outside the stage."""
    request = event("GET", "/")
    request["requestContext"]["path"] = path
    answer = call_text(request)
    assert (answer.status, answer.headers["Location"]) == (308, target)


def services(**environment: str) -> Services:
    return Services.build(Settings.from_environment(environment))


def test_the_page_may_send_large_photos_to_the_bucket(monkeypatch):
    """Only the deployment's own bucket is allowed; finding its address needs no network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    policy = website.policy(services(RANGEFINDER_UPLOADS_BUCKET="large-photos"))
    assert re.search(r"connect-src 'self' https://large-photos\.s3\.[\w.-]*amazonaws\.com;", policy)
    assert "connect-src 'self';" in website.policy(services())


def test_the_page_works_without_its_bucket():
    """Only large photos do not work then."""

    class Broken(FakeUploadStore):
        def origin(self) -> str:
            raise UploadsUnavailable("gone")

    assert "connect-src 'self';" in website.policy(replace(services(), uploads=Broken()))


def test_the_page_knows_the_largest_photo():
    """It can then send larger photos to the bucket at once."""
    request = Request(event("GET", "/"), None)
    page = website.index(request, services(RANGEFINDER_MAXIMUM_PHOTO_BYTES="123456"))
    assert 'data-maximum-photo-bytes="123456"' in page.body


def test_third_party_files_are_as_published():
    """docs/website.md has their packages and SHA-256."""
    row = r"`([\w.-]+)` \| `[\w.-]+` [\d.]+ .*`([0-9a-f]{64})`"
    documented = re.findall(row, DOCUMENT.read_text(encoding="utf-8"))
    assert dict(documented) == {
        name: hashlib.sha256((website.DIRECTORY / name).read_bytes()).hexdigest()
        for name in ("countries-110m.json", "topojson-client.min.js")
    }


def test_the_map_has_land_and_countries():
    """The file is a TopoJSON topology."""
    topology = json.loads((website.DIRECTORY / "countries-110m.json").read_bytes())
    assert topology["type"] == "Topology"
    assert set(topology["objects"]) == {"countries", "land"}

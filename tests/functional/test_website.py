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
    """The addresses in the page, but for those of the service's own resources."""
    found = re.findall(r'(?:href|src)="([^"#]+)"', get("/").body)
    return [one for one in found if one.startswith("assets/")]


def test_the_page_may_do_only_what_it_must():
    """No inline script or style, nothing from elsewhere, in nobody's frame."""
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


def test_the_page_is_asked_for_anew_and_its_files_never_again():
    """What is unchanged is not sent again; what is changed has another address."""
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
    """Or a browser would find out one after the other."""
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
def test_a_stage_without_its_slash_is_sent_on(path, target):
    """Relative to https://host/api, `assets/` would be beside the stage and not in it."""
    asked = event("GET", "/")
    asked["requestContext"]["path"] = path
    answer = call_text(asked)
    assert (answer.status, answer.headers["Location"]) == (308, target)


def services(**environment: str) -> Services:
    return Services.build(Settings.from_environment(environment))


def test_the_page_may_send_large_photos_to_the_bucket(monkeypatch):
    """Where there is one, and only there; no network is needed to know it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    found = website.policy(services(RANGEFINDER_UPLOADS_BUCKET="large-photos"))
    assert re.search(r"connect-src 'self' https://large-photos\.s3\.[\w.-]*amazonaws\.com;", found)
    assert "connect-src 'self';" in website.policy(services())


def test_a_bucket_that_cannot_be_reached_takes_no_page_down():
    """Then large photos are what does not work."""

    class Broken(FakeUploadStore):
        def origin(self) -> str:
            raise UploadsUnavailable("gone")

    assert "connect-src 'self';" in website.policy(replace(services(), uploads=Broken()))


def test_the_page_knows_the_largest_photo():
    """So that larger ones take the other way at once."""
    request = Request(event("GET", "/"), None)
    found = website.index(request, services(RANGEFINDER_MAXIMUM_PHOTO_BYTES="123456"))
    assert 'data-maximum-photo-bytes="123456"' in found.body


def test_others_files_are_as_published():
    """docs/website.md has their packages and SHA-256."""
    row = r"`([\w.-]+)` \| `[\w.-]+` [\d.]+ .*`([0-9a-f]{64})`"
    documented = re.findall(row, DOCUMENT.read_text(encoding="utf-8"))
    assert dict(documented) == {
        name: hashlib.sha256((website.DIRECTORY / name).read_bytes()).hexdigest()
        for name in ("countries-110m.json", "topojson-client.min.js")
    }


def test_the_map_is_open_data_of_the_world():
    """A TopoJSON topology with the land and the countries."""
    topology = json.loads((website.DIRECTORY / "countries-110m.json").read_bytes())
    assert topology["type"] == "Topology"
    assert set(topology["objects"]) == {"countries", "land"}

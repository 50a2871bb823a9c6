"""The page in Chromium by way of the website's container: its configuration, Debian's nginx."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.visit import Visit
from tests.recording_api import RecordingApi, forward_to, recording_api
from tests.website import KEY, Website, website


@pytest.fixture(scope="module")
def api(base) -> Iterator[RecordingApi]:
    """Start a stage of API Gateway that records requests, before ``chalice local``."""
    with recording_api(forward_to(base)) as api:
        yield api


@pytest.fixture(scope="module")
def site(tmp_path_factory, api) -> Iterator[Website]:
    """Start the website in front of the stage."""
    with website(tmp_path_factory.mktemp("website"), api.url) as site:
        yield site


def test_a_visit_goes_through_the_website(browser, api, site):
    """The page comes from the website alone; the API gets the photo, its name, and the key."""
    before = len(api.received)
    with Visit.begin(browser, site.url) as visit:
        visit.upload("jaguar.jpg")
        visit.answer("Jaguar")
        expect(visit.sees("#range-status")).to_contain_text("Where jaguar occurs")
        expect(visit.sees("#geo")).to_contain_text("17.364° S")
        visit.look("website-container")
    assert {path.split("/")[1] for path in api.paths()} == {"v1"}
    asked = api.received[before:]
    (photo,) = (request for request in asked if request.path == "/v1/predictions")
    assert b"jaguar.jpg" in photo.body
    assert {request.headers["x-api-key"] for request in api.received} == {KEY}


def test_a_range_is_asked_for_once(browser, api, site):
    """The second visitor gets the range of the same animal without the API."""
    with Visit.begin(browser, site.url) as visit:
        visit.upload("koala.jpg")
        visit.answer("Koala")
        expect(visit.sees("#range-status")).to_contain_text("Where koala occurs")
    asked = [path for path in api.paths() if path.endswith("/range")]
    with Visit.begin(browser, site.url) as visit:
        visit.upload("koala.jpg")
        visit.answer("Koala")
        expect(visit.sees("#range-status")).to_contain_text("Where koala occurs")
    assert [path for path in api.paths() if path.endswith("/range")] == asked
    assert len(asked) == len(set(asked))


def test_a_place_reaches_the_service_but_no_log(browser, api, site):
    """The animals of a place are found; neither coordinates nor the key are in the log."""
    with Visit.begin(browser, site.url) as visit:
        visit.place(-24.0123, 31.4987)
        visit.press("Show the animals here")
        expect(visit.sees("#animals-hint")).to_contain_text("We expect")
    assert any("-24.0123" in path for path in api.paths())
    asked = httpx.get(f"{site.url}/v1/species?decimalLatitude=-24.0123&decimalLongitude=31.4987")
    assert site.line(asked.headers["x-request-id"])["route"] == "/v1/species"
    log = site.output.read_text(encoding="utf-8")
    for private in ("24.01", "31.49", KEY, "127.0.0.1"):
        assert private not in log

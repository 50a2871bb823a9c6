"""Caching headers and 304 responses."""

import pytest
from chalice.app import Request

from chalicelib.http.caching import HOUR, YEAR, cacheable_response


def request(**headers: str) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": None,
            "headers": {name.replace("_", "-"): value for name, value in headers.items()},
            "pathParameters": {},
            "requestContext": {"httpMethod": "GET", "resourcePath": "/"},
            "body": None,
            "stageVariables": {},
        }
    )


def test_an_answer_may_be_kept_and_has_a_strong_tag_of_its_content():
    """The same content has the same tag; other content has another tag."""
    first, again, other = (
        cacheable_response(request(), content, "text/plain", HOUR, {"Vary": "Origin"})
        for content in ("ä", "ä".encode(), "b")
    )
    assert (first.status_code, first.body) == (200, "ä")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert first.headers["Vary"] == "Origin"
    assert str(first.headers["ETag"])[0] == '"'
    assert first.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]


def test_what_never_changes_is_immutable():
    """A browser then does not revalidate it."""
    response = cacheable_response(request(), "a", "text/plain", YEAR)
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("given", ["{}", "W/{}", '"x,y", {}', "*"])
def test_a_client_that_has_it_gets_304_and_no_body(given):
    """The headers are those of the full response."""
    full = cacheable_response(request(), "a", "text/plain", HOUR)
    response = cacheable_response(
        request(If_None_Match=given.format(full.headers["ETag"])), "a", "text/plain", 60
    )
    assert (response.status_code, response.body) == (304, "")
    assert response.headers["ETag"] == full.headers["ETag"]


@pytest.mark.parametrize("given", ['"other"', "garbage", "", 'W/"', '"*"'])
def test_a_client_that_has_something_else_gets_all_of_it(given):
    """An invalid tag counts as another tag."""
    assert (
        cacheable_response(request(If_None_Match=given), "a", "text/plain", HOUR).status_code == 200
    )

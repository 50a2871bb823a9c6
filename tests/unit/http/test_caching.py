"""What need not be sent twice is not."""

import pytest
from chalice.app import Request

from chalicelib.http.caching import HOUR, YEAR, cached


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
    """The same content has the same tag; any other has another."""
    first, again, other = (
        cached(request(), content, "text/plain", HOUR, {"Vary": "Origin"})
        for content in ("ä", "ä".encode(), "b")
    )
    assert (first.status_code, first.body) == (200, "ä")
    assert first.headers["Cache-Control"] == "public, max-age=3600"
    assert first.headers["Vary"] == "Origin"
    assert str(first.headers["ETag"])[0] == '"'
    assert first.headers["ETag"] == again.headers["ETag"] != other.headers["ETag"]


def test_what_never_changes_is_immutable():
    """Then a browser does not even ask whether it has changed."""
    found = cached(request(), "a", "text/plain", YEAR)
    assert found.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("given", ["{}", "W/{}", '"x,y", {}', "*"])
def test_who_has_it_gets_304_and_no_body(given):
    """With the headers that the answer would have had."""
    full = cached(request(), "a", "text/plain", HOUR)
    found = cached(request(If_None_Match=given.format(full.headers["ETag"])), "a", "text/plain", 60)
    assert (found.status_code, found.body) == (304, "")
    assert found.headers["ETag"] == full.headers["ETag"]


@pytest.mark.parametrize("given", ['"other"', "garbage", "", 'W/"', '"*"'])
def test_who_has_something_else_gets_it_all(given):
    """Garbage included."""
    assert cached(request(If_None_Match=given), "a", "text/plain", HOUR).status_code == 200

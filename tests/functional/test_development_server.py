"""``chalice local`` with the patches that make it behave as API Gateway does."""

import pytest
from chalice import local

from chalicelib.http import dev_server


def test_the_greedy_route_gets_every_path_without_another_route():
    """API Gateway does the same, with any number of path segments."""
    matcher = dev_server.GreedyRouteMatcher(["/livez", dev_server.GREEDY])
    assert matcher.match_route("/livez").route == "/livez"
    match = matcher.match_route("/a/b/c?d=")
    assert (match.route, match.query_params) == (dev_server.GREEDY, {"d": [""]})
    with pytest.raises(ValueError, match="No matching route"):
        dev_server.GreedyRouteMatcher(["/livez"]).match_route("/a/b/c")


@pytest.mark.parametrize(
    ("headers", "body", "is_base64"),
    [
        ({"Content-Type": "image/jpeg"}, "/9j/", True),
        ({"content-type": "Image/JPEG; q=1"}, "/9j/", True),
        ({"Content-Type": "text/plain"}, "\ufffd\ufffd\ufffd", False),
        ({}, "\ufffd\ufffd\ufffd", False),
    ],
)
def test_a_body_is_text_unless_its_type_is_binary(headers, body, is_base64):
    """API Gateway destroys other bytes."""
    converter = dev_server.EventConverter(local.RouteMatcher(["/x"]), ["image/jpeg"])
    event = converter.create_lambda_event("POST", "/x", headers, b"\xff\xd8\xff")
    assert (event["body"], event.get("isBase64Encoded", False)) == (body, is_base64)


@pytest.mark.parametrize("path", ["/v1/species/inat%3A42/range", "/v1/species/inat:42/range"])
def test_parts_of_the_path_are_decoded(path):
    """As API Gateway does; browsers write a colon in either way."""
    converter = dev_server.EventConverter(local.RouteMatcher(["/v1/species/{taxonID}/range"]))
    event = converter.create_lambda_event("GET", path, {})
    assert event["pathParameters"] == {"taxonID": "inat:42"}


def test_a_request_is_logged_by_its_route():
    """An address may have a place in it, also where the path should end."""
    matcher = dev_server.GreedyRouteMatcher(["/v1/species", dev_server.GREEDY])
    converter = dev_server.EventConverter(matcher)
    assert converter.route("/v1/species?decimalLatitude=1") == "/v1/species"
    assert converter.route("/v1/species%3FdecimalLatitude=1") == dev_server.GREEDY
    assert dev_server.EventConverter(local.RouteMatcher([])).route("/x") == "-"


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *dev_server.OVERRIDDEN,
        (local, "RouteMatcher"),
        (local, "LambdaEventConverter"),
        (local, "LocalDevServer"),
    ],
)
def test_a_chalice_without_a_patched_name_is_an_error(monkeypatch, owner, name):
    """The message names it, instead of a server that silently lacks the patch."""
    for patched in ("RouteMatcher", "LambdaEventConverter", "LocalDevServer"):
        monkeypatch.setattr(local, patched, getattr(local, patched))
    monkeypatch.delattr(owner, name)
    with pytest.raises(RuntimeError, match=name):
        dev_server.patch_dev_server()

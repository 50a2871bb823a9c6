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
    ("owner", "name"),
    [
        (local, "RouteMatcher"),
        (local.ChaliceRequestHandler, "_send_http_response_with_body"),
    ],
)
def test_a_chalice_without_a_patched_name_is_an_error(monkeypatch, owner, name):
    """The message names it, instead of a server that silently lacks the patch."""
    for patched, attribute in (
        (local.ThreadedHTTPServer, "request_queue_size"),
        (local.ChaliceRequestHandler, "disable_nagle_algorithm"),
        (local.ChaliceRequestHandler, "_send_http_response_with_body"),
        (local, "RouteMatcher"),
    ):
        monkeypatch.setattr(patched, attribute, getattr(patched, attribute))
    monkeypatch.delattr(owner, name)
    with pytest.raises(RuntimeError, match=name):
        dev_server.patch_dev_server()

"""What the configuration in infra/website promises, with Debian's nginx and over sockets."""

import gzip
import json
import re
import socket
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from app import app
from chalicelib.http import website as page
from chalicelib.http.problems import CATALOGUE, TYPE_PREFIX
from chalicelib.settings import Settings
from tests import gateway
from tests.name_server import name_server
from tests.recording_api import Received, RecordingApi, Response, recording_api
from tests.website import CONFIGURATION, KEY, START, Website, environment, website
from tools import ROOT

PRIVATE = "decimalLatitude=51.4778&decimalLongitude=-0.0015"
CACHEABLE = {"Cache-Control": "public, max-age=3600", "ETag": '"a"'}
LAST = "Host: x\r\nConnection: close\r\n\r\n"
MOST_BYTES = 10 * 1024 * 1024
OF_THE_SERVER = {
    "accept-ranges", "connection", "content-length", "date", "last-modified", "server", "vary",
}  # fmt: skip
"""Headers that a server adds for itself."""


def answer(request: Received) -> Response:
    """Answer by the path: some answers may be cached, as they say themselves."""
    name = request.path.partition("?")[0].rpartition("/")[2]
    headers = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}
    if name == "cacheable":
        headers |= CACHEABLE | {"Date": "Sat, 01 Nov 2025 10:00:00 GMT"}
    elif name == "private":
        headers |= {"Cache-Control": "no-store"}
    elif name == "missing":
        return Response(404, headers, b'{"status": 404}')
    elif name == "large":
        return Response(200, headers | CACHEABLE, b'"' + b"x" * 100_000 + b'"')
    return Response(200, headers, b'{"answer": 1}')


@pytest.fixture(scope="module")
def api() -> Iterator[RecordingApi]:
    """Start a stage of API Gateway."""
    with recording_api(answer) as api:
        yield api


@pytest.fixture(scope="module")
def site(tmp_path_factory, api) -> Iterator[Website]:
    """Start the website before it."""
    with website(tmp_path_factory.mktemp("website"), api.url) as site:
        yield site


@pytest.fixture(autouse=True)
def forget(api):
    """Let each test count its own requests."""
    api.received.clear()
    api.begun.clear()


def raw(site: Website, request: bytes) -> bytes:
    """Send bytes, and return all that comes until the end."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def problem(response: httpx.Response) -> dict:
    """Return an error, after a look at what every error has."""
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    body = response.json()
    assert body["status"] == response.status_code
    assert body["requestId"] == response.headers["X-Request-Id"]
    if body["type"] != "about:blank":
        entry = CATALOGUE[body["type"].removeprefix(TYPE_PREFIX)]
        assert (body["status"], body["title"]) == (entry.status, entry.title)
    return dict(body)


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers of the page: those of any server, and CORS, are none of it."""
    return {
        name.lower(): value for name, value in headers.items()
        if name.lower() not in OF_THE_SERVER and not name.lower().startswith("access-control-")
    }  # fmt: skip


def test_the_page_is_the_one_of_the_api(site, api):
    """Its text and its headers are the same, the tag too; the API is not asked."""
    ours = httpx.get(site.url, headers={"Accept-Encoding": "identity"})
    theirs = gateway.call_text(gateway.event("GET", "/"))
    assert (ours.status_code, ours.text) == (200, theirs.body)
    assert own_headers(dict(ours.headers)) == own_headers(theirs.headers)
    again = httpx.get(site.url, headers={"If-None-Match": ours.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    packed = httpx.get(site.url, headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.text) == ("gzip", theirs.body)
    again = httpx.get(site.url, headers={"If-None-Match": packed.headers["ETag"]})
    assert again.status_code == 304
    assert api.received == []


def test_the_files_of_the_page_are_those_of_the_api(site, api):
    """Each is the same under the same address, compressed for those who want it."""
    version, files = page.website().version, page.website().files
    for name in set(files) - {page.INDEX}:
        address = f"/assets/{version}/{name}"
        ours = httpx.get(site.url + address, headers={"Accept-Encoding": "identity"})
        theirs = gateway.call_text(gateway.event("GET", address))
        assert (ours.status_code, ours.text) == (200, theirs.body), name
        expected = own_headers(theirs.headers) | {"etag": ours.headers["ETag"]}
        assert own_headers(dict(ours.headers)) == expected
        packed = httpx.get(site.url + address, headers={"Accept-Encoding": "gzip"})
        assert (packed.headers["Content-Encoding"], packed.text) == ("gzip", theirs.body)
        assert packed.headers["Vary"] == "Accept-Encoding"
    assert api.received == []


@pytest.mark.parametrize("name", [
    "{}/index.html", "{}/main.js.gz", "{}/LICENSE-world-atlas", "{}/nothing.js", "0000/main.js",
    "{}", "{}/", "{}/%2e%2e/%2e%2e/index.html", "{}/..%2f..%2f..%2fsettings.conf", "",
])  # fmt: skip
def test_nothing_else_is_served(site, name):
    """Neither files beside the page nor the settings, which have the key."""
    version = page.website().version
    answer = raw(site, f"GET /assets/{name.format(version)} HTTP/1.1\r\n{LAST}".encode())
    assert re.match(rb"HTTP/1.1 (404|400) ", answer)
    assert b"Content-Type: application/problem+json\r\n" in answer
    assert KEY.encode() not in answer


def test_the_page_has_the_bucket_and_the_limit_of_its_deployment(tmp_path, api):
    """As the service says them."""
    origin = "https://large-photos.s3.eu-central-1.amazonaws.com"
    with website(tmp_path, api.url, UPLOADS_ORIGIN=origin, MAXIMUM_PHOTO_BYTES="123456") as site:
        got = httpx.get(site.url)
    assert f"connect-src 'self' {origin};" in got.headers["Content-Security-Policy"]
    assert 'data-maximum-photo-bytes="123456"' in got.text


@pytest.mark.parametrize("route", [
    route for route in app.routes if route.startswith("/v1/") or route in
    ("/openapi.json", "/livez", "/readyz")
])  # fmt: skip
def test_every_route_of_the_api_is_forwarded_and_logged_by_its_name(site, api, route):
    """The log has the route as app.py declares it; neither its values nor the query."""
    path = re.sub(r"\{\w+\}", "abc-51.4778", route)
    got = httpx.post(f"{site.url}{path}?{PRIVATE}")
    assert got.json() == {"answer": 1}
    assert api.paths() == [f"{path}?{PRIVATE}"]
    line = site.line(got.headers["X-Request-Id"])
    assert (line["route"], line["method"], line["status"]) == (route, "POST", 200)
    assert "51.4778" not in site.output.read_text()


def test_the_page_itself_is_logged_by_its_routes(site):
    """These have no request identifier in the answer."""
    version = page.website().version
    for path, route in (
        ("/", "/"), (f"/assets/{version}/main.js", "/assets/{version}/{name}"), ("/x", "-"),
    ):  # fmt: skip
        httpx.get(site.url + path, headers={"X-Request-Id": f"{route.encode().hex()}-12345678"})
        assert site.line(f"{route.encode().hex()}-12345678")["route"] == route


@pytest.mark.parametrize("path", [
    "/v1/species/a%2Fb%3Ac:d/range?month=%31&lang=pt-BR", "/v1/cells/%E2%82%AC%20x", "//v1/model",
    "/v1//model", "/v1/cells/100%25", "/v1/cells/a+b;c=d", "/v1/model?", "/v1/model?a=b?c",
])  # fmt: skip
def test_an_address_goes_on_as_it_came(site, api, path):
    """Encoded slashes, colons and empty segments mean to the API what the client meant."""
    raw(site, f"GET {path} HTTP/1.1\r\n{LAST}".encode())
    assert api.paths() == [path]


@pytest.mark.parametrize("path", [
    "/v1/../../other/v1/model", "/../other", "/v1/%2e%2e/%2e%2e/other", "/v1/..%2f..%2fother",
    "/other", "/v1", "/api/v1/model", "/openapi.json/x",
])  # fmt: skip
def test_nothing_beside_the_api_is_forwarded(site, api, path):
    """No address leads to another stage."""
    raw(site, f"GET {path} HTTP/1.1\r\n{LAST}".encode())
    assert api.paths() == []


def test_the_api_gets_the_key_and_nothing_that_would_mislead_it(site, api):
    """Neither the client's key nor its credentials; API Gateway finds the API by its own host."""
    httpx.get(f"{site.url}/v1/private", headers={
        "x-api-key": "mine", "Authorization": "Basic eDp5", "Cookie": "a=b", "X-Request-Id": "?",
    })  # fmt: skip
    (request,) = api.received
    assert request.headers.get_all("x-api-key") == [KEY]
    assert request.headers.get_all("Host") == [f"127.0.0.1:{api.port}"]
    assert "Authorization" not in request.headers
    assert "Cookie" not in request.headers
    assert re.fullmatch("[0-9a-f]{32}", request.headers["X-Request-Id"])


def test_without_a_key_none_is_sent(tmp_path, api):
    """Not the client's either: what the cache keeps is for everyone."""
    with website(tmp_path, api.url, API_KEY="") as site:
        httpx.get(f"{site.url}/v1/private", headers={"x-api-key": "mine"})
    (request,) = api.received
    assert "x-api-key" not in request.headers


def test_a_request_keeps_the_identifier_of_its_client(site, api):
    """In the request to the API, in the answer and in the log."""
    identifier = "0b5ce6ff-5e0f-4c55-a5a7-6f2f3c7c1d2e"
    got = httpx.get(f"{site.url}/v1/private", headers={"X-Request-Id": identifier})
    assert got.headers["X-Request-Id"] == identifier
    assert api.received[0].headers.get_all("X-Request-Id") == [identifier]
    assert site.line(identifier)["apiStatus"] == "200"


def test_an_answer_is_kept_as_long_as_it_says(site, api):
    """It is asked for once, whoever asks and how; its date and its headers are the API's."""
    url = f"{site.url}/v1/cacheable"
    first, *others = [
        httpx.get(url),
        httpx.get(url, headers={"Accept-Encoding": "identity", "Cookie": "a=b"}),
        httpx.head(url),
    ]
    assert api.paths() == ["/v1/cacheable"]
    assert site.line(first.headers["X-Request-Id"])["cache"] == "MISS"
    for other in others:
        assert site.line(other.headers["X-Request-Id"])["cache"] == "HIT"
        assert other.headers["Date"] == first.headers["Date"] == "Sat, 01 Nov 2025 10:00:00 GMT"
        assert other.headers["Cache-Control"] == "public, max-age=3600"
        assert other.headers.get_list("X-Content-Type-Options") == ["nosniff"]
    known = httpx.get(url, headers={"If-None-Match": '"a"'})
    assert (known.status_code, known.content) == (304, b"")
    httpx.get(f"{url}?lang=de")
    assert api.paths() == ["/v1/cacheable", "/v1/cacheable?lang=de"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/private"), ("GET", "/v1/missing"), ("GET", "/v1/silent"),
                         ("POST", "/v1/cacheable")],
)  # fmt: skip
def test_nothing_else_is_kept(site, api, method, path):
    """Private answers, errors, answers that say nothing of it, and whatever is posted."""
    answers = [httpx.request(method, f"{site.url}{path}?{method}") for _ in range(2)]
    assert api.paths() == [f"{path}?{method}"] * 2
    kept = [file.read_bytes() for file in (site.state / "cache").rglob("*") if file.is_file()]
    assert not any(f"{path}?{method}".encode() in content for content in kept)
    assert answers[0].status_code == answers[1].status_code == (404 if "missing" in path else 200)


def test_one_answer_is_compressed_for_some_and_not_for_others(site, api):
    """The API is asked for it once, uncompressed."""
    packed = raw(site, f"GET /v1/large HTTP/1.1\r\nAccept-Encoding: gzip\r\n{LAST}".encode())
    assert b"content-encoding: gzip" in packed.lower()
    plain = raw(site, f"GET /v1/large HTTP/1.1\r\n{LAST}".encode())
    assert b"content-encoding" not in plain.lower()
    assert plain.endswith(b'"' + b"x" * 100_000 + b'"')
    assert api.paths() == ["/v1/large"]
    assert "Accept-Encoding" not in api.received[0].headers


def test_a_body_up_to_the_limit_of_api_gateway_passes(site, api):
    """10 MB; one byte more is refused before the API is asked, as API Gateway refuses it."""
    assert httpx.post(f"{site.url}/v1/private", content=bytes(MOST_BYTES)).status_code == 200
    assert len(api.received[0].body) == MOST_BYTES
    refused = httpx.post(f"{site.url}/v1/private", content=bytes(MOST_BYTES + 1))
    assert problem(refused)["type"] == "/v1/problems/photo-too-large"
    assert len(api.received) == 1


def test_a_body_of_unknown_length_has_the_same_limit(site, api):
    """It may come in chunks."""
    packed = gzip.compress(b"photo")
    headers = {"Content-Type": "image/jpeg", "Content-Encoding": "gzip"}
    assert httpx.post(f"{site.url}/v1/private", content=iter([packed]), headers=headers).is_success
    assert (api.received[0].body, api.received[0].headers["Content-Encoding"]) == (packed, "gzip")
    pieces = (b"x" * 65_536 for _ in range(MOST_BYTES // 65_536 + 1))
    assert httpx.post(f"{site.url}/v1/private", content=pieces).status_code == 413
    assert len(api.received) == 1


def test_a_photo_is_passed_on_while_it_arrives(site, api):
    """It is in no file, so nothing is left of it."""
    head = (
        b"POST /v1/private HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as client:
        client.sendall(head + b"first half")
        assert api.begun.wait(60)
        client.sendall(b"and second")
        assert client.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert api.received[0].body == b"first halfand second"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/", 405),
        ("PUT", "/", 405),
        ("GET", "/assets/0/main.js", 404),
    ],
)
def test_its_own_errors_are_problems(site, method, path, status):
    """As those of the API are."""
    got = httpx.request(method, f"{site.url}{path}")
    assert problem(got)["status"] == status
    assert ("Allow" in got.headers) == (status == 405)


def test_errors_of_the_api_stay_as_they_are(site):
    """The page reads them."""
    got = httpx.get(f"{site.url}/v1/missing")
    assert (got.status_code, got.json()) == (404, {"status": 404})


def test_an_api_that_is_gone_is_a_problem_and_no_secret(tmp_path):
    """Every error is without a log of its request, whose query has a place."""
    with recording_api(answer) as api:
        address = api.url
    with website(tmp_path, address) as site:
        assert problem(httpx.get(f"{site.url}/v1/species?{PRIVATE}"))["status"] == 502
        assert httpx.get(site.url).status_code == 200
        large = f"{site.url}/v1/species?{PRIVATE}"
        assert httpx.post(large, content=bytes(MOST_BYTES + 1)).status_code == 413
        assert problem(httpx.get(f"{large}&x={'y' * 20_000}"))["status"] == 414
        assert problem(httpx.get(large, headers={"x": "y" * 20_000}))["status"] == 400
        raw(site, f"GET /v1/species?{PRIVATE} HTTP/7.1\r\n\r\n".encode())
        raw(site, f"GET /v1/species?{PRIVATE} HTTP/1.1\r\nBad header\r\n\r\n".encode())
        raw(site, f"GET /v1/species%3F{PRIVATE} HTTP/1.0\r\n\r\n".encode())
        last = httpx.get(f"{site.url}/v1/species?{PRIVATE}", headers={"Referer": f"x?{PRIVATE}"})
        site.line(last.headers["X-Request-Id"])
        log = site.output.read_text(encoding="utf-8")
    assert {413, 414, 502} <= {
        json.loads(line)["status"] for line in log.splitlines() if line[0] == "{"
    }
    assert "51.4778" not in log
    assert KEY not in log


def test_one_visitor_cannot_use_up_the_key(tmp_path, api):
    """50 requests at once pass, a flood does not, whomever X-Forwarded-For names; the page stays.

    nginx believes that header only if it comes from a private address, as the load balancer's is.
    """
    with website(tmp_path, api.url, REQUESTS_PER_SECOND="1") as site, httpx.Client() as client:
        url = f"{site.url}/v1/private"
        answers = [
            client.get(url, headers={"X-Forwarded-For": f"198.51.100.{number}"})
            for number in range(200)
        ]
        statuses = [answer.status_code for answer in answers]
        assert set(statuses[:50]) == {200}
        refused = answers[statuses.index(429)]
        assert problem(refused)["title"] == "Too Many Requests"
        assert refused.headers["Retry-After"] == "1"
        assert client.get(site.url).status_code == 200
    assert len(api.received) == statuses.count(200)


def test_the_api_is_found_by_name_and_proves_it(tmp_path, certificates):
    """Over TLS, with the name that DNS led to; the host is that of the API."""
    with (
        recording_api(answer, certificates) as api,
        name_server() as servers,
        website(
            tmp_path, api.url, NAMESERVERS=servers, AUTHORITIES=str(certificates / "ca.pem")
        ) as site,
    ):  # fmt: skip
        assert httpx.get(f"{site.url}/v1/private").json() == {"answer": 1}
        assert api.received[0].headers["Host"] == f"localhost:{api.port}"


def test_an_api_that_another_authority_signed_is_not_asked(tmp_path, certificates):
    """It gets neither the photo nor the key."""
    with (
        recording_api(answer, certificates) as api,
        name_server() as servers,
        website(tmp_path, api.url, NAMESERVERS=servers) as site,
    ):
        assert httpx.post(f"{site.url}/v1/private", content=b"photo").status_code == 502
        assert api.received == []


def test_the_website_waits_longer_than_the_function_runs():
    """Otherwise an answer would be paid for and lost."""
    chalice = json.loads((ROOT / ".chalice/config.json").read_text())
    text = CONFIGURATION.read_text(encoding="utf-8")
    for name in ("proxy_read_timeout", "proxy_send_timeout"):
        (seconds,) = re.findall(rf"{name} (\d+)s;", text)
        assert int(seconds) > chalice["lambda_timeout"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_URL", ""), ("API_URL", "ftp://x/api"), ("API_URL", "https://x/api?y"),
        ("API_URL", 'https://x/api"; return 200'), ("API_URL", "https://x/api\nhttps://y/api"),
        ("API_KEY", 'abc"; return 200 "'), ("API_KEY", "abc$request_uri"), ("API_KEY", "a\nb"),
        ("LISTEN", "http"), ("LISTEN", "80; autoindex on"), ("UPLOADS_ORIGIN", "https://x/y"),
        ("UPLOADS_ORIGIN", "x; script-src *"), ("MAXIMUM_PHOTO_BYTES", "5 MB"),
        ("AUTHORITIES", "ca.pem; x"), ("REQUESTS_PER_SECOND", "0"), ("NAMESERVERS", "dns;"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_before_anything_is_served(tmp_path, name, value):
    """In one line that names it, and never says the key."""
    given = environment("https://x/api", tmp_path / "state", 1) | {name: value}
    done = subprocess.run([START], env=given, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert name in done.stderr
    assert done.stdout == ""
    if name == "API_KEY":
        assert value not in done.stderr
    assert not (tmp_path / "state").exists()


def test_the_defaults_are_those_of_the_service():
    """The page says the largest photo without being told."""
    (default,) = re.findall(r"MAXIMUM_PHOTO_BYTES:=(\d+)\}", START.read_text(encoding="utf-8"))
    assert int(default) == Settings.from_environment({}).maximum_photo_bytes

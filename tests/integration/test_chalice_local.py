"""``chalice local`` in a process of its own, called by the real curl and over sockets."""

import gzip
import json
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.samples import DIRECTORY, SAMPLES
from tools.show.serving import serving


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the server logs to."""
    return tmp_path_factory.mktemp("local") / "log"


@pytest.fixture(scope="module")
def base(log) -> Iterator[str]:
    """Start ``chalice local`` and return its address."""
    with serving(log=log) as url:
        yield url


def curl(*arguments: str) -> tuple[int, str, dict]:
    """Run curl and return the status, the content type and the parsed JSON."""
    command = ["curl", "-sS", "-w", "\n%{http_code} %{content_type}", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body, _, status = output.rpartition("\n")
    code, media_type = status.split(" ", 1)
    return int(code), media_type, json.loads(body)


def test_curl_uploads_a_form(base):
    """A photo in a form, as the README shows it, is identified with its place."""
    status, media_type, body = curl(
        "-F", f"photo=@{DIRECTORY}/giant-panda.jpg", f"{base}/v1/predictions"
    )
    assert (status, media_type) == (200, "application/json")
    assert body["predictions"][0]["taxon"]["scientificName"] == "Ailuropoda melanoleuca"
    assert body["geo"]["status"] == "applied"


def test_curl_uploads_a_raw_body(base):
    """A photo as the body, with fields in the query string, is identified."""
    status, _, body = curl(
        "--data-binary", f"@{DIRECTORY}/koala.heic", "-H", "Content-Type: image/heic",
        f"{base}/v1/predictions?limit=1",
    )  # fmt: skip
    assert status == 200
    names = [prediction["taxon"]["vernacularName"] for prediction in body["predictions"]]
    assert names == ["koala"]


def test_the_second_lookup_of_a_place_is_served_from_memory(base):
    """The second species list of a place names the memory cache as its source."""
    url = f"{base}/v1/species?decimalLatitude=46.9&decimalLongitude=103.8"
    sources = [curl(url)[2]["geo"]["source"] for _ in range(2)]
    assert sources == ["embedded", "memory"]


JSON = ["-d", "{}", "-H", "Content-Type: application/json"]
TEXT = ["-H", "Content-Type: text/plain", "-d", "hello"]


def photo(file: str) -> list[str]:
    """Return curl's arguments to send a sample as a form."""
    return ["-F", f"photo=@{DIRECTORY}/{file}"]


@pytest.mark.parametrize(
    ("arguments", "path", "status", "name"),
    [
        ([], "/nowhere/at/all", 404, "not-found"),
        (["-X", "PUT"], "/v1/model", 405, "method-not-allowed"),
        (JSON, "/v1/predictions", 422, "invalid-input"),
        (TEXT, "/v1/predictions", 415, "unsupported-media-type"),
        (["-F", "other=1"], "/v1/predictions", 422, "invalid-input"),
        (photo("sheep-without-gps.jpg"), "/v1/predictions", 422, "location-required"),
        (photo("samples.csv"), "/v1/predictions?geo=off", 415, "unsupported-media-type"),
    ],
)
def test_errors_are_problem_documents(base, arguments, path, status, name):
    """Errors have the status, the media type and the problem type that the contract gives."""
    code, media_type, body = curl(*arguments, base + path)
    assert (code, media_type) == (status, "application/problem+json")
    assert body["type"] == f"/v1/problems/{name}"


def test_a_photo_above_the_limit_is_refused(base, tmp_path):
    """The limit of Lambda also applies here, where the development server would take any size."""
    large = tmp_path / "large.jpg"
    large.write_bytes(SAMPLES["jaguar.jpg"].content + b"\0" * 5_000_000)
    status, _, body = curl("-F", f"photo=@{large}", f"{base}/v1/predictions")
    assert status == 413
    assert (body["limit"], body["unit"]) == (4_700_000, "bytes")


def test_forty_concurrent_uploads_get_their_answers(base):
    """Each of forty uploads at once gets the animal of its own photo."""
    samples = ["giant-panda.jpg", "jaguar.jpg", "koala.jpg", "bison.jpg"] * 10

    def visit(file: str) -> tuple[int, str]:
        status, _, body = curl("-F", f"photo=@{DIRECTORY}/{file}", f"{base}/v1/predictions")
        return status, body["predictions"][0]["taxon"]["taxonID"]

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(visit, samples))
    assert answers == [(200, SAMPLES[file].taxon_id) for file in samples]


def test_a_page_of_another_origin_may_read_the_answer(base):
    """Responses allow every origin (CORS)."""
    command = ["curl", "-sS", "-i", f"{base}/livez"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "access-control-allow-origin: *" in answer.lower()


def test_large_responses_are_compressed_on_request(base):
    """A large response is compressed if the client accepts gzip; a small response never is."""
    species = f"{base}/v1/species?decimalLatitude=51.5&decimalLongitude=-0.1"

    def head(*arguments: str) -> str:
        command = ["curl", "-sS", "-D", "-", "-o", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.lower()

    assert "content-encoding: gzip" in head("--compressed", species)
    assert "content-encoding" not in head(species)
    assert "content-encoding" not in head("--compressed", f"{base}/livez")
    plain = subprocess.run(["curl", "-sS", species], check=True, capture_output=True).stdout
    unpacked = ["curl", "-sS", "--compressed", species]
    assert (
        json.loads(subprocess.run(unpacked, check=True, capture_output=True).stdout)["species"]
        == json.loads(plain)["species"]
    )


PREDICT = b"POST /v1/predictions?limit=1 HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\n"
NEXT = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
JAGUAR = SAMPLES["jaguar.jpg"].content
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def sent(base: str, *requests: bytes) -> bytes:
    """Send bytes over one connection; return all that comes until its end."""
    with socket.create_connection(("127.0.0.1", urlsplit(base).port or 0), timeout=60) as client:
        for request in requests:
            client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def exchange(base: str, *requests: bytes) -> list[tuple[int, bytes]]:
    """Send bytes over one connection; return status and body of each response."""
    received = sent(base, *requests)
    responses = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        responses.append((int(lines[0].split()[1]), received[:length]))
        received = received[length:]
    return responses


def chunked(body: bytes, size: int = 10_000) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def with_length(body: bytes, *headers: bytes) -> bytes:
    lines = [*headers, b"Content-Length: %d" % len(body)]
    return PREDICT + b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_a_chunked_photo_is_read_and_the_next_request_follows(base):
    """The chunks are decoded, and the connection serves the next request."""
    request = PREDICT + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(JAGUAR)
    (status, body), following = exchange(base, request, NEXT)
    assert status == 200
    assert json.loads(body)["predictions"][0]["taxon"]["vernacularName"] == "jaguar"
    assert following == (200, b'{"live":true}')


def test_curl_streams_a_chunked_photo(base):
    """Curl sends a body of unknown length in chunks, and gets its prediction."""
    status, _, body = curl(
        "-T", f"{DIRECTORY}/jaguar.jpg", "-X", "POST", "-H", "Transfer-Encoding: chunked",
        "-H", "Content-Type: image/jpeg", f"{base}/v1/predictions?limit=1",
    )  # fmt: skip
    assert (status, body["photo"]["format"]) == (200, "JPEG")


def test_a_compressed_photo_is_read(base):
    """API Gateway decompresses requests, whatever the settings say of responses."""
    body = gzip.compress(JAGUAR)
    (status, _), following = exchange(base, with_length(body, b"Content-Encoding: gzip"), NEXT)
    assert (status, following[0]) == (200, 200)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (PREDICT + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\nabc", 400),
        (PREDICT + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
        (PREDICT + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (PREDICT + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
        (PREDICT + b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (PREDICT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (PREDICT + b"Content-Length: 99999999999\r\n\r\n", 413),
        (PREDICT + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
        (with_length(gzip.compress(bytes(11_000_000)), b"Content-Encoding: gzip"), 413),
        (with_length(b"abc", b"Content-Encoding: gzip"), 415),
        (with_length(b"abc", b"Content-Encoding: br"), 415),
        (b"GET /livez HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 40\r\n\r\n", 400),
    ],
)
def test_an_unclear_or_large_body_ends_the_connection(base, request_bytes, status):
    """The connection ends after one problem: nothing that follows is taken for a request."""
    ((answered, body),) = exchange(base, request_bytes + SMUGGLED)
    problem = json.loads(body)
    assert (answered, problem["status"]) == (status, status)
    assert problem["type"].startswith("/v1/problems/")
    assert "uploads" not in problem


def test_curl_reads_the_refusal_of_a_body_that_it_still_sends(base, tmp_path):
    """A client that still sends gets the response before the connection is cut."""
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(30_000_000))
    status, media_type, _ = curl("-F", f"photo=@{large}", "-H", "Expect:", f"{base}/v1/predictions")
    assert (status, media_type) == (413, "application/problem+json")


@pytest.mark.parametrize("content_type", ["image/jpg", "binary/octet-stream", None])
def test_raw_photos_are_read_as_by_api_gateway(base, content_type):
    """Other names of types are read, as is curl's default, application/x-www-form-urlencoded."""
    header = ["-H", f"Content-Type: {content_type}"] if content_type else []
    status, _, _ = curl(
        "--data-binary", f"@{DIRECTORY}/jaguar.jpg", *header, f"{base}/v1/predictions"
    )
    assert status == 200


def test_a_photo_without_a_type_is_destroyed_as_by_api_gateway(base):
    """Without a Content-Type, a photo arrives as text here too; the problem says what to send."""
    status, _, body = curl(
        "--data-binary", f"@{DIRECTORY}/jaguar.jpg", "-H", "Content-Type:", f"{base}/v1/predictions"
    )
    assert (status, "Send a Content-Type" in body["detail"]) == (415, True)


def test_curl_asks_for_the_head_alone(base):
    """HEAD answers without a body, and the connection serves the next request."""
    command = ["curl", "-sS", "-I", f"{base}/v1/model", "--next", "-sS", f"{base}/livez"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
    assert answer.startswith("HTTP/1.1 200")
    assert "etag:" in answer.lower()
    assert "x-content-type-options: nosniff" in answer.lower()
    assert answer.endswith('{"live":true}')


def test_a_preflight_may_be_kept(base):
    """A browser may keep the result of a preflight for two hours."""
    command = ["curl", "-sS", "-i", "-X", "OPTIONS", f"{base}/v1/predictions"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.lower()
    assert "access-control-max-age: 7200" in answer


def test_no_place_is_logged(base, log):
    """The log has no coordinates, whether the request line is valid or not."""
    place = "decimalLatitude=51.987654&decimalLongitude=-0.123456"
    for path in (f"/v1/species?{place}", f"/v1/species%3F{place}", f"/51.987654?{place}"):
        curl(f"{base}{path}")
    for line in ("GET %s HTTP/9.9.9", "GET %s and more HTTP/1.1", "TRACE %s HTTP/1.1", "GET %s"):
        sent(base, (line % f"/v1/species?{place}").encode() + b"\r\n\r\n")
    sent(base, b"51.987654 /livez HTTP/1.1\r\n\r\n")
    text = log.read_text()
    assert '"GET /v1/species" 200' in text
    assert "51.98" not in text
    assert "0.1234" not in text

"""``chalice local`` in a process of its own, called by the real curl."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.samples import DIRECTORY, SAMPLES
from tools.show.serving import serving


@pytest.fixture(scope="module")
def base():
    """Start ``chalice local`` and return its address."""
    with serving() as url:
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
    url = f"{base}/v1/species?decimalLatitude=51.5&decimalLongitude=-0.1"
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

"""``chalice local`` in a process of its own, asked by real curl."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.samples import DIRECTORY, SAMPLES
from tools.show.serving import serving


@pytest.fixture(scope="module")
def base():
    with serving() as url:
        yield url


def curl(*arguments: str) -> tuple[int, str, dict]:
    """Status, content type and JSON of what curl gets."""
    command = ["curl", "-sS", "-w", "\n%{http_code} %{content_type}", *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    body, _, status = output.rpartition("\n")
    code, media_type = status.split(" ", 1)
    return int(code), media_type, json.loads(body)


def test_curl_uploads_a_form(base):
    """As the README shows."""
    status, media_type, body = curl(
        "-F", f"photo=@{DIRECTORY}/giant-panda.jpg", f"{base}/v1/predictions"
    )
    assert (status, media_type) == (200, "application/json")
    assert body["predictions"][0]["taxon"]["scientificName"] == "Ailuropoda melanoleuca"
    assert body["geo"]["status"] == "applied"


def test_curl_uploads_a_raw_body(base):
    """With the fields in the address."""
    status, _, body = curl(
        "--data-binary", f"@{DIRECTORY}/koala.heic", "-H", "Content-Type: image/heic",
        f"{base}/v1/predictions?limit=1",
    )  # fmt: skip
    assert status == 200
    assert [one["taxon"]["vernacularName"] for one in body["predictions"]] == ["koala"]


def test_the_second_visitor_of_a_place_is_served_from_memory(base):
    """That is what carries a crowd."""
    url = f"{base}/v1/species?decimalLatitude=51.5&decimalLongitude=-0.1"
    sources = [curl(url)[2]["geo"]["source"] for _ in range(2)]
    assert sources == ["embedded", "memory"]


JSON = ["-d", "{}", "-H", "Content-Type: application/json"]
TEXT = ["-H", "Content-Type: text/plain", "-d", "hello"]


def photo(file: str) -> list[str]:
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
def test_faults_are_problems_here_as_on_lambda(base, arguments, path, status, name):
    """The same status, media type and type."""
    found, media_type, body = curl(*arguments, base + path)
    assert (found, media_type) == (status, "application/problem+json")
    assert body["type"] == f"/v1/problems/{name}"


def test_a_photo_above_the_limit_is_refused(base, tmp_path):
    """The development server would take any size; Lambda does not, so neither do we."""
    large = tmp_path / "large.jpg"
    large.write_bytes(SAMPLES["jaguar.jpg"].content + b"\0" * 5_000_000)
    status, _, body = curl("-F", f"photo=@{large}", f"{base}/v1/predictions")
    assert status == 413
    assert (body["limit"], body["unit"]) == (4_700_000, "bytes")


def test_a_burst_of_uploads_loses_none(base):
    """Forty visitors at once, each with the right answer."""
    samples = ["giant-panda.jpg", "jaguar.jpg", "koala.jpg", "bison.jpg"] * 10

    def visit(file: str) -> tuple[int, str]:
        status, _, body = curl("-F", f"photo=@{DIRECTORY}/{file}", f"{base}/v1/predictions")
        return status, body["predictions"][0]["taxon"]["taxonID"]

    with ThreadPoolExecutor(40) as visitors:
        found = list(visitors.map(visit, samples))
    assert found == [(200, SAMPLES[file].taxon_id) for file in samples]


def test_a_page_of_another_origin_may_ask(base):
    """Cross-origin requests are part of being an API for websites."""
    command = ["curl", "-sS", "-i", f"{base}/livez"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "access-control-allow-origin: *" in answer.lower()


def test_answers_are_compressed_from_a_thousand_bytes_on(base):
    """For who takes it, as API Gateway does by .chalice/config.json."""
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

"""Send hostile uploads to the deployed entry point. ``make fuzz`` sends more and times them."""

import json
import subprocess
import sys
from itertools import islice

import pytest

from app import app
from chalicelib.http.body import JSON
from chalicelib.http.problems import MEDIA_TYPE
from fuzz import files, limits_exif, limits_heif
from fuzz.attacks import attacks
from fuzz.bucket import KEY, holding
from fuzz.limits_stored import stored
from fuzz.mutations import mutants
from fuzz.uploads import Upload, raw
from tests.forms import FORM_TYPE, form
from tests.gateway import Answer, call, event
from tests.samples import SAMPLES
from tools import ROOT

BROKEN_EXIF = b"Exif\0\0II*\0\xff\xff\xff\xff"
WITHOUT_EXIF = files.encode(files.picture(), "JPEG")

EXPECTED = {
    "JPEG: 65,500 pixels a side": 413,
    "JPEG: 5,000 scans": 413,
    "PNG: 2 billion pixels a side": 413,
    "PNG: 20,000 pixels a side, one bit each": 413,
    "WebP: a canvas of 16,384 pixels a side": 413,
    "HEIC: says 65,535 pixels a side": 413,
    "JPEG: a profile of 3 MB": 200,
    "JPEG: the first 5.0%": 422,
    "JPEG: the first 90.0%": 200,
    "PNG: texts that unfold to gigabytes": 200,
    "form: 10,000 parts": 400,
    "form: 100,000 headers": 400,
    "type: a JPEG that calls itself a form": 400,
    "type: a form that calls itself a JPEG": 415,
    "JPEG: arithmetic progressive, 64 megapixels, 50 scans": 422,
    "JPEG: 50 scans of runs over 64 megapixels": 413,
    "JPEG: 50 scans behind ends in comments": 413,
    "PNG: 1x40,000,000, one bit": 413,
    "PNG: 1x27,000,000, RGBA": 413,
    "PNG: 48 megapixels of 48 bits": 413,
    "WebP: 65,536 groups": 422,
    "WebP: 30,000 groups": 413,
    "EXIF in a JPEG: 600 texts over 65 kB": 200,
    "EXIF in a PNG: 600 texts over 4.4 MB": 200,
    "EXIF in a WebP: 600 texts over 4.4 MB": 200,
    "EXIF in a HEIC: 600 texts over 4.4 MB": 200,
    "XMP in a PNG that unfolds to 50 MB": 200,
}


def send(upload: Upload) -> Answer:
    headers = {"Content-Type": upload.content_type}
    return call("POST", f"/v1/predictions{upload.query}", upload.body, headers)


def answered(upload: Upload) -> int:
    """Send the upload, check the answer, and return its status."""
    answer = send(upload)
    if answer.status == 200:
        scores = [prediction["score"] for prediction in answer.body["predictions"]]
        assert all(0 <= score <= 1 for score in scores), upload.name
        return answer.status
    assert answer.status in (400, 413, 415, 422), upload.name
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    return answer.status


def test_every_attack_gets_the_status_of_its_fault():
    """Bombs are too large, truncated photos are unreadable, and odd photos are read."""
    statuses = {upload.name: answered(upload) for upload in attacks()}
    assert statuses.items() >= EXPECTED.items()
    assert {statuses[name] for name, _ in limits_heif.refused()} <= {413, 415, 422}


def test_photos_in_the_bucket_are_answered_and_gone():
    """They may be five times as long as a body. ``make fuzz`` sends them all."""
    every_fifth = list(islice(stored(), 0, None, 5))
    for name, photo in every_fifth:
        asked = json.dumps({"upload": KEY, "geo": "off"}).encode()
        with holding(photo) as bucket:
            answer = call("POST", "/v1/predictions", asked, {"Content-Type": JSON})
            assert answer.status in (200, 413, 415, 422), name
            assert not bucket.photos, name
    assert len(every_fifth) > 5


def test_mutants_are_answered():
    """These are 300 mutants of ``make fuzz``, with another seed."""
    for upload in mutants(seed=7, count=300):
        answered(upload)


@pytest.mark.parametrize(
    ("photo", "fault"),
    [
        (files.insert(WITHOUT_EXIF, files.segment(0xE1, BROKEN_EXIF)), "unreadable"),
        (SAMPLES["sheep-without-gps.jpg"].content, "noPosition"),
        (WITHOUT_EXIF, "absent"),
        (files.sample().replace(b"S\0\0\0", b"X\0\0\0", 1), "invalidPosition"),
        *((photo, "unreadable") for _, photo in limits_exif.unreadable()),
    ],
)  # fmt: skip
def test_an_exif_fault_is_reported_and_costs_no_prediction(photo, fault):
    """The answer names the fault in a machine-readable word and uses the place of the request."""
    answer = send(raw("", photo))
    assert answer.status == 200
    assert answer.body["location"]["source"] == "request"
    assert answer.body["location"]["exif"] == fault


def test_the_answer_marks_a_truncated_photo():
    """A complete photo has no such mark."""
    whole = files.sample()
    for photo, is_truncated in ((whole, False), (whole[: int(len(whole) * 0.8)], True)):
        answer = send(raw("", photo))
        assert answer.body["photo"]["truncated"] is is_truncated
        assert answer.body["predictions"][0]["taxon"]["vernacularName"] == "jaguar"


@pytest.mark.parametrize("body", ["not base64", "é", "A"])
def test_an_event_whose_body_is_not_base64_is_malformed(body):
    """A caller that may invoke the function can send such an event."""
    wrong = event("POST", "/v1/predictions", b"x", {"Content-Type": FORM_TYPE}) | {"body": body}
    assert app(wrong, None)["statusCode"] == 400


@pytest.mark.parametrize("text", ["\ud800", "\0", "9" * 9_000, "%", "é" * 500])
def test_any_text_in_an_address_is_refused_in_json(text):
    """Halves of surrogate pairs are refused, too, in parameters and in paths."""
    for path in ("/v1/species", "/v1/problems/x"):
        asked = event("GET", path)
        asked["multiValueQueryStringParameters"] = {"decimalLatitude": [text], text: ["1"]}
        if asked["pathParameters"]:
            asked["pathParameters"] = {"name": text}
        assert app(asked, None)["statusCode"] in (404, 422)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "x" * 10_000},
        {"Content-Type": "\udcff\0"},
        {"Content-Type": f"{FORM_TYPE}; {'a=b; ' * 2_000}"},
        {f"X-{number}": "y" * 100 for number in range(500)},
    ],
)
def test_headers_of_any_size_are_answered(headers):
    """API Gateway limits headers to 10 KB, but the service does not rely on it."""
    answer = call("POST", "/v1/predictions", form(("photo", b"x")), headers)
    assert answer.status in (400, 415)


def test_any_directory_of_files_can_be_sent(tmp_path):
    """``make fuzz PHOTOS=directory`` counts all files, photos or not, by status and format."""
    (tmp_path / "photo.jpg").write_bytes(files.sample())
    (tmp_path / "cut.jpg").write_bytes(files.sample()[:9_000])
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "text.heic").write_text("no photo")
    done = subprocess.run(
        [sys.executable, "-m", "fuzz", "--photos", tmp_path],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "3 uploads: 1 x 200, 1 x 415, 1 x 422" in done.stdout
    assert "| 200 | JPEG | 1 | " in done.stdout
    assert f"| photo.jpg | {len(files.sample()):,} |" in done.stdout
    assert "| 415 | a text | 1 | " in done.stdout
    assert "| cut.jpg | 9,000 |" in done.stdout
    assert "OUT OF BOUNDS" not in done.stdout

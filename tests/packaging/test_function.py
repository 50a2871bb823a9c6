"""Test that the package, run as on Lambda, answers like the service from its sources."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.runtime.lazy_imports import LAZY_MODULES
from tests import gateway
from tests.forms import FORM_TYPE, form
from tests.gateway import event
from tests.lambda_runtime import Function, FunctionError, running
from tests.samples import SAMPLES

JAGUAR = SAMPLES["jaguar.jpg"].content
PREDICTIONS = "/v1/predictions"
IN_THE_FORM = {"Content-Type": FORM_TYPE}

VARYING_MEMBERS = {"predictionId", "timings", "requestId"}

PROBE = """
import sys
from types import ModuleType
from app import app


def modules(event, context):
    answer = app(event, context)
    # A lazy module that is not loaded yet has another class.
    loaded = (name for name, module in sys.modules.items() if type(module) is ModuleType)
    return {"status": answer["statusCode"], "modules": sorted(loaded)}
"""

NOT_LOADED = {
    "boto3", "botocore.session", "botocore.client", "pi_heif", "redis", "pymysql",
    "alembic", "bench", "tools", "tests", "matplotlib", "sqlalchemy", "ml_dtypes", "google",
    "tqdm", "importlib.metadata", "hashlib", "asyncio", "multiprocessing", "unittest",
    "numpy.random", "numpy.testing", "PIL.PngImagePlugin", "PIL.GifImagePlugin",
    "shutil", "selectors", "jmespath", "typing_extensions", *LAZY_MODULES,
}  # fmt: skip


@pytest.fixture(scope="module")
def function(unpacked, runtime) -> Iterator[Function]:
    """A running function from the package."""
    with running(unpacked, runtime) as started:
        yield started


def answers(function: Function, *request: Any) -> tuple[int, dict]:
    """Return status and body, without the members that differ between predictions."""
    answer = function.invoke(event(*request))
    return answer["statusCode"], _stable(json.loads(answer["body"]))


def from_source(*request: Any) -> tuple[int, dict]:
    """Return the same from the app in this process."""
    answer = gateway.call(*request)
    return answer.status, _stable(answer.body)


def _stable(body: dict) -> dict:
    if "geo" in body:
        body["geo"].pop("source", None)  # the second answer may come from memory
    return {name: value for name, value in body.items() if name not in VARYING_MEMBERS}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_sample_is_answered_as_from_source(function, sample):
    """The package lacks nothing that a photo of any format needs."""
    request_parts = ("POST", PREDICTIONS, sample.content, {"Content-Type": sample.media_type})
    status, body = answers(function, *request_parts)
    assert (status, body) == from_source(*request_parts)
    assert status in (200, 422)


@pytest.mark.parametrize(
    ("status", "request_parts"),
    [
        (200, ("POST", PREDICTIONS, form(("photo", JAGUAR), ("limit", "3")), IN_THE_FORM)),
        (413, ("POST", PREDICTIONS, bytes(4_800_000), {"Content-Type": "image/jpeg"})),
        (415, ("POST", PREDICTIONS, b"garbage" * 99, {"Content-Type": "image/jpeg"})),
        (400, ("POST", PREDICTIONS, form(("photo", JAGUAR))[:-200], IN_THE_FORM)),
        (404, ("GET", "/v1/nowhere/at/all")),
        (405, ("PUT", "/livez")),
        (200, ("GET", "/v1/species?decimalLatitude=-17.36&decimalLongitude=-56.78&limit=5")),
        (200, ("GET", "/v1/model")),
        (200, ("GET", "/readyz")),
        (501, ("POST", "/v1/uploads", b'{"contentType": "image/jpeg"}', None)),
    ],
)  # fmt: skip
def test_every_request_is_answered_as_from_source(function, status, request_parts):
    """The package answers forms, invalid requests and other resources like the sources."""
    if request_parts[1] == "/v1/uploads":
        request_parts = (*request_parts[:3], {"Content-Type": "application/json"})
    answer = answers(function, *request_parts)
    assert answer == from_source(*request_parts)
    assert answer[0] == status


def test_webp_is_read(function):
    """The package reads WebP too, of which there is no sample."""
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    content = io.BytesIO()
    Image.open(io.BytesIO(JAGUAR)).save(
        content, "WEBP", exif=Image.open(io.BytesIO(JAGUAR)).getexif()
    )
    request_parts = (
        "POST",
        f"{PREDICTIONS}?geo=off",
        content.getvalue(),
        {"Content-Type": "image/webp"},
    )
    status, body = answers(function, *request_parts)
    assert (status, body) == from_source(*request_parts)
    assert body["photo"]["format"] == "WEBP"


def test_a_large_photo_is_read_from_s3(unpacked, runtime, account):
    """The request names the upload, and boto3 comes from the Lambda runtime."""
    storage, key = account.client("s3"), "uploads/" + "0" * 32
    where = {"LocationConstraint": "eu-central-1"}
    storage.create_bucket(Bucket="photos", CreateBucketConfiguration=where)
    storage.put_object(Bucket="photos", Key=key, Body=JAGUAR)
    settings = {**account.environment, "RANGEFINDER_UPLOADS_BUCKET": "photos"}
    request_parts = (
        "POST",
        PREDICTIONS,
        json.dumps({"upload": key}).encode(),
        {"Content-Type": "application/json"},
    )
    with running(unpacked, runtime, settings) as function:
        status, body = answers(function, *request_parts)
    assert status == 200
    assert body["predictions"][0]["taxon"]["vernacularName"] == "jaguar"
    assert "Contents" not in storage.list_objects_v2(Bucket="photos")


def test_a_request_loads_only_the_modules_that_it_needs(unpacked, runtime, tmp_path):
    """HEIF is loaded by the first such photo, and AWS and databases only by settings."""
    (tmp_path / "probe.py").write_text(PROBE)
    extended = {"PYTHONPATH": f"{unpacked}:{runtime}:{tmp_path}"}
    jpeg, heic = SAMPLES["jaguar.jpg"], SAMPLES["koala.heic"]
    with running(unpacked, runtime, extended, "probe.modules") as function:
        first, second = (
            function.invoke(
                event("POST", PREDICTIONS, sample.content, {"Content-Type": sample.media_type})
            )
            for sample in (jpeg, heic)
        )
    assert (first["status"], second["status"]) == (200, 200)
    assert NOT_LOADED.intersection(first["modules"]) == set()
    assert "pi_heif" in second["modules"]


def test_nothing_is_written_into_the_package(unpacked, runtime):
    """The function changes no file of the package, even if root runs the test."""
    before = _files(unpacked)
    with running(unpacked, runtime) as function:
        assert function.invoke(event("GET", "/readyz"))["statusCode"] == 200
    assert _files(unpacked) == before


def test_an_invalid_setting_ends_the_start(unpacked, runtime):
    """The error names the setting, before the first photo."""
    invalid = {"RANGEFINDER_GEO": "perhaps"}
    with (
        running(unpacked, runtime, invalid) as function,
        pytest.raises(FunctionError, match="RANGEFINDER_GEO"),
    ):
        function.invoke(event("GET", "/livez"))


def _files(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*")}

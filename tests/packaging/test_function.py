"""The package, run as Lambda runs it, answers as the service run from its sources does."""

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

OF_THE_MOMENT = {"predictionId", "timings", "requestId"}

PROBE = """
import sys
from types import ModuleType
from app import app


def modules(event, context):
    answer = app(event, context)
    # Who waits to be loaded is of a class of its own.
    loaded = (name for name, module in sys.modules.items() if type(module) is ModuleType)
    return {"status": answer["statusCode"], "modules": sorted(loaded)}
"""

OFF_THE_PATH = {
    "boto3", "botocore.session", "botocore.client", "pi_heif", "redis", "pymysql",
    "alembic", "bench", "tools", "tests", "matplotlib", "sqlalchemy", "ml_dtypes", "google",
    "tqdm", "importlib.metadata", "hashlib", "asyncio", "multiprocessing", "unittest",
    "numpy.random", "numpy.testing", "PIL.PngImagePlugin", "PIL.GifImagePlugin",
    "shutil", "selectors", "jmespath", "typing_extensions", *LAZY_MODULES,
}  # fmt: skip


@pytest.fixture(scope="module")
def function(unpacked, runtime) -> Iterator[Function]:
    """The package as a function that has started."""
    with running(unpacked, runtime) as started:
        yield started


def answers(function: Function, *question: Any) -> tuple[int, dict]:
    """Status and body, without what differs from one prediction to the next."""
    answer = function.invoke(event(*question))
    return answer["statusCode"], _lasting(json.loads(answer["body"]))


def from_source(*question: Any) -> tuple[int, dict]:
    """The same, of the app in this process."""
    answer = gateway.call(*question)
    return answer.status, _lasting(answer.body)


def _lasting(body: dict) -> dict:
    if "geo" in body:
        body["geo"].pop("source", None)  # by then it may be remembered
    return {name: value for name, value in body.items() if name not in OF_THE_MOMENT}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_sample_is_answered_as_from_source(function, sample):
    """All formats, as the body: nothing that was left out of the package was needed."""
    question = ("POST", PREDICTIONS, sample.content, {"Content-Type": sample.media_type})
    status, body = answers(function, *question)
    assert (status, body) == from_source(*question)
    assert status in (200, 422)


@pytest.mark.parametrize(
    ("status", "question"),
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
def test_every_kind_of_request_is_answered_as_from_source(function, status, question):
    """Forms, faults and the other resources."""
    if question[1] == "/v1/uploads":
        question = (*question[:3], {"Content-Type": "application/json"})
    found = answers(function, *question)
    assert found == from_source(*question)
    assert found[0] == status


def test_webp_is_read(function):
    """No sample is one."""
    import io  # noqa: PLC0415

    from PIL import Image  # noqa: PLC0415

    content = io.BytesIO()
    Image.open(io.BytesIO(JAGUAR)).save(
        content, "WEBP", exif=Image.open(io.BytesIO(JAGUAR)).getexif()
    )
    question = (
        "POST",
        f"{PREDICTIONS}?geo=off",
        content.getvalue(),
        {"Content-Type": "image/webp"},
    )
    status, body = answers(function, *question)
    assert (status, body) == from_source(*question)
    assert body["photo"]["format"] == "WEBP"


def test_a_large_photo_comes_by_way_of_s3(unpacked, runtime, account):
    """JSON names the upload; boto3 is the Lambda runtime's."""
    storage, key = account.client("s3"), "uploads/" + "0" * 32
    where = {"LocationConstraint": "eu-central-1"}
    storage.create_bucket(Bucket="photos", CreateBucketConfiguration=where)
    storage.put_object(Bucket="photos", Key=key, Body=JAGUAR)
    settings = {**account.environment, "RANGEFINDER_UPLOADS_BUCKET": "photos"}
    question = (
        "POST",
        PREDICTIONS,
        json.dumps({"upload": key}).encode(),
        {"Content-Type": "application/json"},
    )
    with running(unpacked, runtime, settings) as function:
        status, body = answers(function, *question)
    assert status == 200
    assert body["predictions"][0]["taxon"]["vernacularName"] == "jaguar"
    assert "Contents" not in storage.list_objects_v2(Bucket="photos")


def test_imports_are_kept_off_the_path_of_requests(unpacked, runtime, tmp_path):
    """Each costs a cold start: HEIF waits for such a photo, AWS and databases for settings."""
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
    assert OFF_THE_PATH.intersection(first["modules"]) == set()
    assert "pi_heif" in second["modules"]


def test_nothing_is_written_where_nothing_can_be(unpacked, runtime):
    """/var/task is read-only; root, which tests may run as, could write there."""
    before = _files(unpacked)
    with running(unpacked, runtime) as function:
        assert function.invoke(event("GET", "/readyz"))["statusCode"] == 200
    assert _files(unpacked) == before


def test_a_wrong_setting_ends_the_start(unpacked, runtime):
    """It is reported as such, and not with the first photo."""
    wrong = {"RANGEFINDER_GEO": "perhaps"}
    with (
        running(unpacked, runtime, wrong) as function,
        pytest.raises(FunctionError, match="RANGEFINDER_GEO"),
    ):
        function.invoke(event("GET", "/livez"))


def _files(directory: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in directory.rglob("*")}

"""Large photos by way of S3: the real client with a fake AWS, through real events."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from msgspec.structs import replace

import app
from chalicelib.bootstrap import Services
from chalicelib.classifier.tflite import TfliteClassifier
from chalicelib.errors import ModelUnavailable, PhotoTooLarge, UnknownUpload, UploadsUnavailable
from chalicelib.photo.reader import PillowPhoto
from chalicelib.photo.uploads import PREFIX, S3UploadStore
from chalicelib.runtime.aws import aws_client
from chalicelib.settings import Settings
from fuzz import files
from tests.gateway import Answer, call
from tests.samples import SAMPLES

BUCKET = "rangefinder-uploads"
PHOTO = SAMPLES["jaguar.jpg"].content
JSON = {"Content-Type": "application/json"}


@dataclasses.dataclass
class Cloud:
    """A bucket and its content."""

    client: Any
    calls: Counter[str] = field(default_factory=Counter)

    def put(self, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        return key

    def keys(self) -> set[str]:
        objects = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {item["Key"] for item in objects}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with mock_aws():
        client = s3("s3")
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        yield Cloud(client)


def s3(service: str):
    return boto3.client(
        service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x",
        config=Config(signature_version="s3v4"),
    )  # fmt: skip


@pytest.fixture
def deployment(cloud) -> Iterator[Cloud]:
    """The app with a bucket."""

    def counting(service: str) -> Any:
        client = s3(service)

        def count(model: Any, parsed: Any, **_: object) -> None:
            cloud.calls[model.name] += "Error" not in parsed

        client.meta.events.register("after-call.s3", count)
        return client

    usual, uploads = app.services, S3UploadStore(BUCKET, 10_000_000, counting)
    app.services = replace(
        usual,
        settings=dataclasses.replace(usual.settings, uploads_bucket=BUCKET),
        uploads=uploads,
        identify=replace(usual.identify, uploads=uploads),
    )
    yield cloud
    app.services = usual


def ask(key: object, **fields: object) -> Answer:
    body = json.dumps({"upload": key, **fields}).encode()
    return call("POST", "/v1/predictions", body, JSON)


def presign(**fields: str) -> Answer:
    return call("POST", "/v1/uploads", json.dumps(fields).encode(), JSON)


def test_a_presigned_upload_fixes_type_size_key_and_time(deployment):
    """S3 refuses anything else, and a client cannot choose the key."""
    import base64  # noqa: PLC0415

    first, second = presign(contentType="image/heic"), presign(contentType="image/heic")
    assert first.status == 201
    assert first.body["key"] != second.body["key"]
    assert first.body["expiresIn"] == 600
    assert first.body["maximumBytes"] == 10_000_000
    assert BUCKET in first.body["url"]
    assert first.body["fields"]["key"] == first.body["key"]
    policy = json.loads(base64.b64decode(first.body["fields"]["policy"]))
    assert {"Content-Type": "image/heic"} in policy["conditions"]
    assert ["content-length-range", 1, 10_000_000] in policy["conditions"]
    assert {"bucket": BUCKET} in policy["conditions"]
    assert {"key": first.body["key"]} in policy["conditions"]


def test_an_uploaded_photo_is_answered_as_a_posted_one_and_deleted(deployment):
    """The animals are the same. The fields of the request are JSON."""
    key = deployment.put(presign().body["key"], PHOTO)
    answer = ask(key, decimalLatitude=-24.01, decimalLongitude="31.49", limit=3)
    assert answer.status == 200
    assert len(answer.body["predictions"]) == 3
    assert answer.body["location"]["decimalLatitude"] == -24.01
    names = [one["taxon"]["scientificName"] for one in answer.body["predictions"]]
    assert set(names[:2]) == {"Panthera onca", "Panthera pardus"}
    assert deployment.keys() == set()
    assert ask(key).fields == ["upload"]


def test_a_photo_that_is_too_large_to_post_can_be_uploaded(deployment):
    """The error names the endpoint."""
    large = PHOTO + bytes(5_000_000)
    refused = call("POST", "/v1/predictions", large, {"Content-Type": "image/jpeg"})
    assert refused.status == 413
    assert refused.body["uploads"] == "/v1/uploads"
    key = deployment.put(presign().body["key"], large)
    assert ask(key, geo="off").status == 200


def test_an_incomplete_request_leaves_the_photo_in_the_bucket(deployment):
    """The client need not upload it again."""
    key = deployment.put(presign().body["key"], SAMPLES["sheep-without-gps.jpg"].content)
    assert ask(key).body["type"] == "/v1/problems/location-required"
    assert deployment.keys() == {key}
    assert ask(key, geo="off").status == 200


@pytest.mark.parametrize(
    ("photo", "status"),
    [
        (b"GIF89a" + bytes(100), 415),
        (PHOTO[:1_000], 422),
        (PHOTO[: len(PHOTO) // 10], 422),
        (files.patch_frame(PHOTO, b"\x08\xff\xdc\xff\xdc"), 413),
        (PHOTO + bytes(10_000_000), 413),
    ],
    ids=["another format", "no pixels", "few pixels", "too many pixels", "too many bytes"],
)
def test_a_photo_that_is_refused_is_read_once(deployment, photo, status):
    """A client that asks again and again costs one read."""
    key = deployment.put(presign().body["key"], photo)
    deployment.calls.clear()
    answers = [ask(key, geo="off") for _ in range(3)]
    assert [answer.status for answer in answers] == [status, 422, 422]
    assert [answer.fields for answer in answers[1:]] == [["upload"], ["upload"]]
    assert deployment.keys() == set()
    assert deployment.calls == {"GetObject": 1, "DeleteObject": 1}


def test_a_photo_is_deleted_before_it_is_decoded(deployment, monkeypatch):
    """One that ends the environment cannot do so twice."""

    def end_environment(*_: object) -> None:
        raise MemoryError

    key = deployment.put(presign().body["key"], PHOTO)
    monkeypatch.setattr(PillowPhoto, "pixels", end_environment)
    assert ask(key, geo="off").status == 500
    assert deployment.keys() == set()


def test_a_photo_stays_while_the_model_is_unavailable(deployment, monkeypatch):
    """The client may ask again later, without another upload."""

    def fail(_: object) -> None:
        raise ModelUnavailable("the model is gone")

    key = deployment.put(presign().body["key"], PHOTO)
    with monkeypatch.context() as patched:
        patched.setattr(TfliteClassifier, "load", fail)
        assert ask(key, geo="off").status == 503
        assert deployment.keys() == {key}
    assert ask(key, geo="off").status == 200


@pytest.mark.parametrize(
    "key",
    [
        "secret", "uploads/../secret", "other/" + "0" * 32, "uploads/" + "0" * 31,
        "uploads/" + "G" * 32, "/uploads/" + "0" * 32, "s3://other/uploads/" + "0" * 32,
        "uploads/" + "٣" * 32, "https://169.254.169.254/",
    ],
)  # fmt: skip
def test_no_other_key_of_the_bucket_is_read(deployment, key):
    """There is a photo under each of these keys, and S3 is not asked for it."""
    deployment.put(key, PHOTO)
    deployment.calls.clear()
    answer = ask(key, geo="off")
    assert (answer.status, answer.fields) == (422, ["upload"])
    assert not deployment.calls
    assert deployment.client.get_object(Bucket=BUCKET, Key=key)["ContentLength"] == len(PHOTO)


@pytest.mark.parametrize("key", ["uploads/" + "0" * 32, "uploads/" + "0" * 32 + "\n", 7])
def test_an_unknown_key_is_refused(deployment, key):
    """No photo has it."""
    answer = ask(key)
    assert (answer.status, answer.fields) == (422, ["upload"])


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"upload": {}}', b"\xff", b""])
def test_a_body_that_is_not_a_json_object_of_values_is_malformed(deployment, body):
    """An empty body is not JSON either."""
    answer = call("POST", "/v1/predictions", body, JSON)
    assert answer.status == 400
    assert answer.body["type"] == "/v1/problems/malformed-request"


def test_a_key_must_be_given(deployment):
    """The error names the field."""
    answer = call("POST", "/v1/predictions", b"{}", JSON)
    assert (answer.status, answer.fields) == (422, ["upload"])


def test_only_photos_are_accepted(deployment):
    """Their declared type counts first, then their content."""
    answer = presign(contentType="text/html")
    assert (answer.status, answer.fields) == (422, ["contentType"])
    key = deployment.put(presign().body["key"], b"<html>")
    assert ask(key).status == 415


def test_a_photo_above_the_limit_is_not_read(cloud):
    """No matter how it came into the bucket."""
    uploads = S3UploadStore(BUCKET, 100, s3)
    key = cloud.put(PREFIX + "0" * 32, bytes(101))
    with pytest.raises(PhotoTooLarge):
        uploads.read(key)
    assert uploads.read(cloud.put(PREFIX + "1" * 32, bytes(100))) == bytes(100)


def test_the_error_of_a_missing_bucket_does_not_name_it(cloud):
    """Reading reports that uploads are unavailable. Deleting reports nothing."""
    uploads = S3UploadStore("another-bucket", 100, s3)
    with pytest.raises(UploadsUnavailable) as caught:
        uploads.read(PREFIX + "0" * 32)
    assert "another-bucket" not in str(caught.value)
    uploads.delete(PREFIX + "0" * 32)
    with pytest.raises(UnknownUpload):
        S3UploadStore(BUCKET, 100, s3).read(PREFIX + "0" * 32)


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/v1/uploads", {}), ("/v1/predictions", {"upload": "uploads/" + "0" * 32})],
)
def test_without_a_bucket_the_problem_names_the_setting(path, fields):
    """The status is 501: only the operator can change it."""
    answer = call("POST", path, json.dumps(fields).encode(), JSON)
    assert answer.status == 501
    assert answer.body["type"] == "/v1/problems/not-configured"
    assert answer.body["setting"] == "RANGEFINDER_UPLOADS_BUCKET"


def test_a_setting_names_the_bucket():
    """AWS is not called before the first upload."""
    services = Services.build(Settings.from_environment({"RANGEFINDER_UPLOADS_BUCKET": BUCKET}))
    assert isinstance(services.uploads, S3UploadStore)
    assert services.identify.uploads is services.uploads


def test_the_address_to_post_to_names_the_region(monkeypatch):
    """The global address redirects requests for a new bucket; browsers do not follow it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    uploads = S3UploadStore(BUCKET, 10_000_000, aws_client)
    assert uploads.origin() == f"https://{BUCKET}.s3.eu-central-1.amazonaws.com"

"""Uploads through the real S3 client, whose answers are those of the stubbed service."""

import base64
import io
import json
from datetime import datetime

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from chalicelib.errors import PhotoTooLarge, UnknownUpload, UploadsUnavailable
from chalicelib.photo.uploads import S3UploadStore

BUCKET = "rangefinder-uploads"
KEY = "uploads/" + "0" * 32
WANTED = {"Bucket": BUCKET, "Key": KEY}


class RecordedBody(io.BytesIO):
    """A body that records how many bytes were read from it."""

    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.bytes_read += len(content)
        return content


class StubbedStore:
    """A store of photos up to 100 bytes, and the service that it calls."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.service = Stubber(self.client)
        self.service.activate()
        self.uploads = S3UploadStore(BUCKET, 100, lambda _: self.client)

    def answer(self, content: bytes) -> RecordedBody:
        """Let the next read find a photo, and return its body."""
        body = RecordedBody(content)
        photo = {"ContentLength": len(content), "Body": StreamingBody(body, len(content))}
        self.service.add_response("get_object", photo, WANTED)
        return body

    def fail(self, code: str, status: int) -> None:
        """Let the next read fail."""
        self.service.add_client_error("get_object", code, http_status_code=status)


@pytest.mark.parametrize(
    "key",
    [
        "secret", "", "uploads/", "uploads/secret", "uploads/../secret", "other/" + "0" * 32,
        "uploads/" + "0" * 31, "uploads/" + "0" * 33, "uploads/" + "G" * 32, "/" + KEY,
        KEY + "\n", "uploads/" + "٣" * 32,
    ],
)  # fmt: skip
def test_only_keys_of_presigned_uploads_are_asked_for(key):
    """The service would return anything that is in the bucket."""
    store = StubbedStore()
    store.service.add_response(
        "get_object",
        {"ContentLength": 6, "Body": StreamingBody(io.BytesIO(b"secret"), 6)},
    )
    with pytest.raises(UnknownUpload):
        store.uploads.read(key)
    with pytest.raises(AssertionError, match="responses remaining"):
        store.service.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "status"), [("NoSuchKey", 404), ("404", 404), ("AccessDenied", 403)]
)
def test_a_missing_photo_is_an_unknown_upload(code, status):
    """S3 denies access where a client may not list the bucket, as this service may not."""
    store = StubbedStore()
    store.fail(code, status)
    with pytest.raises(UnknownUpload):
        store.uploads.read(KEY)


@pytest.mark.parametrize(
    ("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("NoSuchBucket", 404)]
)
def test_a_bucket_that_fails_is_unavailable(code, status):
    """The client may ask again; the error has the code and no name."""
    store = StubbedStore()
    store.fail(code, status)
    with pytest.raises(UploadsUnavailable, match=code) as caught:
        store.uploads.read(KEY)
    assert BUCKET not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_photo_up_to_the_limit_is_read_and_its_body_closed():
    """A body that stays open keeps its connection."""
    store = StubbedStore()
    body = store.answer(bytes(100))
    assert store.uploads.read(KEY) == bytes(100)
    assert body.bytes_read == 100
    assert body.closed


def test_the_body_of_a_photo_above_the_limit_is_not_read():
    """Its length decides. The error says how long it is."""
    store = StubbedStore()
    body = store.answer(bytes(101))
    with pytest.raises(PhotoTooLarge) as caught:
        store.uploads.read(KEY)
    assert (caught.value.actual, caught.value.limit, caught.value.unit) == (101, 100, "bytes")
    assert body.bytes_read == 0
    assert body.closed


def test_the_form_of_an_upload_is_complete_and_ends_after_ten_minutes():
    """S3 refuses a form without the field that its policy asks for."""
    upload = StubbedStore().uploads.presign("image/webp")
    policy = json.loads(base64.b64decode(upload.fields["policy"]))
    assert upload.fields["Content-Type"] == "image/webp"
    signed_at = datetime.strptime(upload.fields["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
    expires_in = datetime.fromisoformat(policy["expiration"]) - signed_at
    assert upload.expires_in == 600
    assert expires_in.total_seconds() == pytest.approx(600, abs=5)
    assert ["content-length-range", 1, 100] in policy["conditions"]


def test_deleting_never_raises():
    """The bucket deletes what remains."""
    store = StubbedStore()
    store.service.add_client_error("delete_object", "AccessDenied", http_status_code=403)
    store.uploads.delete(KEY)
    store.service.assert_no_pending_responses()

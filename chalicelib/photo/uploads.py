"""Large photos by way of S3: Lambda takes about 4.5 MB in a request, phones take larger ones.

A client gets leave for one upload, sends the photo straight to the bucket, and then asks for
the prediction with the key. The bucket forgets what is left behind after a day.
"""

import os
import re
from contextlib import suppress
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.domain import MEDIA_TYPES, PresignedUpload
from chalicelib.errors import NotConfigured, PhotoTooLarge, UnknownUpload, UploadsUnavailable
from chalicelib.runtime.aws import AwsClient

PREFIX: Final = "uploads/"
KEY: Final = re.compile(PREFIX + r"[0-9a-f]{32}", re.ASCII)
"""128 random bits: nobody finds another's photo by guessing."""

PRESIGN_EXPIRES_IN: Final = 600
LEAST_BYTES: Final = 1
ABSENT: Final = ("NoSuchKey", "404", "AccessDenied")
"""S3 says the last of a missing key to who may not list the bucket, as the service may not."""


class NoUploadStore:
    """The :class:`~chalicelib.ports.UploadStore` of a deployment without a bucket."""

    def origin(self) -> str:
        """There is none."""
        return ""

    def presign(self, media_type: str) -> PresignedUpload:
        """Raises ``NotConfigured``."""
        del media_type
        raise self._absent

    def read(self, key: str) -> bytes:
        """Raises ``NotConfigured``."""
        del key
        raise self._absent

    def delete(self, key: str) -> None:
        """There is nothing."""

    @property
    def _absent(self) -> NotConfigured:
        return NotConfigured("bucket for large photos", "RANGEFINDER_UPLOADS_BUCKET")


class S3UploadStore:
    """The :class:`~chalicelib.ports.UploadStore` in one S3 bucket, under one prefix."""

    def __init__(self, bucket: str, maximum_bytes: int, client: AwsClient) -> None:
        self._bucket = bucket
        self._maximum_bytes = maximum_bytes
        self._make_client = client

    @cached_property
    def _client(self) -> Any:
        return self._make_client("s3")

    def origin(self) -> str:
        """The origin (RFC 6454) of every ticket's URL: it is the client's to say."""
        url = urlsplit(self.presign(MEDIA_TYPES[0]).url)
        return f"{url.scheme}://{url.netloc}"

    def presign(self, media_type: str) -> PresignedUpload:
        """Leave to post one photo of that type and of a size within the limit, for ten minutes.

        S3 itself refuses what does not fit
        (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).
        Signed here, without a call. Raises ``UploadsUnavailable``.
        """
        key = PREFIX + os.urandom(16).hex()
        try:
            signed = self._client.generate_presigned_post(
                Bucket=self._bucket,
                Key=key,
                Fields={"Content-Type": media_type},
                Conditions=[
                    {"Content-Type": media_type},
                    ["content-length-range", LEAST_BYTES, self._maximum_bytes],
                ],
                ExpiresIn=PRESIGN_EXPIRES_IN,
            )
        except Exception as error:
            raise _unavailable(error) from None
        return PresignedUpload(
            key, signed["url"], signed["fields"], PRESIGN_EXPIRES_IN, self._maximum_bytes
        )

    def read(self, key: str) -> bytes:
        """The photo under a key that we have given out.

        Raises ``UnknownUpload``, ``PhotoTooLarge`` (before it is read) or
        ``UploadsUnavailable``.
        """
        if not KEY.fullmatch(key):
            raise UnknownUpload
        try:
            found = self._client.get_object(Bucket=self._bucket, Key=key)
            size: int = found["ContentLength"]
            with found["Body"] as body:
                content: bytes = body.read() if size <= self._maximum_bytes else b""
        except Exception as error:
            if _code(error) in ABSENT:
                raise UnknownUpload from None
            raise _unavailable(error) from None
        if size > self._maximum_bytes:
            raise PhotoTooLarge(size, self._maximum_bytes, "bytes")
        return content

    def delete(self, key: str) -> None:
        """Delete it now; what cannot be deleted the bucket forgets after a day."""
        with suppress(Exception):
            self._client.delete_object(Bucket=self._bucket, Key=key)


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> UploadsUnavailable:
    # botocore's messages may hold names and keys; the kind of the fault is enough.
    return UploadsUnavailable(f"The bucket failed: {type(error).__name__} {_code(error)}".strip())

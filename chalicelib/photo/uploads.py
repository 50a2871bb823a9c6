"""Accept large photos by way of S3: Lambda accepts about 4.5 MB in a request.

The client gets a presigned upload (a signed form for one photo), posts the photo to the bucket,
and then asks for the prediction with the key. The bucket deletes what remains after a day.
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
"""128 random bits: a client cannot guess the key of another client's photo."""

PRESIGN_EXPIRES_IN: Final = 600
"""Seconds."""

LEAST_BYTES: Final = 1
NOT_FOUND_CODES: Final = ("NoSuchKey", "404", "AccessDenied")
"""S3's error codes for a missing key. The last one is for clients that may not list the bucket,
and this service may not."""


class NoUploadStore:
    """The :class:`~chalicelib.ports.UploadStore` of a deployment without a bucket."""

    def origin(self) -> str:
        """Return an empty text: there is no bucket."""
        return ""

    def presign(self, media_type: str) -> PresignedUpload:
        """Raises ``NotConfigured``."""
        del media_type
        raise self._not_configured

    def read(self, key: str) -> bytes:
        """Raises ``NotConfigured``."""
        del key
        raise self._not_configured

    def delete(self, key: str) -> None:
        """Do nothing."""

    @property
    def _not_configured(self) -> NotConfigured:
        return NotConfigured("bucket for large photos", "RANGEFINDER_UPLOADS_BUCKET")


class S3UploadStore:
    """The :class:`~chalicelib.ports.UploadStore` in one S3 bucket, under one prefix."""

    def __init__(self, bucket: str, maximum_bytes: int, make_client: AwsClient) -> None:
        self._bucket = bucket
        self._maximum_bytes = maximum_bytes
        self._make_client = make_client

    @cached_property
    def _client(self) -> Any:
        return self._make_client("s3")

    def origin(self) -> str:
        """Return the origin (RFC 6454) of each presigned URL, as the S3 client signs it."""
        url = urlsplit(self.presign(MEDIA_TYPES[0]).url)
        return f"{url.scheme}://{url.netloc}"

    def presign(self, media_type: str) -> PresignedUpload:
        """Create a presigned upload for one photo. It expires after ten minutes.

        It is signed here, without a call to AWS. S3 itself refuses another media type or size
        (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html).
        Raises ``UploadsUnavailable``.
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
        """Return the photo under a key of a presigned upload.

        Raises ``UnknownUpload``, ``UploadsUnavailable``, or ``PhotoTooLarge`` before it reads
        the photo.
        """
        if not KEY.fullmatch(key):
            raise UnknownUpload
        try:
            photo = self._client.get_object(Bucket=self._bucket, Key=key)
            size: int = photo["ContentLength"]
            with photo["Body"] as body:
                content: bytes = body.read() if size <= self._maximum_bytes else b""
        except Exception as error:
            if _code(error) in NOT_FOUND_CODES:
                raise UnknownUpload from None
            raise _unavailable(error) from None
        if size > self._maximum_bytes:
            raise PhotoTooLarge(size, self._maximum_bytes, "bytes")
        return content

    def delete(self, key: str) -> None:
        """Delete the photo. Never raises: the bucket deletes what remains after a day."""
        with suppress(Exception):
            self._client.delete_object(Bucket=self._bucket, Key=key)


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", {})
    return str(response.get("Error", {}).get("Code", ""))


def _unavailable(error: Exception) -> UploadsUnavailable:
    # botocore's messages may hold names and keys. Type and code are enough.
    return UploadsUnavailable(f"The bucket failed: {type(error).__name__} {_code(error)}".strip())

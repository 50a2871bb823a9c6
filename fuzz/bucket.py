"""A bucket in memory, for photos that are too large for the body of a request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

import app as deployment
from chalicelib.photo.uploads import PREFIX
from tests.fakes import FakeUploadStore

KEY: Final = f"{PREFIX}{0:032x}"


class Bucket(FakeUploadStore):
    """A store that gives a new copy of a photo to each reader, as S3 does."""

    def read(self, key: str) -> bytes:
        """Return a copy of the photo."""
        return bytes(bytearray(super().read(key)))


@contextmanager
def holding(photo: bytes) -> Iterator[Bucket]:
    """Let the service have a bucket that holds one photo, under ``KEY``."""
    bucket, usual = Bucket({KEY: photo}), deployment.services
    identify = replace(usual.identify, uploads=bucket)
    deployment.services = replace(usual, uploads=bucket, identify=identify)
    try:
        yield bucket
    finally:
        deployment.services = usual

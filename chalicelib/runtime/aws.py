"""Clients of AWS services."""

from collections.abc import Callable
from typing import Any, Final

AWS_TIMEOUT_SECONDS: Final = 1.0

AwsClient = Callable[[str], Any]
"""Creates a client from the name of an AWS service, such as ``s3``."""


def aws_client(service: str) -> Any:
    """Return a boto3 client with short timeouts. The Lambda runtime provides boto3."""
    # The import takes 0.2 s. A deployment that needs no AWS client never pays for it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        service,
        config=Config(
            connect_timeout=AWS_TIMEOUT_SECONDS,
            read_timeout=AWS_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 2},
            # Presigned uploads: regions that opened after 2014 accept signature version 4 only.
            signature_version="s3v4" if service == "s3" else None,
            # The address names the region. The global address redirects requests for new buckets,
            # and a browser's preflight request must not follow a redirect.
            s3={"addressing_style": "virtual"},
        ),
    )

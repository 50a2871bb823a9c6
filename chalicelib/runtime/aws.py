"""Clients of AWS services, made when first needed."""

from collections.abc import Callable
from typing import Any, Final

AWS_TIMEOUT_SECONDS: Final = 1.0

AwsClient = Callable[[str], Any]
"""Makes a client of an AWS service by its name."""


def aws_client(service: str) -> Any:
    """``boto3.client`` with little patience. The Lambda runtime has boto3."""
    # Takes a fifth of a second to import: a service without AWS never pays for it.
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        service,
        config=Config(
            connect_timeout=AWS_TIMEOUT_SECONDS,
            read_timeout=AWS_TIMEOUT_SECONDS,
            retries={"total_max_attempts": 2},
            # Leave to upload is signed; regions that came after 2014 take this way only.
            signature_version="s3v4" if service == "s3" else None,
            # With the region in the address: the global one sends requests on to new buckets by
            # a redirect, which a browser's preflight must not follow.
            s3={"addressing_style": "virtual"},
        ),
    )

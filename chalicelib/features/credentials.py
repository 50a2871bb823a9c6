"""The database's user and password from AWS: a secret that RDS rotates, or an IAM token.

Each new connection asks for them; they are cached for a short time only. If AWS does not answer,
that is an ``OSError``, as it is for a database that does not answer.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.ports import Clock
from chalicelib.runtime.aws import AwsClient
from chalicelib.runtime.aws_signature import AwsKeys, database_token
from chalicelib.runtime.ttl_value import TtlValue

SECRET_SECONDS: Final = 60.0

TOKEN_SECONDS: Final = 600.0
"""Seconds for which an IAM token is used.

It opens connections for 15 minutes
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html); 10
leave a margin."""


def from_secret(
    server: MysqlConnection, secret: str, client: AwsClient, clock: Clock
) -> TtlValue[MysqlConnection]:
    """Return the connection with user and password from Secrets Manager, in RDS's own format."""
    secrets_manager = _prepared(client, "secretsmanager", clock)

    def fetch() -> MysqlConnection:
        try:
            answer = secrets_manager().get_secret_value(SecretId=secret)
            account = json.loads(answer["SecretString"])
            return replace(server, user=account["username"], password=account["password"])
        except Exception as error:
            # botocore's errors have no common root but Exception; values stay out of the text.
            raise OSError(f"The secret cannot be read: {type(error).__name__}") from None

    return TtlValue(fetch, SECRET_SECONDS, clock)


def from_iam(
    server: MysqlConnection, keys: AwsKeys, clock: Clock, time_of_day: Clock = time.time
) -> TtlValue[MysqlConnection]:
    """Return the connection with a token as its password. Needs TLS.

    The token is signed here, without a call to AWS, and without boto3.
    """
    return TtlValue(
        lambda: replace(
            server,
            password=database_token(keys, server.host, server.port, server.user, time_of_day()),
        ),
        TOKEN_SECONDS,
        clock,
    )


def from_iam_by_boto3(
    server: MysqlConnection, client: AwsClient, clock: Clock
) -> TtlValue[MysqlConnection]:
    """Return the same as :func:`from_iam`, with the keys that boto3 finds.

    It looks in profiles and asks the services that hand keys out to containers, and to functions
    with SnapStart.
    """
    rds = _prepared(client, "rds", clock)

    def fetch() -> MysqlConnection:
        try:
            token = rds().generate_db_auth_token(
                DBHostname=server.host, Port=server.port, DBUsername=server.user
            )
        except Exception as error:
            raise OSError(f"The IAM token cannot be made: {type(error).__name__}") from None
        return replace(server, password=token)

    return TtlValue(fetch, TOKEN_SECONDS, clock)


def _prepared(client: AwsClient, service: str, clock: Clock) -> Callable[[], Any]:
    """Return a client that is made now, since that takes 0.3 s: too long for a request.

    If it cannot be made, each use tries again, and fails with the reason.
    """
    prepared = TtlValue(lambda: client(service), math.inf, clock)
    with suppress(Exception):
        prepared()
    return prepared

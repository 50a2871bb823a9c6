"""The database's user and password from AWS: a secret that RDS rotates, or an IAM token.

Each new connection asks for them; they are cached for a short time only. If AWS does not answer,
that is an ``OSError``, as it is for a database that does not answer.
"""

import json
from dataclasses import replace
from typing import Final

from chalicelib.features.mysql_url import MysqlConnection
from chalicelib.ports import Clock
from chalicelib.runtime.aws import AwsClient
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

    def fetch() -> MysqlConnection:
        try:
            answer = client("secretsmanager").get_secret_value(SecretId=secret)
            account = json.loads(answer["SecretString"])
            return replace(server, user=account["username"], password=account["password"])
        except Exception as error:
            # botocore's errors have no common root but Exception; values stay out of the text.
            raise OSError(f"The secret cannot be read: {type(error).__name__}") from None

    return TtlValue(fetch, SECRET_SECONDS, clock)


def from_iam(server: MysqlConnection, client: AwsClient, clock: Clock) -> TtlValue[MysqlConnection]:
    """Return the connection with a token as its password. Needs TLS.

    The token is signed here, without a call to AWS.
    """

    def fetch() -> MysqlConnection:
        try:
            token = client("rds").generate_db_auth_token(
                DBHostname=server.host, Port=server.port, DBUsername=server.user
            )
        except Exception as error:
            raise OSError(f"The IAM token cannot be made: {type(error).__name__}") from None
        return replace(server, password=token)

    return TtlValue(fetch, TOKEN_SECONDS, clock)

"""The database's user and password from AWS: the secret that RDS rotates, or an IAM token.

Both are asked for anew with each connection, and kept for a short time only. Where AWS
does not answer, that is an ``OSError`` like that of a server that does not.
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
"""An IAM token opens connections for 15 minutes
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html);
ours is used for 10, so that none is about to end."""


def from_secret(
    server: MysqlConnection, secret: str, client: AwsClient, clock: Clock
) -> TtlValue[MysqlConnection]:
    """User and password as Secrets Manager has them, in RDS's own format."""

    def ask() -> MysqlConnection:
        try:
            answer = client("secretsmanager").get_secret_value(SecretId=secret)
            found = json.loads(answer["SecretString"])
            return replace(server, user=found["username"], password=found["password"])
        except Exception as error:
            # botocore's errors have no common root but Exception; values stay out of the text.
            raise OSError(f"The secret cannot be read: {type(error).__name__}") from None

    return TtlValue(ask, SECRET_SECONDS, clock)


def from_iam(server: MysqlConnection, client: AwsClient, clock: Clock) -> TtlValue[MysqlConnection]:
    """A token in place of a password. Signed here; no call goes out. Needs TLS."""

    def ask() -> MysqlConnection:
        try:
            token = client("rds").generate_db_auth_token(
                DBHostname=server.host, Port=server.port, DBUsername=server.user
            )
        except Exception as error:
            raise OSError(f"No IAM token can be made: {type(error).__name__}") from None
        return replace(server, password=token)

    return TtlValue(ask, TOKEN_SECONDS, clock)

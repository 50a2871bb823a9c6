"""An IAM token of our own is the one that boto3 would make."""

import calendar
import time
from urllib.parse import parse_qs, urlsplit

import botocore.session
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.runtime.aws_signature import AwsKeys, database_token, lambda_keys

HOST = "rangefinder.cluster-abc.eu-central-1.rds.amazonaws.com"
SESSION = botocore.session.Session()
SESSION.set_credentials("ASIAEXAMPLE", "secret")
CREDENTIALS = SESSION.get_credentials()
RDS = SESSION.create_client("rds", region_name="eu-central-1")
"""boto3's client: it signs with the keys that ``CREDENTIALS`` has at that moment."""

SECRETS = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), min_size=1)


@given(
    user=st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1),
    port=st.integers(1, 65_535),
    secret=SECRETS,
    session_token=st.one_of(st.just(""), SECRETS),
)
@example(user="rangefinder", port=3306, secret="a/b+c=", session_token="IQoJb3//+==")
@example(user="rangefinder", port=443, secret="x", session_token="")
def test_the_token_equals_that_of_boto3(user, port, secret, session_token):
    """For all users, ports and keys, at the moment that boto3's token names."""
    CREDENTIALS.secret_key, CREDENTIALS.token = secret, session_token or None
    expected = RDS.generate_db_auth_token(HOST, port, user)
    (moment,) = parse_qs(urlsplit(f"https://{expected}").query)["X-Amz-Date"]
    seconds = calendar.timegm(time.strptime(moment, "%Y%m%dT%H%M%SZ"))
    keys = AwsKeys(
        region="eu-central-1",
        identifier="ASIAEXAMPLE",
        secret=secret,
        session_token=session_token,
    )
    assert database_token(keys, HOST, port, user, seconds) == expected


def test_the_keys_are_those_of_lambda():
    """All of them, or none: a profile of a laptop has a region only."""
    environment = {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_SESSION_TOKEN": "IQoJb3",
    }
    keys = lambda_keys(environment)
    assert keys == AwsKeys(
        region="eu-central-1", identifier="ASIAEXAMPLE", secret="hunter2", session_token="IQoJb3"
    )
    assert "hunter2" not in repr(keys)
    assert "IQoJb3" not in repr(keys)
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert lambda_keys({**environment, name: ""}) is None

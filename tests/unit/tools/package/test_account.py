"""Test what ``make deploy`` does that Chalice cannot: secrets, concurrency and throttling."""

import json

import pytest
from botocore.exceptions import ClientError

from tools.package import account, chalice_project

REFERENCE = "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:1:secret:cache-1a2b3c}}"
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "-")
UNKNOWN = ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "-")


REST_API = {
    "name": "rest_api",
    "rest_api_id": "abc",
    "rest_api_url": "https://abc.execute-api.eu-west-1.amazonaws.com/prod/",
}


class Aws:
    """A fake of all clients, with the methods that ``account`` calls."""

    def __init__(self, unreserved=1000, own=UNKNOWN):
        self.unreserved, self.own = unreserved, own
        self.updates = []

    def __call__(self, service):
        return self

    def get_account_settings(self):
        if isinstance(self.unreserved, Exception):
            raise self.unreserved
        return {"AccountLimit": {"UnreservedConcurrentExecutions": self.unreserved}}

    def get_function_concurrency(self, FunctionName):  # noqa: N803 - AWS's name
        assert FunctionName == "rangefinder-prod"
        if isinstance(self.own, Exception):
            raise self.own
        return {"ReservedConcurrentExecutions": self.own}

    def get_secret_value(self, SecretId):  # noqa: N803 - AWS's name
        assert SecretId == "arn:aws:secretsmanager:eu-west-1:1:secret:cache-1a2b3c"
        return {"SecretString": "hunter2"}

    def update_stage(self, **request):
        self.updates.append(request)


@pytest.mark.parametrize(
    ("aws", "is_reserved"),
    [
        (Aws(unreserved=1000), True),
        (Aws(unreserved=200), True),
        (Aws(unreserved=199), False),
        (Aws(unreserved=10), False),
        (Aws(unreserved=100, own=100), True),
        (Aws(unreserved=100, own=99), False),
        (Aws(unreserved=DENIED), True),
    ],
)
def test_concurrency_that_the_account_lacks_is_left_out(aws, is_reserved):
    """A new account may run ten environments: Lambda would refuse the whole deployment."""
    stage, notice = account.fitted("prod", {"reserved_concurrency": 100, "xray": True}, aws)
    assert ("reserved_concurrency" in stage) == is_reserved
    assert (notice == "") == is_reserved
    assert stage["xray"]


def test_secrets_are_put_into_the_settings():
    """Other settings do not change, and neither does the stage that was read."""
    variables = {"RANGEFINDER_REDIS_URL": f"rediss://user:{REFERENCE}@host:6379", "OTHER": "{{x}}"}
    stage, _ = account.fitted("prod", {"environment_variables": variables}, Aws())
    assert stage["environment_variables"] == {
        "RANGEFINDER_REDIS_URL": "rediss://user:hunter2@host:6379", "OTHER": "{{x}}",
    }  # fmt: skip
    assert REFERENCE in variables["RANGEFINDER_REDIS_URL"]


def test_the_copy_has_the_secret_only_while_it_is_deployed(tmp_path):
    """Also if the deployment fails; and nobody else may read it meanwhile."""
    file = tmp_path / ".chalice" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"stages": {"dev": {}, "prod": {"a": 1}}}))
    before = file.read_text()

    def fail():
        assert json.loads(file.read_text())["stages"] == {"dev": {}, "prod": {"password": "x"}}
        assert file.stat().st_mode & 0o077 == 0
        raise OSError("the network is down")

    with (
        pytest.raises(OSError, match="down"),
        chalice_project.stage_replaced(tmp_path, "prod", {"password": "x"}),
    ):
        fail()
    assert file.read_text() == before


def test_requests_are_limited_as_by_cloudformation(tmp_path):
    """The limits are those of infra/gateway.yaml, for all paths and methods of the stage."""
    notes = {"resources": [{"name": "api_handler"}, REST_API]}
    (tmp_path / "prod.json").write_text(json.dumps(notes))
    aws = Aws()
    account.limit_requests(tmp_path, "prod", account.default_limits(), aws)
    (update,) = aws.updates
    assert (update["restApiId"], update["stageName"]) == ("abc", "prod")
    assert update["patchOperations"] == [
        {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "50"},
        {"op": "replace", "path": "/*/*/throttling/burstLimit", "value": "100"},
    ]

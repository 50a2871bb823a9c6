"""Test that ``make deploy`` reports what is missing before it builds, and prints the address."""

import json

import pytest
from botocore.exceptions import ClientError, ProfileNotFound

from tools.package import deploy

EXPIRED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "is expired"}}, "-")


class Session:
    """A fake of botocore's session, with the methods that ``deploy`` calls."""

    def __init__(self, region="eu-central-1", credentials="some", error=None, broken=None):
        self.region, self.credentials = region, credentials
        self.error, self.broken = error, broken
        self.services = []

    def get_config_variable(self, name):
        assert name == "region"
        return self.region

    def get_credentials(self):
        if self.broken:
            raise self.broken
        return self.credentials

    def create_client(self, service, config):
        self.services.append(service)
        return self

    def get_caller_identity(self):
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("stage", "session", "starts"),
    [
        ("dev", Session(), []),
        ("staging", Session(), ["STAGE=staging: there is no such stage. Use one of dev, prod."]),
        ("prod", Session(), ["STAGE=prod: not configured yet."]),
        ("dev", Session(region=None), ["AWS region: none is set."]),
        ("dev", Session(credentials=None), ["AWS credentials: none are set."]),
        ("dev", Session(error=EXPIRED), ["AWS credentials: not accepted."]),
        ("dev", Session(broken=ProfileNotFound(profile="x")), ["AWS credentials: not accepted."]),
        ("x", Session(region=None, credentials=None), ["STAGE=x", "AWS region", "AWS credentials"]),
    ],
)
def test_everything_that_is_missing_has_a_line(stage, session, starts):
    """All lines come at once, so that a user does not need several attempts."""
    lines = list(deploy.missing_prerequisites(stage, session, deploy.read_stages()))
    assert len(lines) == len(starts)
    for line, start in zip(lines, starts, strict=True):
        assert line.startswith(start)
        assert "\n" not in line


def test_a_configured_prod_stage_lacks_nothing():
    """The stage counts as configured when its bucket has a name."""
    stages = deploy.read_stages()
    stages["prod"]["environment_variables"]["RANGEFINDER_UPLOADS_BUCKET"] = "photos"
    assert list(deploy.missing_prerequisites("prod", Session(), stages)) == []


def test_nothing_is_built_if_something_is_missing(monkeypatch, capsys):
    """The command fails before the build, which takes more than a minute."""
    monkeypatch.setattr(deploy, "Session", Session)
    assert deploy.main(["--stage", "nowhere"], build=pytest.fail) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "Not deployed, and nothing was built:",
        "STAGE=nowhere: there is no such stage. Use one of dev, prod.",
    ]


@pytest.mark.parametrize("slash", ["/", ""])
def test_the_base_address_does_not_end_with_a_slash(tmp_path, slash):
    """Every path in the documents begins with a slash, so BASE has none."""
    address = "https://abc.execute-api.eu-central-1.amazonaws.com/api"
    resources = [{"name": "rest_api", "rest_api_url": address + slash}, {"name": "api_handler"}]
    (tmp_path / "dev.json").write_text(json.dumps({"resources": resources}))
    assert deploy.base_url(tmp_path, "dev") == address

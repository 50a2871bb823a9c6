"""``make deploy`` says what it lacks before it builds, and where the service then is."""

import json

import pytest
from botocore.exceptions import ClientError, ProfileNotFound

from tools.package import build_package, deploy
from tools.package.check_config import CONFIG

EXPIRED = ClientError({"Error": {"Code": "ExpiredToken", "Message": "is expired"}}, "-")


class Session:
    """botocore's, as far as it is asked."""

    def __init__(self, region="eu-central-1", credentials="some", error=None, broken=None):
        self.region, self.credentials = region, credentials
        self.error, self.broken = error, broken
        self.asked = []

    def get_config_variable(self, name):
        assert name == "region"
        return self.region

    def get_credentials(self):
        if self.broken:
            raise self.broken
        return self.credentials

    def create_client(self, service, config):
        self.asked.append(service)
        return self

    def get_caller_identity(self):
        if self.error:
            raise self.error


@pytest.mark.parametrize(
    ("stage", "session", "told"),
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
def test_everything_that_is_missing_has_a_line(stage, session, told):
    """All of it at once, so that a user need not try again and again."""
    lines = list(deploy.missing_prerequisites(stage, session))
    assert len(lines) == len(told)
    for line, start in zip(lines, told, strict=True):
        assert line.startswith(start)
        assert "\n" not in line


def test_a_configured_production_is_not_held_up(tmp_path):
    """Its bucket has a name."""
    config = json.loads(CONFIG.read_text())
    config["stages"]["prod"]["environment_variables"]["RANGEFINDER_UPLOADS_BUCKET"] = "photos"
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert list(deploy.missing_prerequisites("prod", Session(), tmp_path / "config.json")) == []


def test_nothing_is_built_where_something_is_missing(monkeypatch, capsys):
    """It would take more than a minute."""
    monkeypatch.setattr("sys.argv", ["deploy", "--stage", "nowhere"])
    monkeypatch.setattr(deploy, "Session", Session)
    monkeypatch.setattr(build_package, "build", pytest.fail)
    assert deploy.main() == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        "Not deployed, and nothing was built:",
        "STAGE=nowhere: there is no such stage. Use one of dev, prod.",
    ]


@pytest.mark.parametrize("slash", ["/", ""])
def test_the_base_has_no_slash_at_its_end(tmp_path, slash):
    """Every path of the documents begins with one."""
    address = "https://abc.execute-api.eu-central-1.amazonaws.com/api"
    resources = [{"name": "rest_api", "rest_api_url": address + slash}, {"name": "api_handler"}]
    (tmp_path / "dev.json").write_text(json.dumps({"resources": resources}))
    assert deploy.base_url(tmp_path, "dev") == address

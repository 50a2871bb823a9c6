"""Test that ``make configure`` writes the prod stage from the outputs of the stacks."""

import json
import shutil

import pytest
from botocore.session import Session
from botocore.stub import Stubber

from chalicelib.settings import Settings
from tools import ROOT
from tools.package import configure
from tools.package.check_config import CONFIG, faults

EXAMPLE = ROOT / "infra" / "outputs.example.json"
OUTPUTS = {
    "PrivateSubnets": "subnet-1,subnet-2",
    "FunctionSecurityGroup": "sg-1",
    "DatabaseEndpoint": "features.cluster-abc.eu-west-1.rds.amazonaws.com",
    "DatabasePort": "3306",
    "DatabaseUserArn": "arn:aws:rds-db:eu-west-1:123456789012:dbuser:cluster-XYZ/rangefinder",
    "CacheEndpoint": "features-abc.serverless.euw1.cache.amazonaws.com",
    "CachePort": "6379",
    "CacheSecret": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:CachePassword-abc-1a2b3c",
    "UploadsBucket": "rangefinder-data-uploads-1",
}


@pytest.fixture
def authorities(certificates):
    return (certificates / "ca.pem").read_bytes()


@pytest.fixture
def project(tmp_path):
    shutil.copytree(CONFIG.parent, tmp_path / ".chalice", ignore=lambda *_: ["deployments"])
    (tmp_path / "chalicelib").mkdir()
    return tmp_path


def stage(project):
    return json.loads((project / ".chalice" / "config.json").read_text())["stages"]["prod"]


def test_the_whole_stage_is_written(project, authorities, monkeypatch):
    """It gets network, settings, rights and certificates, and the service accepts the settings."""
    configure.configure(project, OUTPUTS, authorities)
    written = stage(project)
    assert written["subnet_ids"] == ["subnet-1", "subnet-2"]
    assert written["security_group_ids"] == ["sg-1"]
    monkeypatch.chdir(project)  # as on Lambda, which starts in the directory of the package
    settings = Settings.from_environment(written["environment_variables"])
    assert settings.mysql_url is not None
    assert settings.mysql_url.host == OUTPUTS["DatabaseEndpoint"]
    assert settings.mysql_url.user == "rangefinder"
    assert settings.mysql_url.password == ""
    assert settings.mysql_iam
    secret = f"{{{{resolve:secretsmanager:{OUTPUTS['CacheSecret']}}}}}"
    assert settings.redis_url == f"rediss://rangefinder:{secret}@{OUTPUTS['CacheEndpoint']}:6379"
    assert settings.redis_cluster
    assert settings.uploads_bucket == OUTPUTS["UploadsBucket"]
    assert settings.mysql_certificate_authorities is not None
    assert settings.mysql_certificate_authorities.read_bytes() == authorities
    config = json.loads((project / ".chalice" / "config.json").read_text())
    assert faults(config, project / ".chalice") == []


def test_changes_of_the_operator_stay(project, authorities):
    """Other settings and stages do not change, and a second run changes nothing."""
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["prod"]["environment_variables"]["RANGEFINDER_GEO_WEIGHT_FLOOR"] = "0.2"
    config["stages"]["prod"]["reserved_concurrency"] = 50
    path.write_text(json.dumps(config))
    configure.configure(project, OUTPUTS, authorities)
    first = path.read_text()
    assert stage(project)["environment_variables"]["RANGEFINDER_GEO_WEIGHT_FLOOR"] == "0.2"
    assert stage(project)["reserved_concurrency"] == 50
    assert json.loads(first)["stages"]["dev"] == config["stages"]["dev"]
    configure.configure(project, OUTPUTS, authorities)
    assert path.read_text() == first


def test_the_placeholders_are_those_of_the_example():
    """The repository has the stage that the example outputs configure."""
    outputs = configure.from_file(EXAMPLE)
    prod = stage(ROOT)
    assert {key: prod[key] for key in configure.network(outputs)} == configure.network(outputs)
    assert prod["environment_variables"] == configure.variables(outputs)
    policy = json.loads((CONFIG.parent / prod["iam_policy_file"]).read_text())
    assert policy == configure.policy(outputs)


def test_outputs_come_from_aws():
    """The outputs come from `describe-stacks`, one call for each stack."""
    client = Session().create_client("cloudformation", region_name="eu-west-1")
    with Stubber(client) as stub:
        for name, keys in {
            "one": ["PrivateSubnets"],
            "two": ["CachePort", "CacheEndpoint"],
        }.items():
            stub.add_response(
                "describe_stacks",
                {"Stacks": [{
                    "StackName": name, "StackStatus": "CREATE_COMPLETE", "CreationTime": 0,
                    "Outputs": [{"OutputKey": k, "OutputValue": OUTPUTS[k]} for k in keys],
                }]},
                {"StackName": name},
            )  # fmt: skip
        outputs = configure.from_aws(client, ["one", "two"])
    assert outputs == {k: OUTPUTS[k] for k in ("PrivateSubnets", "CachePort", "CacheEndpoint")}


@pytest.mark.parametrize("missing", OUTPUTS)
def test_nothing_is_written_if_an_output_is_missing(project, authorities, missing):
    """The error names the output, and no file changes."""
    before = stage(project)
    outputs = {key: value for key, value in OUTPUTS.items() if key != missing}
    with pytest.raises(configure.ConfigurationError, match=missing):
        configure.configure(project, outputs, authorities)
    assert stage(project) == before
    assert not (project / configure.CERTIFICATES).exists()


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----"])
def test_a_file_without_certificates_is_refused(project, content):
    """An error page or an incomplete download must not become a trusted certificate."""
    before = stage(project)
    with pytest.raises(configure.ConfigurationError, match="does not hold certificates"):
        configure.configure(project, OUTPUTS, content)
    assert stage(project) == before


def test_the_certificates_are_those_of_the_region_of_the_database():
    """A region has three certificates; all regions together have more than a hundred."""
    region = configure.region_of(OUTPUTS)
    assert configure.CERTIFICATES_URL.format(region=region) == (
        "https://truststore.pki.rds.amazonaws.com/eu-west-1/eu-west-1-bundle.pem"
    )

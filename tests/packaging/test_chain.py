"""Test the way to production from one end to the other, as docs/deploy.md describes it.

The real programs run, and the real AWS CLI. AWS is a moto server. How far that goes:

- `make deploy`: moto has function, role, API, routes and stage. It checks the subnets, the
  security group and the size of nothing.
- `make package-sam`: moto skips what it does not know of the translated template: the API's
  routes, stage, usage plan and keys, the function's alias, and references to secrets.
  tests/functional/test_packaged_template.py tests these in the template.
- The stacks of infra/ are not deployed: moto knows neither Aurora's cluster nor ElastiCache.
  Their outputs are those of infra/outputs.example.json, with a network that moto has made.
"""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.templates import (
    MAX_TEMPLATE_BYTES,
    MAX_TEMPLATE_BYTES_IN_BUCKET,
    watched_names,
)
from tools import ROOT
from tools.package import (
    account as aws_account,
)
from tools.package import (
    chalice_project,
    check_config,
    configure,
    deploy,
    package_sam,
)

PASSWORD = "N0tInAnyFile"
BUCKET = "deployments"
FUNCTION = "rangefinder-prod"


@pytest.fixture
def outputs(account, tmp_path: Path) -> Path:
    """The outputs of the stacks, with a network and a secret that exist."""
    ec2 = account.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=network, CidrBlock=block)["Subnet"]["SubnetId"]
        for block in ("10.20.0.0/20", "10.20.16.0/20")
    ]
    group = ec2.create_security_group(GroupName="function", Description="-", VpcId=network)
    secret = account.client("secretsmanager").create_secret(Name="cache", SecretString=PASSWORD)
    values = {
        "PrivateSubnets": ",".join(subnets),
        "FunctionSecurityGroup": group["GroupId"],
        "CacheSecret": secret["ARN"],
        "UploadsBucket": "rangefinder-data-uploads-1a2b3c",
    }
    example = json.loads((ROOT / "infra" / "outputs.example.json").read_text())
    for stack in example["Stacks"]:
        for output in stack["Outputs"]:
            output["OutputValue"] = values.get(output["OutputKey"], output["OutputValue"])
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(example))
    return file


@pytest.fixture
def root(configured, tmp_path: Path, monkeypatch) -> Path:
    """The directory of an operator's project; the programs run in it."""
    directory = tmp_path / "rangefinder"
    shutil.copytree(configured, directory)
    monkeypatch.chdir(directory)
    return directory


@pytest.fixture
def shared_build(built):
    """A build as ``build_package.build``, but with the package that the tests share."""

    def build(project, architecture="x86_64", source=ROOT):
        chalice_project.copy_project(
            project, {"automatic_layer": False, "lambda_architecture": architecture}, source
        )
        (project / ".chalice" / "deployments").mkdir()
        return Path(shutil.copy(built, project / ".chalice" / "deployments"))

    return build


def run_printed(text: str, environment: dict[str, str]) -> None:
    """Run the commands of `aws` in an output, unchanged but for the name of the bucket."""
    start = text.index("aws cloudformation")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", text[start:].replace("BUCKET", BUCKET)],
        env={**os.environ, **environment, "PATH": programs},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def sha256(file: Path) -> str:
    return base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()


def function(account) -> dict:
    configuration: dict = account.client("lambda").get_function(FunctionName=FUNCTION)[
        "Configuration"
    ]
    return configuration


def names(account) -> tuple[list[str], list[str]]:
    """Return the names of all functions and of all APIs in the account."""
    functions = account.client("lambda").list_functions()["Functions"]
    apis = account.client("apigateway").get_rest_apis()["items"]
    return [entry["FunctionName"] for entry in functions], [entry["name"] for entry in apis]


@pytest.fixture
def in_account(account, monkeypatch):
    """Let the programs of this process use the fake account."""
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("in_account")
def test_the_whole_chain(account, outputs, root, shared_build, capsys):
    """Configure, check, deploy, deploy again, delete; then the same by CloudFormation.

    The verifier has accepted the package with the certificates: ``shared_build`` has it.
    """
    configure_and_check(root, outputs)
    package = shared_build(root / "build" / "deployment", source=root)
    digest = sha256(package)

    for _ in range(2):
        assert deploy.main(["--stage", "prod"], root, shared_build) == 0
        assert names(account) == ([FUNCTION], ["rangefinder"])
    assert function(account)["CodeSha256"] == digest
    assert limits_of_stage(account, "prod") == aws_account.default_limits()
    assert_the_password_is_only_in_the_function(account, root, capsys.readouterr())
    project = root / "build" / "deployment"
    chalice_project.run_chalice(project, "delete", "--stage", "prod", environment={})
    assert names(account) == ([], [])

    where = {"LocationConstraint": "eu-central-1"}
    account.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    for _ in range(2):
        assert package_sam.main(["--stage", "prod"], root, shared_build) == 0
        run_printed(capsys.readouterr().out, account.environment)
        assert names(account) == ([FUNCTION], ["rangefinder"])
    assert function(account)["CodeSha256"] == digest
    # Without a bucket, the AWS CLI would refuse a template of this size.
    packaged = root / "build" / "sam" / "packaged.yaml"
    assert MAX_TEMPLATE_BYTES < packaged.stat().st_size < MAX_TEMPLATE_BYTES_IN_BUCKET
    account.client("cloudformation").delete_stack(StackName=FUNCTION)
    assert names(account)[0] == [], "moto leaves the API"


def configure_and_check(root: Path, outputs: Path) -> None:
    """Do what `make configure` does, and the part of `make check` that reads its result."""
    authorities = root / configure.CERTIFICATES
    arguments = ["--outputs", str(outputs), "--certificates", str(authorities)]
    assert configure.main(arguments, root) == 0
    assert check_config.main(root / ".chalice" / "config.json") == 0


def limits_of_stage(account, name: str) -> dict[str, float]:
    """Return how many requests API Gateway lets through."""
    (api,) = account.client("apigateway").get_rest_apis()["items"]
    stage = account.client("apigateway").get_stage(restApiId=api["id"], stageName=name)
    settings = stage["methodSettings"]["*/*"]
    return {
        "rateLimit": settings["throttlingRateLimit"],
        "burstLimit": settings["throttlingBurstLimit"],
    }


def assert_the_password_is_only_in_the_function(account, root, output) -> None:
    """Neither an output nor a file of the project has it."""
    address = f"rediss://rangefinder:{PASSWORD}@cache.invalid:6379"
    assert function(account)["Environment"]["Variables"]["RANGEFINDER_REDIS_URL"] == address
    assert PASSWORD not in output.out + output.err
    files = [path for path in root.rglob("*") if path.suffix in (".json", ".yaml", ".py")]
    assert not [path for path in files if PASSWORD in path.read_text("utf-8")]


@pytest.mark.usefixtures("in_account")
def test_the_alarms_watch_what_is_deployed(account, outputs, root, shared_build):
    """On both ways, function, API and stage have the names of alarms and dashboard."""
    configure_and_check(root, outputs)
    assert deploy.main(["--stage", "prod"], root, shared_build) == 0
    ((deployed,), (api_name,)) = names(account)
    (api,) = account.client("apigateway").get_rest_apis()["items"]
    (stage,) = account.client("apigateway").get_stages(restApiId=api["id"])["item"]
    by_chalice = {"FunctionName": deployed, "ApiName": api_name, "Stage": stage["stageName"]}

    package_sam.package(root / "build" / "deployment", "prod", root / "sam")
    resources = yaml.safe_load((root / "sam" / "sam.yaml").read_text())["Resources"]
    api_properties = resources["RestAPI"]["Properties"]
    assert resources["APIHandler"]["Properties"]["FunctionName"] == {"Ref": "AWS::StackName"}
    stack = re.search(r"--stack-name (\S+)", package_sam.commands(root / "sam", "prod"))
    by_cloudformation = {
        "FunctionName": stack and stack[1],
        "ApiName": api_properties["Name"],
        "Stage": api_properties["StageName"],
    }
    assert api_properties["DefinitionBody"]["info"]["title"] == api_properties["Name"]

    assert by_chalice == by_cloudformation == watched_names()

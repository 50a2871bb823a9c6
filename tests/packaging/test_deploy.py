"""Test ``make deploy`` and plain ``chalice deploy`` on a moto server."""

import base64
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.api_gateway import curl_home, serving_deployment
from tests.snippets import curl_lines
from tools import ROOT
from tools.package import build_package, deploy, package_sam, verify_package
from tools.package.chalice_project import TARGET, PackagingError, run_chalice

NAME = "rangefinder-dev"


@pytest.fixture
def deployed(tmp_path):
    """The directory in which Chalice records what it has deployed."""
    return tmp_path / "deployed"


@pytest.fixture
def upload(project, deployed, account):
    """A function that does what ``make deploy`` does, with the package that the tests share."""
    return lambda stage="dev": deploy.upload(
        project, stage, deployed, "x86_64", account.environment
    )


def sha256(file: Path) -> str:
    """Return the hash of a file in Lambda's format."""
    return base64.b64encode(hashlib.sha256(file.read_bytes()).digest()).decode()


def function(account, name=NAME):
    return account.client("lambda").get_function(FunctionName=name)["Configuration"]


def allowed(account, name=NAME) -> set[str]:
    """Return the actions that the function's role allows."""
    iam, role = account.client("iam"), function(account, name)["Role"].rpartition("/")[2]
    (policy,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    actions = [statement["Action"] for statement in document["Statement"]]
    return {
        action for entry in actions for action in ([entry] if isinstance(entry, str) else entry)
    }


def set_stage(project: Path, name: str, keys: dict) -> None:
    file = project / ".chalice" / "config.json"
    configuration = json.loads(file.read_text())
    configuration["stages"][name] |= keys
    file.write_text(json.dumps(configuration))


def test_chalice_reuses_the_package_at_our_path(project, built):
    """Chalice's code names this path, although Chalice does not promise it."""
    assert deploy.expected_package(project, "x86_64") == built


def test_a_missing_package_is_an_error(project, deployed, account):
    """Chalice would silently build its own: unpruned, uncompiled, unverified."""
    with pytest.raises(PackagingError, match="of its own"):
        deploy.upload(project, "dev", deployed, "arm64", account.environment)


def test_the_function_has_the_bytes_of_our_package(upload, built, account):
    """The function also has the settings of the configuration."""
    assert "Reusing existing deployment package." in upload()
    deployed_function = function(account)
    assert deployed_function["CodeSha256"] == sha256(built)
    assert deployed_function["CodeSize"] == built.stat().st_size
    assert deployed_function["Runtime"] == TARGET
    assert deployed_function["Architectures"] == ["x86_64"]
    assert (deployed_function["MemorySize"], deployed_function["Timeout"]) == (1769, 29)
    assert deployed_function["TracingConfig"] == {"Mode": "Active"}
    assert deployed_function["Layers"] == []
    assert deployed_function["Handler"] == "app.app"
    assert not deployed_function["VpcConfig"].get("SubnetIds")


@pytest.fixture
def paste(tmp_path, certificates):
    """A function that runs a shell line of the README with the BASE of a deployment."""
    with serving_deployment(certificates) as port:
        home = str(curl_home(tmp_path, port))

        def run(line: str, base: str) -> Any:
            done = subprocess.run(
                ["sh", "-c", line], cwd=ROOT, check=True, capture_output=True, text=True,
                env={"PATH": os.environ["PATH"], "CURL_HOME": home, "BASE": base},
            )  # fmt: skip
            return json.loads(done.stdout)

        yield run


def test_the_paths_of_the_readme_fit_the_address_that_deploy_prints(
    upload, deployed, account, paste
):
    """The printed line works unchanged: host and stage are those of the deployed API."""
    upload()
    base = deploy.base_url(deployed, "dev")
    (api,) = account.client("apigateway").get_rest_apis()["items"]
    assert re.fullmatch(
        rf"https://{api['id']}\.execute-api\.eu-central-1\.amazonaws\.com/dev", base
    )
    resources = account.client("apigateway").get_resources(restApiId=api["id"], limit=500)["items"]
    assert {"/v1/predictions", "/v1/species", "/{proxy+}"} <= {
        resource["path"] for resource in resources
    }
    lines = curl_lines("README.md")
    assert len(lines) >= 4
    for line in lines:
        answer = paste(line, base)
        assert answer.get("predictions") or answer.get("species"), line
    # With one slash too many, API Gateway chooses /{proxy+}, and the answer is a problem.
    for line in lines:
        assert paste(line, f"{base}/")["type"] == "/v1/problems/not-found", line


def test_the_role_may_only_log_and_trace(upload, account):
    """The dev stage needs no other service, so its role allows none."""
    upload()
    assert {action.partition(":")[0] for action in allowed(account)} == {"logs", "xray"}


def test_another_deploy_updates_and_delete_leaves_nothing(upload, project, account):
    """After any number of deployments there is one function, one API and one role."""
    upload()
    upload()
    counts = _counts(account)
    assert counts == {"functions": 1, "apis": 1, "roles": 1}
    run_chalice(project, "delete", "--stage", "dev", environment=account.environment)
    assert set(_counts(account).values()) == {0}


def test_production_is_deployed_into_its_network(upload, project, account):
    """The prod stage has its own subnets, security group, settings and rights."""
    ec2 = account.client("ec2")
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="lambda", Description="-", VpcId=network)["GroupId"]
    set_stage(project, "prod", {"subnet_ids": [subnet], "security_group_ids": [group]})
    upload("prod")
    production = function(account, "rangefinder-prod")
    assert production["VpcConfig"]["SubnetIds"] == [subnet]
    assert production["VpcConfig"]["SecurityGroupIds"] == [group]
    assert production["Environment"]["Variables"]["RANGEFINDER_REDIS_CLUSTER"] == "on"
    assert "ec2:CreateNetworkInterface" in allowed(account, "rangefinder-prod")


def test_plain_chalice_deploy_fits_as_function_and_layer(plain_project, account):
    """Lambda accepts each as a direct upload, and both together when unpacked."""
    run_chalice(plain_project, "deploy", environment=account.environment)
    (layer,) = function(account)["Layers"]
    code = function(account)["CodeSize"]
    assert max(code, layer["CodeSize"]) <= verify_package.MAX_ZIPPED_BYTES
    zips = list((plain_project / ".chalice" / "deployments").glob("*.zip"))
    assert sorted(file.stat().st_size for file in zips) == sorted((code, layer["CodeSize"]))
    unzipped = sum(build_package.sizes(file)[1] for file in zips)
    assert unzipped <= verify_package.MAX_UNZIPPED_BYTES


def test_either_way_may_follow_the_other(upload, plain_project, deployed, built, account):
    """``make deploy`` after plain Chalice leaves no layer, whose files would count."""
    deployed.mkdir()
    link = plain_project / ".chalice" / "deployed"
    if link.exists():
        link.rename(plain_project / "before")
    link.symlink_to(deployed)
    run_chalice(plain_project, "deploy", environment=account.environment)
    assert function(account)["Layers"]
    upload()
    assert function(account)["Layers"] == []
    assert function(account)["CodeSha256"] == sha256(built)
    assert account.client("lambda").list_layers()["Layers"] == []
    assert _counts(account) == {"functions": 1, "apis": 1, "roles": 1}


def _counts(account) -> dict[str, int]:
    return {
        "functions": len(account.client("lambda").list_functions()["Functions"]),
        "apis": len(account.client("apigateway").get_rest_apis()["items"]),
        "roles": len(account.client("iam").list_roles()["Roles"]),
    }


def test_the_cloudformation_way_uses_the_same_package(project, built, tmp_path):
    """`make package-sam` has the same bytes as `make package`."""
    package_sam.package(project, "dev", tmp_path)
    assert (tmp_path / "deployment.zip").read_bytes() == built.read_bytes()

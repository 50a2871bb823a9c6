"""Test that the infrastructure is what docs/deploy.md says.

A linter and these tests stand in for an AWS account.
"""

import json
import os
import re
import subprocess

import pytest

from chalicelib.http import telemetry
from chalicelib.settings import PREFIX, Settings
from tests.templates import INFRA, TEMPLATES, lint, load, resources, statements_within
from tools import ROOT
from tools.database import service_user
from tools.package import configure, package_sam

METRICS = {
    *telemetry.SOURCES.values(), *telemetry.STATUSES.values(), *telemetry.BREAKERS.values(),
    *telemetry.STAGES.values(), telemetry.COLD_START,
}  # fmt: skip

ON_EVERYTHING_ONLY = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ecr:GetAuthorizationToken",
}
"""Actions that AWS can allow on everything only
(https://docs.aws.amazon.com/service-authorization/latest/reference/)."""

CONNECTIONS = {1: 90, 4: 135, 8: 1000, 16: 2000}
"""Aurora MySQL's max_connections, by its maximum capacity
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html)."""


def as_list(value):
    return value if isinstance(value, list) else [value]


def test_the_linter_accepts_every_template():
    """cfn-lint accepts every template, and no template ignores a rule."""
    assert len(TEMPLATES) == 5
    assert lint(*TEMPLATES) == ""
    assert not any("cfn-lint" in path.read_text() for path in INFRA.glob("*.yaml"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_everything_is_described(path):
    """Each parameter and each output has a description."""
    template = load(path.name)
    assert template["Description"]
    for part in ("Parameters", "Outputs"):
        for name, entry in template[part].items():
            assert entry.get("Description"), name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_one_stack_imports_another_exports(path):
    """Import and export have the same name, so an operator copies nothing from stack to stack."""
    exported = {
        re.sub(r"^\$\{AWS::StackName\}", stack, output["Export"]["Name"]["Fn::Sub"])
        for stack, name in {"NetworkStack": "network.yaml", "DataStack": "data.yaml"}.items()
        for output in load(name)["Outputs"].values()
        if "Export" in output
    }
    for stack, output in re.findall(
        r'"Fn::ImportValue": !Sub "\$\{(\w+)\}(-\w+)"', path.read_text()
    ):
        assert stack + output in exported


def test_only_the_function_and_operations_reach_the_database():
    """Only the function reaches the cache, and no group reaches the function."""
    groups = resources("network.yaml", "AWS::EC2::SecurityGroup")

    def sources(name):
        rules = groups[name].get("SecurityGroupIngress", [])
        assert not any({"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule) for rule in rules)
        return {(rule["SourceSecurityGroupId"]["Ref"], rule["FromPort"]) for rule in rules}

    function, operations = "FunctionSecurityGroup", "OperationsSecurityGroup"
    assert sources("DatabaseSecurityGroup") == {(function, 3306), (operations, 3306)}
    assert sources("CacheSecurityGroup") == {(function, 6379)}
    assert sources(function) == sources(operations) == set()
    assert not resources("network.yaml", "AWS::EC2::SecurityGroupIngress")


def test_no_group_falls_back_to_reaching_everything():
    """Each group has an egress rule, because AWS gives a group without one a rule for all."""
    groups = resources("network.yaml", "AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        assert group["SecurityGroupEgress"], name
    for name in ("DatabaseSecurityGroup", "CacheSecurityGroup", "EndpointSecurityGroup"):
        assert [rule["CidrIp"] for rule in groups[name]["SecurityGroupEgress"]] == ["127.0.0.1/32"]


def test_the_private_subnets_have_no_way_out():
    """The S3 endpoint is the only route, and nothing in the network costs while idle."""
    (route,) = resources("network.yaml", "AWS::EC2::Route").values()
    assert route["RouteTableId"] == {"Ref": "PublicRoutes"}
    assert not resources("network.yaml", "AWS::EC2::NatGateway")
    template = load("network.yaml")
    endpoints = {
        name: resource for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::EC2::VPCEndpoint"
    }  # fmt: skip
    assert endpoints["S3Endpoint"]["Properties"]["VpcEndpointType"] == "Gateway"
    assert endpoints["SecretsManagerVpcEndpoint"]["Condition"] == "HasSecretsManagerEndpoint"
    assert template["Parameters"]["SecretsManagerEndpoint"]["Default"] == "no"
    subnets = resources("network.yaml", "AWS::EC2::Subnet")
    zones = {subnets[name]["AvailabilityZone"]["Fn::Select"][0] for name in subnets}
    assert zones == {0, 1}
    assert not any(subnet.get("MapPublicIpOnLaunch") for subnet in subnets.values())


def test_the_database_is_safe_and_pauses():
    """It is encrypted and private, and it pauses.

    It accepts TLS only and login by IAM, rotates its secret, has no public address, and leaves a
    last snapshot.
    """
    cluster = load("data.yaml")["Resources"]["DatabaseCluster"]
    assert cluster["DeletionPolicy"] == cluster["UpdateReplacePolicy"] == "Snapshot"
    properties = cluster["Properties"]
    assert properties["StorageEncrypted"]
    assert properties["EnableIAMDatabaseAuthentication"]
    assert properties["ManageMasterUserPassword"]
    assert "MasterUserPassword" not in properties
    (instance,) = resources("data.yaml", "AWS::RDS::DBInstance").values()
    assert instance["DBInstanceClass"] == "db.serverless"
    assert not instance["PubliclyAccessible"]
    (group,) = resources("data.yaml", "AWS::RDS::DBClusterParameterGroup").values()
    assert group["Parameters"]["require_secure_transport"] == "ON"
    parameters = load("data.yaml")["Parameters"]
    assert parameters["DatabaseMinimumCapacity"]["Default"] == 0
    assert parameters["DeletionProtection"]["Default"] == "true"
    # An idle connection keeps the database awake, so it must end before the pause.
    idle_seconds = int(group["Parameters"]["wait_timeout"])
    assert idle_seconds < parameters["SecondsUntilPause"]["Default"]
    version = tuple(map(int, parameters["EngineVersion"]["Default"].split(".")[-3:]))
    assert version >= (3, 8, 0)


def test_the_function_cannot_use_up_the_connections():
    """Each environment holds one connection; old and new ones overlap during a deployment."""
    prod = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]["prod"]
    capacity = load("data.yaml")["Parameters"]["DatabaseMaximumCapacity"]["Default"]
    assert 2 * prod["reserved_concurrency"] < 0.8 * CONNECTIONS[capacity]
    monitored = load("monitoring.yaml")["Parameters"]
    assert monitored["ReservedConcurrency"]["Default"] == prod["reserved_concurrency"]
    assert monitored["DatabaseMaximumCapacity"]["Default"] == capacity
    assert monitored["DatabaseMaximumConnections"]["Default"] == CONNECTIONS[capacity]


def test_uploads_are_private_and_short_lived():
    """The bucket is encrypted and private, and deletes photos after a day.

    It accepts TLS only, and browsers by CORS.
    """
    (bucket,) = resources("data.yaml", "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"]
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert rule["Status"] == "Enabled"
    assert rule["ExpirationInDays"] == 1
    assert rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == 1
    (cors,) = bucket["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedMethods"] == ["POST"]
    assert cors["AllowedOrigins"] == [{"Ref": "AllowedOrigin"}]
    (policy,) = resources("data.yaml", "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_the_cache_has_a_cap_on_its_cost():
    """ElastiCache Serverless grows without a limit unless the template sets one."""
    (cache,) = resources("data.yaml", "AWS::ElastiCache::ServerlessCache").values()
    assert cache["Engine"] == "valkey"
    assert set(cache["CacheUsageLimits"]) == {"DataStorage", "ECPUPerSecond"}


@pytest.mark.parametrize("path", [
    *TEMPLATES, package_sam.GATEWAY, *sorted((ROOT / ".chalice").glob("policy-*.json")),
], ids=lambda path: path.name)  # fmt: skip
def test_no_right_is_wider_than_aws_requires(path):
    """No action has a wildcard, and no resource is `*` unless AWS accepts only that."""
    policy = json.loads(path.read_text()) if path.suffix == ".json" else load(path.name)
    for statement in statements_within(policy):
        if statement["Effect"] == "Deny":
            continue
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        actions = as_list(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in as_list(statement.get("Resource", [])):
            assert set(actions) <= ON_EVERYTHING_ONLY


def test_every_stage_has_its_own_rights():
    """The dev stage has no right on a network, a database or a bucket."""
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    files = [stage["iam_policy_file"] for stage in stages.values()]
    assert files == ["policy-dev.json", "policy-prod.json"]
    dev = json.loads((ROOT / ".chalice/policy-dev.json").read_text())
    services = {
        action.split(":")[0] for statement in statements_within(dev)
        for action in statement["Action"]
    }  # fmt: skip
    assert services == {"logs", "xray"}


def test_every_configured_variable_is_a_setting():
    """This holds for configure.py, the templates of the stacks, and the SAM template."""
    written = set(configure.variables(configure.from_file(INFRA / "outputs.example.json")))
    for path in (*TEMPLATES, package_sam.GATEWAY, ROOT / "tools/package/configure.py"):
        written |= set(re.findall(rf"\b{PREFIX}[A-Z_]+", path.read_text()))
    assert "RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES" in written
    assert written <= {PREFIX + name.upper() for name in Settings.__dataclass_fields__}


def test_operations_may_read_one_secret_and_write_one_log():
    """The role of the task can do no more; AWS starts the task with another role."""
    task = resources("operations.yaml", "AWS::IAM::Role")["TaskRole"]
    actions = [as_list(statement["Action"]) for statement in statements_within(task["Policies"])]
    assert actions == [["secretsmanager:GetSecretValue"], ["s3:GetObject"]]
    (definition,) = resources("operations.yaml", "AWS::ECS::TaskDefinition").values()
    (container,) = definition["ContainerDefinitions"]
    assert configure.CERTIFICATES.as_posix() in [
        variable["Value"] for variable in container["Environment"]
    ]


def test_the_database_user_of_the_service_may_only_read():
    """The function cannot write to the database, even if it is compromised."""
    executed: list[str] = []

    class Cursor:
        execute = executed.append

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    class Connection:
        cursor = Cursor

    service_user.allow(Connection())
    create, grant = executed
    assert "AWSAuthenticationPlugin" in create
    assert "REQUIRE SSL" in create
    assert grant == "GRANT SELECT ON `rangefinder`.* TO 'rangefinder'@'%'"
    user = load("data.yaml")["Outputs"]["DatabaseUserArn"]["Value"]["Fn::Sub"].rsplit("/", 1)[1]
    assert f"'{user}'@" in create
    (cluster,) = resources("data.yaml", "AWS::RDS::DBCluster").values()
    assert cluster["DatabaseName"] == configure.DATABASE


def dashboard():
    (board,) = resources("monitoring.yaml", "AWS::CloudWatch::Dashboard").values()
    return json.loads(re.sub(r"\$\{[^}]+\}", "x", board["DashboardBody"]["Fn::Sub"]))


def alarms():
    return resources("monitoring.yaml", "AWS::CloudWatch::Alarm")


def test_the_dashboard_shows_every_metric_of_the_service():
    """It shows all of them and no other, and no widget covers another."""
    shown = {
        metric[1]
        for widget in dashboard()["widgets"]
        for metric in widget["properties"]["metrics"]
        if metric[0] == telemetry.NAMESPACE
    }
    assert shown == METRICS
    for widget in dashboard()["widgets"]:
        for metric in widget["properties"]["metrics"]:
            if metric[0] == telemetry.NAMESPACE:
                assert metric[2:4] == ["service", "x"]  # ${Deployment}
    places = [(widget["x"], widget["y"]) for widget in dashboard()["widgets"]]
    assert len(set(places)) == len(places)


def test_alarms_watch_metrics_that_exist():
    """Each has a description, and none needs requests to stay silent."""
    for name, alarm in alarms().items():
        metrics = [alarm, *(query.get("MetricStat", {}).get("Metric", {})
                            for query in alarm.get("Metrics", []))]  # fmt: skip
        watched = {
            metric["MetricName"] for metric in metrics
            if metric.get("Namespace") == telemetry.NAMESPACE
        }  # fmt: skip
        assert watched <= METRICS, name
        assert alarm["AlarmDescription"], name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmActions"] == alarm["OKActions"], name
    assert set(alarms()) == {
        "ServerErrors", "SlowAnswers", "FunctionErrors", "FunctionThrottles", "Concurrency",
        "CacheMisses", "AnswersWithoutPlace", "CacheBreakerOpen", "CacheWritesRefused",
        "DatabaseBreakerOpen", "DatabaseConnections", "DatabaseCapacity",
    }  # fmt: skip


def test_the_deploy_script_calls_cloudformation(tmp_path):
    """It deploys one stack with the given parameters, then prints its outputs."""
    (tmp_path / "aws").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/calls\n')
    (tmp_path / "aws").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = str(INFRA / "deploy")
    subprocess.run([script, "data", "SecondsUntilPause=300"], env=environment, check=True)
    deploy, describe = (tmp_path / "calls").read_text().splitlines()
    assert deploy.startswith("cloudformation deploy --stack-name rangefinder-data ")
    assert deploy.endswith("--parameter-overrides SecondsUntilPause=300")
    assert describe.startswith("cloudformation describe-stacks --stack-name rangefinder-data ")
    misspelt = subprocess.run([script, "dta"], env=environment, capture_output=True, check=False)
    assert misspelt.returncode == 2


def test_the_document_deploys_every_template():
    """docs/deploy.md or the Makefile deploys each template, with parameters that exist."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    commands = re.findall(r"infra/deploy ([a-z]+)((?: \w+=[^ `\n]+)*)", document)
    named = {name for name, _ in commands}
    made_by_make = set(re.findall(r"infra/deploy ([a-z]+)", (ROOT / "Makefile").read_text()))
    assert named | made_by_make == {path.stem for path in TEMPLATES}
    for name, assignments in commands:
        parameters = set(load(f"{name}.yaml")["Parameters"])
        assert {assignment.split("=")[0] for assignment in assignments.split()} <= parameters


def test_the_sums_of_the_document_are_right():
    """The costs in docs/operate.md add up."""
    document = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    million = document.partition("### A million predictions")[2].partition("By the hour")[0]
    rows = [row.split("|") for row in million.splitlines() if row.startswith("|")][2:]
    *parts, total = (float(row[2].strip(" *")) for row in rows)
    assert round(sum(parts), 2) == total
    assert round(1769 / 1024 * 0.1 * 1_000_000 * 0.0000166667, 2) == 2.88
    assert round(0.10 + 0.1 * 0.084 * 730 + 0.40 + 0.05, 2) == 6.68
    assert "6.68 without" in document
    assert "| **10.78 + 6.83** |" in document
    assert round(6.68 + 1.10 + 3.00, 2) == 10.78
    assert round(1769 / 1024 * 0.0000015046 * 730 * 3600, 2) == 6.83

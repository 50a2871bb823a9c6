"""The infrastructure is what docs/deploy.md says.

Nobody here has an AWS account: a linter and these promises stand in for one.
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

KNOW_NO_RESOURCE = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ecr:GetAuthorizationToken",
}
"""Actions that AWS can allow on everything only
(https://docs.aws.amazon.com/service-authorization/latest/reference/)."""

CONNECTIONS = {1: 90, 4: 135, 8: 1000, 16: 2000}
"""Aurora MySQL's max_connections, by the capacity that it may grow to
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2.setting-capacity.html)."""


def listed(value):
    return value if isinstance(value, list) else [value]


def test_the_linter_has_nothing_to_say():
    """cfn-lint on every template, and no rule is ignored."""
    assert len(TEMPLATES) == 5
    assert lint(*TEMPLATES) == ""
    assert not any("cfn-lint" in path.read_text() for path in INFRA.glob("*.yaml"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_everything_is_described(path):
    """Parameters and outputs say what they are for."""
    template = load(path.name)
    assert template["Description"]
    for part in ("Parameters", "Outputs"):
        for name, one in template[part].items():
            assert one.get("Description"), name


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_one_stack_imports_another_exports(path):
    """By the same name; nothing has to be copied from stack to stack."""
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
    """And only the function reaches the cache. Nobody reaches the function."""
    groups = resources("network.yaml", "AWS::EC2::SecurityGroup")

    def may_enter(name):
        rules = groups[name].get("SecurityGroupIngress", [])
        assert not any({"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule) for rule in rules)
        return {(rule["SourceSecurityGroupId"]["Ref"], rule["FromPort"]) for rule in rules}

    function, operations = "FunctionSecurityGroup", "OperationsSecurityGroup"
    assert may_enter("DatabaseSecurityGroup") == {(function, 3306), (operations, 3306)}
    assert may_enter("CacheSecurityGroup") == {(function, 6379)}
    assert may_enter(function) == may_enter(operations) == set()
    assert not resources("network.yaml", "AWS::EC2::SecurityGroupIngress")


def test_no_group_falls_back_to_reaching_everything():
    """A group without egress rules would be given one that allows all."""
    groups = resources("network.yaml", "AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        assert group["SecurityGroupEgress"], name
    for name in ("DatabaseSecurityGroup", "CacheSecurityGroup", "EndpointSecurityGroup"):
        assert [rule["CidrIp"] for rule in groups[name]["SecurityGroupEgress"]] == ["127.0.0.1/32"]


def test_the_private_subnets_have_no_way_out():
    """No route but that of the S3 endpoint; and nothing in the network costs while idle."""
    (route,) = resources("network.yaml", "AWS::EC2::Route").values()
    assert route["RouteTableId"] == {"Ref": "PublicRoutes"}
    assert not resources("network.yaml", "AWS::EC2::NatGateway")
    template = load("network.yaml")
    endpoints = {
        name: one for name, one in template["Resources"].items()
        if one["Type"] == "AWS::EC2::VPCEndpoint"
    }  # fmt: skip
    assert endpoints["S3Endpoint"]["Properties"]["VpcEndpointType"] == "Gateway"
    assert endpoints["SecretsManagerVpcEndpoint"]["Condition"] == "HasSecretsManagerEndpoint"
    assert template["Parameters"]["SecretsManagerEndpoint"]["Default"] == "no"
    subnets = resources("network.yaml", "AWS::EC2::Subnet")
    zones = {subnets[name]["AvailabilityZone"]["Fn::Select"][0] for name in subnets}
    assert zones == {0, 1}
    assert not any(subnet.get("MapPublicIpOnLaunch") for subnet in subnets.values())


def test_the_database_is_safe_and_sleeps():
    """Encrypted, TLS only, login by IAM, a rotated secret, no public address, a last snapshot."""
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
    # An idle connection would keep it awake: it must end before the pause is due.
    idle = int(group["Parameters"]["wait_timeout"])
    assert idle < parameters["SecondsUntilPause"]["Default"]
    version = tuple(map(int, parameters["EngineVersion"]["Default"].split(".")[-3:]))
    assert version >= (3, 8, 0)


def test_the_function_cannot_use_up_the_connections():
    """Each environment holds one. Old and new ones overlap while a version is deployed."""
    prod = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]["prod"]
    capacity = load("data.yaml")["Parameters"]["DatabaseMaximumCapacity"]["Default"]
    assert 2 * prod["reserved_concurrency"] < 0.8 * CONNECTIONS[capacity]
    monitored = load("monitoring.yaml")["Parameters"]
    assert monitored["ReservedConcurrency"]["Default"] == prod["reserved_concurrency"]
    assert monitored["DatabaseMaximumCapacity"]["Default"] == capacity
    assert monitored["DatabaseMaximumConnections"]["Default"] == CONNECTIONS[capacity]


def test_uploads_are_private_and_short_lived():
    """No public access, TLS only, encrypted, gone after a day, browsers by CORS."""
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
    """Serverless grows until somebody says stop."""
    (cache,) = resources("data.yaml", "AWS::ElastiCache::ServerlessCache").values()
    assert cache["Engine"] == "valkey"
    assert set(cache["CacheUsageLimits"]) == {"DataStorage", "ECPUPerSecond"}


@pytest.mark.parametrize("path", [
    *TEMPLATES, package_sam.GATEWAY, *sorted((ROOT / ".chalice").glob("policy-*.json")),
], ids=lambda path: path.name)  # fmt: skip
def test_nothing_is_allowed_on_everything_that_has_a_name(path):
    """No action with a wildcard; no resource that is all, unless the action knows no other."""
    policy = json.loads(path.read_text()) if path.suffix == ".json" else load(path.name)
    for statement in statements_within(policy):
        if statement["Effect"] == "Deny":
            continue
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        actions = listed(statement["Action"])
        assert not any("*" in action for action in actions)
        if "*" in listed(statement.get("Resource", [])):
            assert set(actions) <= KNOW_NO_RESOURCE


def test_every_stage_has_rights_of_its_own():
    """And dev none on a network, a database or a bucket."""
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    files = [stage["iam_policy_file"] for stage in stages.values()]
    assert files == ["policy-dev.json", "policy-prod.json"]
    dev = json.loads((ROOT / ".chalice/policy-dev.json").read_text())
    services = {action.split(":")[0] for one in statements_within(dev) for action in one["Action"]}
    assert services == {"logs", "xray"}


def test_what_is_configured_is_a_setting():
    """By configure for the function, by operations.yaml for tasks, by the SAM template."""
    written = set(configure.variables(configure.from_file(INFRA / "outputs.example.json")))
    for path in (*TEMPLATES, package_sam.GATEWAY, ROOT / "tools/package/configure.py"):
        written |= set(re.findall(rf"\b{PREFIX}[A-Z_]+", path.read_text()))
    assert "RANGEFINDER_MYSQL_CERTIFICATE_AUTHORITIES" in written
    assert written <= {PREFIX + name.upper() for name in Settings.__dataclass_fields__}


def test_operations_may_read_one_secret_and_write_one_log():
    """The task's role; AWS's own part of the start has another."""
    task = resources("operations.yaml", "AWS::IAM::Role")["TaskRole"]
    actions = [listed(one["Action"]) for one in statements_within(task["Policies"])]
    assert actions == [["secretsmanager:GetSecretValue"], ["s3:GetObject"]]
    (definition,) = resources("operations.yaml", "AWS::ECS::TaskDefinition").values()
    (container,) = definition["ContainerDefinitions"]
    assert configure.CERTIFICATES.as_posix() in [one["Value"] for one in container["Environment"]]


def test_the_service_s_user_may_only_read():
    """Whatever the function is made to do, it cannot write."""
    said: list[str] = []

    class Cursor:
        execute = said.append

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    class Connection:
        cursor = Cursor

    service_user.allow(Connection())
    create, grant = said
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


def test_the_dashboard_shows_every_metric_of_ours():
    """All of them, none that nobody reports, and no widget on another."""
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
    """Ours by the one list; each says what it means, and none rings while nobody asks."""
    for name, alarm in alarms().items():
        metrics = [alarm, *(one.get("MetricStat", {}).get("Metric", {})
                            for one in alarm.get("Metrics", []))]  # fmt: skip
        ours = {one["MetricName"] for one in metrics if one.get("Namespace") == telemetry.NAMESPACE}
        assert ours <= METRICS, name
        assert alarm["AlarmDescription"], name
        assert alarm["TreatMissingData"] == "notBreaching", name
        assert alarm["AlarmActions"] == alarm["OKActions"], name
    assert set(alarms()) == {
        "ServerErrors", "SlowAnswers", "FunctionErrors", "FunctionThrottles", "Concurrency",
        "CacheMisses", "AnswersWithoutPlace", "CacheBreakerOpen", "DatabaseBreakerOpen",
        "DatabaseConnections", "DatabaseCapacity",
    }  # fmt: skip


def test_the_deploy_script_calls_cloudformation(tmp_path):
    """One stack by its name, with the parameters that are given; then what it is made of."""
    (tmp_path / "aws").write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/calls\n')
    (tmp_path / "aws").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    script = str(INFRA / "deploy")
    subprocess.run([script, "data", "SecondsUntilPause=300"], env=environment, check=True)
    deploy, describe = (tmp_path / "calls").read_text().splitlines()
    assert deploy.startswith("cloudformation deploy --stack-name rangefinder-data ")
    assert deploy.endswith("--parameter-overrides SecondsUntilPause=300")
    assert describe.startswith("cloudformation describe-stacks --stack-name rangefinder-data ")
    refused = subprocess.run([script, "dta"], env=environment, capture_output=True, check=False)
    assert refused.returncode == 2


def test_the_document_deploys_what_there_is():
    """Every template is in docs/deploy.md, and every parameter that it gives exists."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    commands = re.findall(r"infra/deploy ([a-z]+)((?: \w+=[^ `\n]+)*)", document)
    named = {name for name, _ in commands}
    made_by_make = set(re.findall(r"infra/deploy ([a-z]+)", (ROOT / "Makefile").read_text()))
    assert named | made_by_make == {path.stem for path in TEMPLATES}
    for name, given in commands:
        parameters = set(load(f"{name}.yaml")["Parameters"])
        assert {one.split("=")[0] for one in given.split()} <= parameters


def test_the_document_s_sums_are_right():
    """What docs/operate.md says that it costs, added up."""
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

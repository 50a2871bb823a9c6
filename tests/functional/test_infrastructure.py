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
from tests.templates import (
    INFRA,
    MAX_TEMPLATE_BYTES,
    TEMPLATES,
    lint,
    load,
    resources,
    statements_within,
    watched_names,
)
from tools import ROOT
from tools.database import container_entrypoint, service_user
from tools.package import configure
from tools.package.account import GATEWAY

METRICS = {
    *telemetry.SOURCES.values(), *telemetry.STATUSES.values(), *telemetry.BREAKERS.values(),
    *telemetry.STAGES.values(), telemetry.COLD_START, telemetry.SECOND_LOOKS,
    telemetry.SPECIALIST_LOOKS,
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


ALLOWED_IN_DESCRIPTIONS = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
"""EC2 refuses others in security groups and their rules
(https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html)."""


def descriptions(value):
    """Yield all descriptions in the properties of resources."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key.endswith("Description") and isinstance(item, str):
                yield item
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from descriptions(item)


@pytest.mark.parametrize("path", [*TEMPLATES, GATEWAY], ids=lambda path: path.name)
def test_aws_accepts_the_characters_of_every_description(path):
    """EC2 allows the fewest, so that an apostrophe ends a stack halfway. cfn-lint does not look."""
    for text in descriptions(load(path.name)["Resources"]):
        assert ALLOWED_IN_DESCRIPTIONS.fullmatch(text), text


def test_a_description_with_an_apostrophe_would_be_found():
    """The pattern and the search find what EC2 refuses, wherever it is."""
    rule = {"SecurityGroupEgress": [{"Description": "AWS's services", "FromPort": 443}]}
    (text,) = descriptions({"Properties": rule})
    assert not ALLOWED_IN_DESCRIPTIONS.fullmatch(text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_a_bucket(path):
    """infra/deploy names none, and CloudFormation then takes small templates only."""
    assert path.stat().st_size <= MAX_TEMPLATE_BYTES


FARGATE = {
    256: [512, 1024, 2048],
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""Fargate's MiB of memory, by CPU units
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html)."""


def allows(rule, values):
    """Return whether a rule of a template allows the parameters' values, as CloudFormation does."""

    def evaluate(expression):
        if not isinstance(expression, dict):
            return expression
        ((function, arguments),) = expression.items()
        if function == "Ref":
            return str(values[arguments])
        left, right = map(evaluate, arguments)
        return {"Fn::Equals": left == right, "Fn::Contains": right in left}[function]

    return not evaluate(rule["RuleCondition"]) or all(
        evaluate(assertion["Assert"]) for assertion in rule["Assertions"]
    )


def test_cloudformation_refuses_the_pairs_that_fargate_refuses():
    """It checks its rules before it makes anything."""
    template = load("operations.yaml")
    choices = {
        name: template["Parameters"][name]["AllowedValues"] for name in ("Processors", "Memory")
    }
    pairs = [(cpu, memory) for cpu in choices["Processors"] for memory in choices["Memory"]]
    assert len(pairs) == 9
    for processors, memory in pairs:
        values = {"Processors": processors, "Memory": memory}
        allowed = all(allows(rule, values) for rule in template["Rules"].values())
        assert allowed == (memory in FARGATE[processors]), values
    defaults = {name: template["Parameters"][name]["Default"] for name in choices}
    assert defaults["Memory"] in FARGATE[defaults["Processors"]]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_fargate_accepts_every_task_without_parameters(path):
    """A task of fixed size has one that exists."""
    for task in resources(path.name, "AWS::ECS::TaskDefinition").values():
        if not isinstance(task["Cpu"], dict):
            assert int(task["Memory"]) in FARGATE[int(task["Cpu"])]


def test_the_function_reaches_named_targets_only():
    """Its group allows S3 by AWS's list of addresses, and the others by their groups."""
    group = resources("network.yaml", "AWS::EC2::SecurityGroup")["FunctionSecurityGroup"]
    rules = [*group["SecurityGroupEgress"], *(
        rule for rule in resources("network.yaml", "AWS::EC2::SecurityGroupEgress").values()
        if rule["GroupId"] == {"Ref": "FunctionSecurityGroup"}
    )]  # fmt: skip
    assert not any({"CidrIp", "CidrIpv6"} & set(rule) for rule in rules)
    targets = {
        (rule.get("DestinationSecurityGroupId") or rule["DestinationPrefixListId"])["Ref"]
        for rule in rules
    }
    assert targets == {
        "S3PrefixList", "DatabaseSecurityGroup", "CacheSecurityGroup", "EndpointSecurityGroup",
    }  # fmt: skip


def test_the_endpoint_of_s3_leads_to_uploads_only():
    """The name is that which CloudFormation gives to the bucket: stack and resource, small."""
    endpoint = resources("network.yaml", "AWS::EC2::VPCEndpoint")["S3Endpoint"]
    assert endpoint["RouteTableIds"] == [{"Ref": "PrivateRoutes"}]
    (statement,) = endpoint["PolicyDocument"]["Statement"]
    policy = json.loads((ROOT / ".chalice/policy-prod.json").read_text())
    (rights,) = (entry for entry in policy["Statement"] if entry["Sid"] == statement["Sid"])
    assert statement["Action"] == rights["Action"]
    (bucket,) = resources("data.yaml", "AWS::S3::Bucket")
    assert f"${{DataStack}}-{bucket.lower()}-*/" in statement["Resource"]["Fn::Sub"]
    assert rights["Resource"].endswith("/uploads/*")
    assert statement["Resource"]["Fn::Sub"].endswith("/uploads/*")
    conditions = statement["Condition"]["StringEquals"]
    assert set(conditions) == {"aws:PrincipalAccount", "aws:ResourceAccount"}


def test_the_cache_wants_a_password():
    """One user, whose password nobody types; the service and operations log in as it."""
    (cache,) = resources("data.yaml", "AWS::ElastiCache::ServerlessCache").values()
    ((group_name, group),) = resources("data.yaml", "AWS::ElastiCache::UserGroup").items()
    ((user_name, user),) = resources("data.yaml", "AWS::ElastiCache::User").items()
    ((secret_name, secret),) = resources("data.yaml", "AWS::SecretsManager::Secret").items()
    assert cache["UserGroupId"] == {"Ref": group_name}
    assert group["UserIds"] == [{"Ref": user_name}]
    assert user["UserName"] == configure.CACHE_USER
    assert user["Engine"] == group["Engine"] == cache["Engine"]
    assert user["AuthenticationMode"]["Type"] == "password"
    (password,) = user["AuthenticationMode"]["Passwords"]
    assert password["Fn::Sub"] == f"{{{{resolve:secretsmanager:${{{secret_name}}}}}}}"
    assert secret["GenerateSecretString"]["ExcludePunctuation"], "it is part of an address"
    (task,) = resources("operations.yaml", "AWS::ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    variables = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
    address = variables[container_entrypoint.CACHE_ADDRESS]["Fn::Sub"][0]
    assert address.startswith(f"rediss://{configure.CACHE_USER}@")
    assert variables["RANGEFINDER_REDIS_CLUSTER"] == "on"
    (passed,) = container["Secrets"]
    assert passed["Name"] == container_entrypoint.CACHE_PASSWORD


def test_a_budget_warns_somebody():
    """It needs an address, and an address gets the alarms, too."""
    template = load("monitoring.yaml")
    (rule,) = template["Rules"].values()
    assert rule["RuleCondition"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "MonthlyBudget"}, "0"]}]}
    (budget,) = resources("monitoring.yaml", "AWS::Budgets::Budget").values()
    addresses = [
        subscriber["Address"]
        for notification in budget["NotificationsWithSubscribers"]
        for subscriber in notification["Subscribers"]
    ]
    assert addresses == [{"Ref": "AlarmEmail"}] * 2
    (topic,) = resources("monitoring.yaml", "AWS::SNS::Topic").values()
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}}]
    for alarm in alarms().values():
        assert {"Fn::If": ["HasEmail", {"Ref": "EmailTopic"}, {"Ref": "AWS::NoValue"}]} in alarm[
            "AlarmActions"
        ]


def test_the_stages_share_no_name_in_the_metrics():
    """Both stages have one name of the API, so the stage tells their metrics apart."""
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    assert [stage["api_gateway_stage"] for stage in stages.values()] == list(stages)
    assert watched_names()["Stage"] == "prod"


def test_no_stage_is_without_a_limit():
    """Otherwise a flood starts as many environments as the account allows."""
    stages = json.loads((ROOT / ".chalice/config.json").read_text())["stages"]
    assert {name: stage["reserved_concurrency"] for name, stage in stages.items()} == {
        "dev": 10, "prod": 100,
    }  # fmt: skip
    memory_gigabytes = 1769 / 1024
    assert round(1000 * memory_gigabytes * 3600 * 0.0000166667) == 104
    assert "104 USD an hour" in (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_teardown_deletes_every_stack_after_those_that_use_it():
    """CloudFormation does not delete a stack while another imports from it."""
    document = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    teardown = document.partition("## Tearing down")[2].partition("\n## ")[0]
    order = re.findall(r"delete-stack --stack-name rangefinder-(\w+)", teardown)
    assert sorted(order) == sorted(path.stem for path in TEMPLATES)
    for path in TEMPLATES:
        for stack in re.findall(r'"Fn::ImportValue": !Sub "\$\{(\w+)Stack\}', path.read_text()):
            assert order.index(path.stem) < order.index(stack.lower()), path.name


def test_only_the_function_and_operations_reach_database_and_cache():
    """They alone reach the cache, too, and no group reaches the function."""
    groups = resources("network.yaml", "AWS::EC2::SecurityGroup")

    def sources(name):
        rules = groups[name].get("SecurityGroupIngress", [])
        assert not any({"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule) for rule in rules)
        return {(rule["SourceSecurityGroupId"]["Ref"], rule["FromPort"]) for rule in rules}

    function, operations = "FunctionSecurityGroup", "OperationsSecurityGroup"
    assert sources("DatabaseSecurityGroup") == {(function, 3306), (operations, 3306)}
    assert sources("CacheSecurityGroup") == {(function, 6379), (operations, 6379)}
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
    for name, subnet in subnets.items():
        letter = name[-1]
        default = {"Fn::Select": ["AB".index(letter), {"Fn::GetAZs": ""}]}
        assert subnet["AvailabilityZone"] == {
            "Fn::If": [f"HasZone{letter}", {"Ref": f"Zone{letter}"}, default]
        }
    (cache,) = resources("data.yaml", "AWS::ElastiCache::ServerlessCache").values()
    assert "PrivateSubnets" in str(cache["SubnetIds"]), "its zones are those of the network"
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
    (shared,) = resources("data.yaml", "AWS::RDS::DBClusterParameterGroup").values()
    assert shared["Parameters"] == {"require_secure_transport": "ON"}
    ((name, group),) = resources("data.yaml", "AWS::RDS::DBParameterGroup").items()
    assert instance["DBParameterGroupName"] == {"Ref": name}
    parameters = load("data.yaml")["Parameters"]
    assert parameters["DatabaseMinimumCapacity"]["Default"] == 0
    assert parameters["DeletionProtection"]["Default"] == "true"
    # An idle connection keeps the database awake, so it must end before the pause.
    idle_seconds = {group["Parameters"][key] for key in ("wait_timeout", "interactive_timeout")}
    assert idle_seconds == {"120"}
    assert int(*idle_seconds) < parameters["SecondsUntilPause"]["MinValue"]
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
    *TEMPLATES, GATEWAY, *sorted((ROOT / ".chalice").glob("policy-*.json")),
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
    for path in (*TEMPLATES, GATEWAY, ROOT / "tools/package/configure.py"):
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


def run_deploy_script(directory, *arguments):
    """Run infra/deploy with a program `aws` that notes its calls; return these."""
    (directory / "aws").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >>{directory}/calls\n[ "$1" != ec2 ] || echo pl-6ea54007\n'
    )
    (directory / "aws").chmod(0o755)
    environment = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
    subprocess.run([str(INFRA / "deploy"), *arguments], env=environment, check=True)
    calls = (directory / "calls").read_text().splitlines()
    (directory / "calls").unlink()
    return calls


def test_the_deploy_script_calls_cloudformation(tmp_path):
    """It deploys one stack with the given parameters, then prints its outputs."""
    deploy, describe = run_deploy_script(tmp_path, "data", "SecondsUntilPause=300")
    assert deploy.startswith("cloudformation deploy --stack-name rangefinder-data ")
    assert deploy.endswith("--parameter-overrides SecondsUntilPause=300")
    assert describe.startswith("cloudformation describe-stacks --stack-name rangefinder-data ")
    misspelt = subprocess.run([str(INFRA / "deploy"), "dta"], capture_output=True, check=False)
    assert misspelt.returncode == 2


def test_the_deploy_script_looks_up_the_addresses_of_s3(tmp_path):
    """The network needs AWS's list of them, unless the operator names one."""
    lookup, deploy, _ = run_deploy_script(tmp_path, "network", "ZoneA=eu-central-1a")
    assert lookup.startswith("ec2 describe-managed-prefix-lists ")
    assert deploy.endswith("--parameter-overrides ZoneA=eu-central-1a S3PrefixList=pl-6ea54007")
    deploy, _ = run_deploy_script(tmp_path, "network", "S3PrefixList=pl-1")
    assert deploy.endswith("--parameter-overrides S3PrefixList=pl-1")


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

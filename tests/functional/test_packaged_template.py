"""Test the template that `make package-sam` writes, and what CloudFormation makes of it.

AWS's own SAM translator and cfn-lint stand in for an AWS account.
"""

import json
import re
import shutil
import sys

import pytest
import yaml

from chalicelib.http import body
from chalicelib.http.problems import CATALOGUE, TYPE_PREFIX
from tests.templates import MAX_TEMPLATE_BYTES, MAX_TEMPLATE_BYTES_IN_BUCKET, lint, load
from tools import ROOT
from tools.package import package_sam
from tools.package.account import GATEWAY
from tools.show.serving import OFFLINE


def package(directory, stage, **settings):
    """Package with the real Chalice, without dependencies, so that nothing is downloaded."""
    if sys.version_info < (3, 12):
        pytest.skip("Lambda has SnapStart from Python 3.12 on; package-sam refuses older ones")
    project, output = directory / "project", directory / "sam"
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("deployments"))
    shutil.copy(ROOT / "app.py", project)
    (project / "requirements.txt").touch()
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][stage].setdefault("environment_variables", {}).update(settings)
    path.write_text(json.dumps(config))
    package_sam.package(project, stage, output)
    return output / "sam.yaml"


@pytest.fixture(scope="module", params=["dev", "prod"])
def packaged(request, tmp_path_factory):
    """Each stage: its name and its template."""
    return request.param, package(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture
def sam(packaged):
    return yaml.safe_load(packaged[1].read_text())


@pytest.fixture
def translated(sam, monkeypatch):
    """Return the CloudFormation template, by AWS's own translator."""
    from samtranslator.parser.parser import Parser  # noqa: PLC0415 - slow to import
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    for name, value in OFFLINE.items():
        monkeypatch.setenv(name, value)
    sam["Resources"]["APIHandler"]["Properties"]["CodeUri"] = "s3://bucket/deployment.zip"
    defaults = {name: parameter["Default"] for name, parameter in sam["Parameters"].items()}
    return Translator({}, Parser()).translate(sam, defaults)


def test_the_packaged_template_passes_the_linter(packaged, translated, tmp_path):
    """cfn-lint accepts it as packaged and as CloudFormation sees it."""
    path = tmp_path / "translated.json"
    path.write_text(json.dumps(translated))
    assert lint(packaged[1], path) == ""
    assert (packaged[1].parent / "deployment.zip").is_file()


def test_the_packaged_api_is_regional_and_takes_photos(sam):
    """Without the binary types, a photo would arrive damaged and without an error."""
    api = sam["Resources"]["RestAPI"]["Properties"]
    assert api["EndpointConfiguration"] == "REGIONAL"
    binary = api["DefinitionBody"]["x-amazon-apigateway-binary-media-types"]
    assert set(binary) == set(body.BINARY_TYPES)
    assert set(body.PHOTO_TYPES) <= set(binary)
    assert "*/*" not in binary
    assert api["MinimumCompressionSize"] == 1000, "the page is sent compressed"


def test_every_route_calls_the_snapshotted_version(translated):
    """Routes and permission name the alias, because $LATEST has no snapshot."""
    resources = translated["Resources"]
    (alias,) = (
        name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Alias"
    )
    function = resources["APIHandler"]["Properties"]
    assert function["SnapStart"] == {"ApplyOn": {"Ref": "SnapStart"}}
    assert translated["Parameters"]["SnapStart"]["Default"] == "PublishedVersions"
    assert resources["APIHandlerInvokePermission"]["Properties"]["FunctionName"] == {"Ref": alias}
    paths = resources["RestAPI"]["Properties"]["Body"]["paths"]
    called = [
        method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"][1]
        for methods in paths.values()
        for method in methods.values()
        if method["x-amazon-apigateway-integration"]["type"] == "aws_proxy"
    ]
    assert len(called) > len(paths)
    assert all(target == {"Alias": {"Ref": alias}} for target in called)
    (version,) = (
        resource for resource in resources.values() if resource["Type"] == "AWS::Lambda::Version"
    )
    assert version["DeletionPolicy"] == "Delete"


def test_logs_expire(translated):
    """The function writes to a log group of the stack, which deletes old entries."""
    resources = translated["Resources"]
    assert resources["APIHandlerLogs"]["Properties"]["RetentionInDays"] == {"Ref": "LogDays"}
    logging = resources["APIHandler"]["Properties"]["LoggingConfig"]
    assert logging == {"LogGroup": {"Ref": "APIHandlerLogs"}}


def test_stages_differ_as_they_should(packaged, sam):
    """Only prod has a network. Each stage has its own rights, and a limit of its own."""
    stage = packaged[0]
    function = sam["Resources"]["APIHandler"]["Properties"]
    assert ("VpcConfig" in function) == (stage == "prod")
    assert function["ReservedConcurrentExecutions"] == {"dev": 10, "prod": 100}[stage]
    assert function["MemorySize"] == 1769
    assert function["Timeout"] == 29
    assert function["Tracing"] == "Active"
    (policy,) = sam["Resources"]["ApiHandlerRole"]["Properties"]["Policies"]
    assert policy["PolicyDocument"] == json.loads(
        (ROOT / f".chalice/policy-{stage}.json").read_text()
    )


GATEWAY_ANSWERS = sorted(
    load(GATEWAY.name)["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
)


def test_what_api_gateway_answers_by_itself_is_covered():
    """Its own refusals of a request, and the defaults for what else it may think of."""
    assert {
        "ACCESS_DENIED", "MISSING_AUTHENTICATION_TOKEN", "INVALID_API_KEY", "RESOURCE_NOT_FOUND",
        "REQUEST_TOO_LARGE", "THROTTLED", "QUOTA_EXCEEDED", "INTEGRATION_FAILURE",
        "INTEGRATION_TIMEOUT", "DEFAULT_4XX", "DEFAULT_5XX",
    } <= set(GATEWAY_ANSWERS)  # fmt: skip


@pytest.mark.parametrize("name", GATEWAY_ANSWERS)
def test_api_gateway_speaks_as_the_function_does(name):
    """Problem details of the catalogue where one fits, readable by browsers."""
    api = load(GATEWAY.name)["Resources"]["RestAPI"]["Properties"]
    answer = api["GatewayResponses"][name]
    headers = answer["ResponseParameters"]["Headers"]
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["Access-Control-Allow-Origin"] == {"Fn::Sub": "'${AllowedOrigin}'"}
    assert headers["X-Content-Type-Options"] == "'nosniff'"
    template = answer["ResponseTemplates"]["application/json"]
    problem = json.loads(template.replace("$context.error.messageString", '"Said by AWS"'))
    assert set(problem) >= {"type", "title", "detail", "requestId"}
    if "StatusCode" in answer:
        assert problem["status"] == int(answer["StatusCode"])
    if problem["type"] == "about:blank":
        return
    known = CATALOGUE[problem["type"].removeprefix(TYPE_PREFIX)]
    assert problem["title"] == known.title
    assert problem.get("status", known.status) == known.status


def test_no_gateway_response_names_a_way_that_a_stage_may_lack():
    """Only a stage with a bucket has uploads, and API Gateway does not know of it."""
    assert "uploads" not in GATEWAY.read_text(encoding="utf-8")


def test_every_resource_that_answers_get_answers_head(sam):
    """API Gateway refuses a method that is not in its definition, whatever the function does."""
    paths = sam["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    readable = [methods for methods in paths.values() if "get" in methods]
    assert len(readable) > 8
    assert all("head" in methods for methods in readable)


def test_browsers_may_keep_the_result_of_a_preflight(sam):
    """Otherwise each upload of a page is two requests."""
    paths = sam["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    for methods in paths.values():
        preflight = methods["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
        seconds = preflight["responseParameters"]["method.response.header.Access-Control-Max-Age"]
        assert seconds == "'7200'"


def test_requests_are_throttled(translated):
    """There is a limit for all clients together, and a daily limit for each key."""
    (stage,) = (
        resource["Properties"] for resource in translated["Resources"].values()
        if resource["Type"] == "AWS::ApiGateway::Stage"
    )  # fmt: skip
    (settings,) = stage["MethodSettings"]
    assert settings["ResourcePath"] == "/*"
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    plan = translated["Resources"]["UsagePlan"]["Properties"]
    assert plan["ApiStages"][0]["Stage"]["Ref"].startswith("RestAPI")
    assert plan["Quota"]["Period"] == "DAY"


def test_there_is_one_stage_and_only_it_may_call_the_function(packaged, translated):
    """SAM would add another one, which has no throttling."""
    stages = {
        name: resource["Properties"] for name, resource in translated["Resources"].items()
        if resource["Type"] == "AWS::ApiGateway::Stage"
    }  # fmt: skip
    ((name, stage),) = stages.items()
    assert stage["StageName"] == packaged[0]
    deployments = [
        resource["Properties"] for resource in translated["Resources"].values()
        if resource["Type"] == "AWS::ApiGateway::Deployment"
    ]  # fmt: skip
    assert not any("StageName" in deployment for deployment in deployments)
    permission = translated["Resources"]["APIHandlerInvokePermission"]["Properties"]
    address, parts = permission["SourceArn"]["Fn::Sub"]
    assert address.endswith(":${Api}/${Stage}/*")
    assert parts == {"Api": {"Ref": "RestAPI"}, "Stage": {"Ref": name}}


def test_the_stack_names_what_chalice_would_name(translated):
    """Alarms and dashboard then watch either way."""
    resources = translated["Resources"]
    assert resources["RestAPI"]["Properties"]["Name"] == "rangefinder"
    assert resources["APIHandler"]["Properties"]["FunctionName"] == {"Ref": "AWS::StackName"}


def test_the_printed_commands_name_a_bucket(packaged):
    """The template is above the limit without one, and below the limit with one."""
    stage, path = packaged
    assert MAX_TEMPLATE_BYTES < path.stat().st_size < MAX_TEMPLATE_BYTES_IN_BUCKET
    package_command, deploy_command = re.split(
        r"\n(?=aws)", package_sam.commands(path.parent, stage)
    )
    assert package_command.startswith("aws cloudformation package ")
    assert deploy_command.startswith("aws cloudformation deploy ")
    assert "--s3-bucket BUCKET" in package_command
    assert "--s3-bucket BUCKET" in deploy_command


def test_the_stage_decides_about_origin_and_keys(tmp_path):
    """The app and the gateway allow the same origin, and predictions need a key."""
    origin = "https://example.org"
    path = package(
        tmp_path, "dev",
        RANGEFINDER_ALLOWED_ORIGIN=origin, RANGEFINDER_API_KEY_REQUIRED="on",
    )  # fmt: skip
    template = yaml.safe_load(path.read_text())
    assert template["Parameters"]["AllowedOrigin"]["Default"] == origin
    predictions = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"][
        "/v1/predictions"
    ]
    preflight = predictions["options"]["x-amazon-apigateway-integration"]["responses"]["default"]
    allowed = "method.response.header.Access-Control-Allow-Origin"
    assert preflight["responseParameters"][allowed] == f"'{origin}'"
    assert {"api_key": []} in predictions["post"]["security"]
    assert lint(path) == ""


def test_an_unknown_stage_is_refused_before_anything_is_built(capsys):
    """``make package-sam STAGE=nope`` ends in one line that names the stages."""
    assert package_sam.main(["--stage", "nope"], build=pytest.fail) == 2
    assert capsys.readouterr().err == (
        "STAGE=nope: there is no such stage. Use one of dev, prod.\n"
    )

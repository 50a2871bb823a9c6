"""Test the check of .chalice/config.json, which reports each mistyped key."""

import copy
import json
from importlib import metadata

import pytest
from jsonschema import Draft202012Validator

from tools.package.check_config import CONFIG, SCHEMA, faults, main

CORRECT = json.loads(CONFIG.read_text(encoding="utf-8"))


def broken(*path, value):
    config = copy.deepcopy(CORRECT)
    level = config
    for name in path[:-1]:
        level = level.setdefault(name, {})
    level[path[-1]] = value
    return config


def test_the_configuration_of_the_project_is_correct():
    """The check passes, also as `make check` runs it."""
    assert faults(CORRECT, CONFIG.parent) == []
    assert main() == 0


def test_the_schema_lists_the_keys_of_chalice():
    """It has the keys of the pinned Chalice, at the levels that Chalice reads."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert f"Chalice {metadata.version('chalice')} reads these keys" in schema["$comment"]
    project = schema["properties"]
    stage = schema["$defs"]["stage"]["properties"]
    function = schema["$defs"]["functions"]["additionalProperties"]["properties"]
    assert {"lambda_memory_size", "subnet_ids", "xray", "minimum_compression_size"} <= set(project)
    assert "app_name" in project
    assert {"app_name", "version", "stages"}.isdisjoint(stage)
    for level in (project, stage, function):
        assert level["lambda_memory_size"] == {"type": "integer"}
        assert "project_dir" not in level
    assert "automatic_layer" in stage
    assert "automatic_layer" not in function


def test_the_schema_refuses_unknown_keys_at_each_level():
    """No level accepts a mistyped key."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert Draft202012Validator.check_schema(schema) is None
    functions = schema["$defs"]["functions"]["additionalProperties"]
    for level in (schema, schema["$defs"]["stage"], functions):
        assert level["additionalProperties"] is False


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("lambda_memory",), 1769, "lambda_memory: Chalice has no such key here"),
        (("stages", "prod", "subnets_ids"), [], "stages.prod.subnets_ids: Chalice has no"),
        (("stages", "prod", "app_name"), "x", "stages.prod.app_name: Chalice has no such key"),
        (
            ("stages", "dev", "lambda_functions", "api_handler", "lambda_timeot"), 3,
            "stages.dev.lambda_functions.api_handler.lambda_timeot: Chalice has no",
        ),
        (("lambda_functions", "api_handler", "api_gateway_stage"), "x",
         "lambda_functions.api_handler.api_gateway_stage: Chalice has no such key"),
        (("stages", "dev", "log_retention_in_days"), 30, "names the wrong log group"),
        (("lambda_timeout",), "29", "lambda_timeout: '29' is not of type 'integer'"),
        (
            ("stages", "prod", "subnet_ids"), "subnet-1",
            "subnet_ids: 'subnet-1' is not of type 'array'",
        ),
        (("stages", "dev", "autogen_policy"), True, "autogen_policy: must be false"),
        (("stages", "dev", "iam_policy_file"), "policy-none.json", "must name a file"),
        (("stages", "prod", "security_group_ids"), [], "need each other"),
        (
            ("stages", "dev", "environment_variables", "RANGEFINDER_GOE"), "off",
            "environment_variables.RANGEFINDER_GOE: there is no such setting",
        ),
        (
            ("environment_variables", "RANGEFINDER_GEO"), "maybe",
            "environment_variables.RANGEFINDER_GEO='maybe': must be 'on' or 'off'",
        ),
        (
            ("stages", "dev", "environment_variables", "RANGEFINDER_GEO"), True,
            "RANGEFINDER_GEO: True is not of type 'string'",
        ),
    ],
)  # fmt: skip
def test_each_fault_is_reported(path, value, fault):
    """Faults are unknown keys, wrong types, wrong settings and broken features of Chalice."""
    reported = faults(broken(*path, value=value), CONFIG.parent)
    assert reported
    assert any(fault in text for text in reported)


def test_a_fault_fails_the_check(tmp_path, capsys):
    """`make check` fails and prints the fault."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"version": "2.0", "appname": "rangefinder"}))
    assert main(path) == 1
    assert "appname: Chalice has no such key" in capsys.readouterr().err

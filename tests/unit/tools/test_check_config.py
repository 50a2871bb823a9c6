"""A mistyped key of .chalice/config.json is a fault."""

import copy
import json

import pytest

from tools.package.check_config import CONFIG, faults, known_keys, main

CORRECT = json.loads(CONFIG.read_text(encoding="utf-8"))


def broken(*path, value):
    config = copy.deepcopy(CORRECT)
    level = config
    for name in path[:-1]:
        level = level.setdefault(name, {})
    level[path[-1]] = value
    return config


def test_ours_is_correct():
    """What ships passes, also as `make check` runs it."""
    assert faults(CORRECT, CONFIG.parent) == []
    assert main() == 0


def test_the_keys_come_from_chalice():
    """All that the documentation of Chalice 1.34 lists, and where each may stand."""
    keys = known_keys()
    assert {"lambda_memory_size", "subnet_ids", "xray", "minimum_compression_size"} <= set(keys)
    assert keys["app_name"][1:] == (False, False)
    assert keys["lambda_memory_size"] == (int, True, True)
    assert keys["automatic_layer"][1:] == (True, False)
    assert "project_dir" not in keys


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("lambda_memory",), 1769, "lambda_memory: Chalice knows no such key here"),
        (("stages", "prod", "subnets_ids"), [], "stages.prod.subnets_ids: Chalice knows no"),
        (("stages", "prod", "app_name"), "x", "stages.prod.app_name: Chalice knows no such key"),
        (
            ("stages", "dev", "lambda_functions", "api_handler", "lambda_timeot"), 3,
            "stages.dev.lambda_functions.api_handler.lambda_timeot: Chalice knows no",
        ),
        (("lambda_functions", "api_handler", "api_gateway_stage"), "x",
         "lambda_functions.api_handler.api_gateway_stage: Chalice knows no such key"),
        (("stages", "dev", "log_retention_in_days"), 30, "names the wrong log group"),
        (("lambda_timeout",), "29", "lambda_timeout: Expected `int`, got `str`"),
        (("stages", "prod", "subnet_ids"), "subnet-1", "Expected `array`, got `str`"),
        (("stages", "dev", "autogen_policy"), True, "autogen_policy: must be false"),
        (("stages", "dev", "iam_policy_file"), "policy-none.json", "must name a file"),
        (("stages", "prod", "security_group_ids"), [], "needs security_group_ids"),
        (
            ("stages", "dev", "environment_variables", "RANGEFINDER_GOE"), "off",
            "environment_variables.RANGEFINDER_GOE: there is no such setting",
        ),
        (
            ("environment_variables", "RANGEFINDER_GEO"), "maybe",
            "environment_variables.RANGEFINDER_GEO='maybe': must be 'on' or 'off'",
        ),
        (("stages", "dev", "environment_variables", "RANGEFINDER_GEO"), True, "Expected `str`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(path, value, told):
    """At every level: unknown keys, wrong types, wrong settings, what Chalice does badly."""
    found = faults(broken(*path, value=value), CONFIG.parent)
    assert found
    assert any(told in fault for fault in found)


def test_faults_end_the_check(tmp_path, capsys):
    """`make check` fails, and says why."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"version": "2.0", "appname": "rangefinder"}))
    assert main(path) == 1
    assert "appname: Chalice knows no such key" in capsys.readouterr().err

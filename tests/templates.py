"""Load and lint the CloudFormation templates."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice.package import YAMLTemplateSerializer

from tools import ROOT
from tools.package.account import GATEWAY

INFRA = ROOT / "infra"
TEMPLATES = sorted(path for path in INFRA.glob("*.yaml") if path != GATEWAY)

MAX_TEMPLATE_BYTES = 51_200
"""CloudFormation's limit of a template that comes without a bucket
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""

MAX_TEMPLATE_BYTES_IN_BUCKET = 1_000_000
"""The limit of one that comes by a bucket."""


def load(name: str) -> Any:
    """Load a template, with its short forms (``!Ref``) written out."""
    text = (INFRA / name).read_text(encoding="utf-8")
    return YAMLTemplateSerializer().load_template(text, name)


def resources(name: str, resource_type: str) -> dict[str, Any]:
    """Return the properties of all resources of a type."""
    items = load(name)["Resources"].items()
    return {
        key: resource["Properties"] for key, resource in items if resource["Type"] == resource_type
    }


def watched_names() -> dict[str, str]:
    """Return the names of function, API and stage in all alarms, which the dashboard shares.

    They are what monitoring.yaml says without parameters.
    """
    template = load("monitoring.yaml")
    defaults = {name: entry.get("Default") for name, entry in template["Parameters"].items()}
    names: dict[str, set[str]] = {"FunctionName": set(), "ApiName": set(), "Stage": set()}
    for dimension in _dimensions(template["Resources"]):
        if dimension["Name"] in names:
            names[dimension["Name"]].add(defaults[dimension["Value"]["Ref"]])
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in re.findall(r'"(FunctionName|ApiName|Stage)", "\$\{(\w+)\}"', body):
        names[name].add(defaults[value])
    assert all(len(values) == 1 for values in names.values()), names
    return {name: value for name, (value,) in names.items()}


def _dimensions(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("Dimensions", [])
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _dimensions(item)


def lint(*paths: Path) -> str:
    """Return the output of cfn-lint."""
    program = str(Path(sys.executable).with_name("cfn-lint"))
    done = subprocess.run([program, *map(str, paths)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def statements_within(value: Any) -> Iterator[dict[str, Any]]:
    """Yield all policy statements in a value, of roles and buckets alike."""
    if isinstance(value, dict):
        if "Effect" in value and "Action" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from statements_within(item)

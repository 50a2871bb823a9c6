"""Load and lint the CloudFormation templates."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice.package import YAMLTemplateSerializer

from tools import ROOT
from tools.package.package_sam import GATEWAY

INFRA = ROOT / "infra"
TEMPLATES = sorted(path for path in INFRA.glob("*.yaml") if path != GATEWAY)


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

"""CloudFormation templates, read and linted as the tests want them."""

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
    """A template, its short forms (``!Ref``) written out."""
    text = (INFRA / name).read_text(encoding="utf-8")
    return YAMLTemplateSerializer().load_template(text, name)


def resources(name: str, kind: str) -> dict[str, Any]:
    """The properties of all resources of a kind."""
    made = load(name)["Resources"].items()
    return {key: one["Properties"] for key, one in made if one["Type"] == kind}


def lint(*paths: Path) -> str:
    """What cfn-lint has to say."""
    program = str(Path(sys.executable).with_name("cfn-lint"))
    done = subprocess.run([program, *map(str, paths)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def statements_within(thing: Any) -> Iterator[dict[str, Any]]:
    """All policy statements anywhere within, of roles and buckets alike."""
    if isinstance(thing, dict):
        if "Effect" in thing and "Action" in thing:
            yield thing
        thing = list(thing.values())
    if isinstance(thing, list):
        for value in thing:
            yield from statements_within(value)

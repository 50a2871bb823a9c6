"""Package the service for CloudFormation: ``make package-sam``.

Runs ``chalice package`` and merges ``infra/gateway.yaml``, which has what ``chalice deploy``
cannot make: API Gateway's own answers, log retention, SnapStart, throttling and API keys. Two
changes need the finished template: the routes call the function's alias, and API Gateway
allows the origin of the stage's settings. The zip is that of ``make package``.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tools import ROOT
from tools.package import build_package
from tools.package.account import GATEWAY
from tools.package.chalice_project import QUIET, PackagingError
from tools.package.deploy import read_stages, unknown_stage
from tools.show.serving import OFFLINE

ORIGIN_SETTING: Final = "RANGEFINDER_ALLOWED_ORIGIN"
FUNCTION: Final = "${APIHandler.Arn}"


def package(project: Path, stage: str, output: Path) -> dict[str, Any]:
    """Write ``deployment.zip`` and ``sam.yaml`` into ``output``, and return the template."""
    chalice = str(Path(sys.executable).with_name("chalice"))
    subprocess.run(
        [chalice, "--project-dir", str(project), "package", "--stage", stage,
         "--merge-template", str(GATEWAY), str(output)],
        env={**OFFLINE, **os.environ, **QUIET, "PYTHONPATH": str(project)},
        check=True,
    )  # fmt: skip
    path = output / "sam.yaml"
    shared = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML writes shared parts as aliases, which CloudFormation refuses. JSON shares nothing.
    template: dict[str, Any] = json.loads(json.dumps(shared))
    finish(template)
    path.write_text(yaml.safe_dump(template, allow_unicode=True), encoding="utf-8")
    return template


def finish(template: dict[str, Any]) -> None:
    """Let the routes call the alias, and API Gateway allow the app's origin."""
    integrations = list(function_integrations(template))
    for integration in integrations:
        address = integration["uri"]["Fn::Sub"]
        if FUNCTION not in address:
            raise PackagingError(f"A route does not call the function: {address}")
        # A snapshot belongs to a published version. $LATEST would start cold.
        integration["uri"] = {
            "Fn::Sub": [
                address.replace(FUNCTION, "${Alias}"),
                {"Alias": {"Ref": "APIHandler.Alias"}},
            ]
        }
    if not integrations:
        raise PackagingError("No route calls the function.")
    environment = template["Resources"]["APIHandler"]["Properties"].get("Environment", {})
    if origin := environment.get("Variables", {}).get(ORIGIN_SETTING):
        template["Parameters"]["AllowedOrigin"]["Default"] = origin


def function_integrations(template: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each route's call of the function. API Gateway itself answers preflights."""
    api = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    for methods in api["paths"].values():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            if integration["type"] == "aws_proxy":
                yield integration


def commands(output: Path, stage: str) -> str:
    """Return the two commands that deploy what ``package`` has written.

    Without a bucket, CloudFormation takes a template of at most 51,200 bytes; ours is larger.
    """
    directory, stack = shlex.quote(os.path.relpath(output)), f"rangefinder-{stage}"
    return f"""\
aws cloudformation package --template-file {directory}/sam.yaml \\
  --s3-bucket BUCKET --output-template-file {directory}/packaged.yaml
aws cloudformation deploy --template-file {directory}/packaged.yaml \\
  --s3-bucket BUCKET --stack-name {stack} --capabilities CAPABILITY_IAM \\
  --no-fail-on-empty-changeset"""


def main(
    arguments: Sequence[str] | None = None,
    root: Path = ROOT,
    build: Callable[..., Path] = build_package.build,
) -> int:
    """Package one stage, and print the next commands.

    Args:
        arguments: Those of the command line.
        root: The directory of the project.
        build: Builds the package, as ``build_package.build`` does.
    """
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--output", type=Path, default=root / "build" / "sam")
    options = parser.parse_args(arguments)
    if fault := unknown_stage(options.stage, read_stages(root / ".chalice" / "config.json")):
        print(fault, file=sys.stderr)
        return 2
    project = root / "build" / "deployment"
    try:
        # Chalice uses the package that it finds in the copy.
        build(project, source=root)
    except PackagingError as error:
        print(error, file=sys.stderr)
        return 2
    package(project, options.stage, options.output)
    print(f"\n{os.path.relpath(options.output)}/sam.yaml is written. Replace BUCKET by your bucket")
    print(f"for deployments:\n\n{commands(options.output, options.stage)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

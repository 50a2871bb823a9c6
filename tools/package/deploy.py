"""Deploy the pruned package through Chalice: ``make deploy STAGE=dev``.

``chalice deploy`` uploads the zip that it finds under a name of its own making. Chalice does
not promise this. So we ask its code for the name before anything is deployed, and a test
compares the bytes that arrive with ours.
"""

import argparse
import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session
from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from tools import ROOT
from tools.package import account, build_package
from tools.package.chalice_project import TARGET, PackagingError, run_chalice, stage_replaced
from tools.package.check_config import CONFIG
from tools.package.verify_package import MACHINES

QUICK: Final = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})

LIMIT_OPTIONS: Final = {"rateLimit": "--requests-per-second", "burstLimit": "--requests-at-once"}

UNCONFIGURED_BUCKET: Final = "unconfigured"
"""The upload bucket of the prod stage before ``make configure``."""

NO_REGION: Final = "AWS region: none is set. Set AWS_DEFAULT_REGION, for example to eu-central-1."
NO_CREDENTIALS: Final = (
    "AWS credentials: none are set. Run `aws configure`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID "
    "and AWS_SECRET_ACCESS_KEY."
)


def read_stages(config: Path = CONFIG) -> dict[str, dict[str, Any]]:
    """Return the stages of a project's ``.chalice/config.json``."""
    content = json.loads(config.read_text(encoding="utf-8"))
    stages: dict[str, dict[str, Any]] = content["stages"]
    return stages


def unknown_stage(stage: str, stages: Collection[str]) -> str | None:
    """Return a sentence that refuses a stage, or ``None`` if it is one of ``stages``."""
    if stage in stages:
        return None
    return f"STAGE={stage}: there is no such stage. Use one of {', '.join(stages)}."


def missing_prerequisites(
    stage: str, session: Session, stages: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a line for everything that a deployment lacks. To build first would cost a minute.

    Args:
        stage: The stage that the user names.
        session: The AWS session, which knows region and credentials as Chalice does.
        stages: All stages of the configuration.
    """
    if fault := unknown_stage(stage, stages):
        yield fault
    elif _is_unconfigured(stages[stage]):
        yield f"STAGE={stage}: not configured yet. Run `make infra` and `make configure` first."
    region = session.get_config_variable("region")
    if not region:
        yield NO_REGION
    try:
        if not session.get_credentials():
            yield NO_CREDENTIALS
        elif region:
            # They may have expired.
            session.create_client("sts", config=QUICK).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield f"AWS credentials: not accepted. {error}"


def _is_unconfigured(stage: Mapping[str, Mapping[str, str]]) -> bool:
    variables = stage.get("environment_variables", {})
    return variables.get("RANGEFINDER_UPLOADS_BUCKET") == UNCONFIGURED_BUCKET


def expected_package(project: Path, architecture: str) -> Path:
    """Return the path at which Chalice looks for a project's package before it makes one."""
    system = OSUtils()
    packager = LambdaDeploymentPackager(
        system, DependencyBuilder(system, architecture=architecture), UI(), architecture
    )
    return Path(packager.deployment_package_filename(str(project), TARGET))


def upload(
    project: Path, stage: str, deployed: Path, architecture: str, environment: Mapping[str, str]
) -> str:
    """Deploy the package that was built in ``project``, and return Chalice's output.

    Args:
        project: A project that ``build_package.build`` has made.
        stage: The stage to deploy.
        deployed: The directory in which Chalice notes each stage's resources; shared with plain
            ``chalice deploy`` and ``delete``.
        architecture: ``x86_64`` or ``arm64``.
        environment: Variables for Chalice beside those of this process.

    Raises:
        PackagingError: There is no such package, or Chalice failed.
    """
    expected = expected_package(project, architecture)
    if not expected.is_file():
        raise PackagingError(f"Chalice would make a package of its own: there is no {expected}.")
    deployed.mkdir(parents=True, exist_ok=True)
    link = project / ".chalice" / "deployed"
    link.unlink(missing_ok=True)
    link.symlink_to(deployed)
    return run_chalice(project, "deploy", "--stage", stage, environment=environment)


def base_url(deployed: Path, stage: str) -> str:
    """Return the deployed API's address, to which the documents' paths are appended."""
    (address,) = (
        str(resource["rest_api_url"])
        for resource in account.resources(deployed, stage)
        if "rest_api_url" in resource
    )
    # Chalice's address ends with a slash. `//v1/...` is another path, and answered with 404.
    return address.rstrip("/")


def main(
    arguments: Sequence[str] | None = None,
    root: Path = ROOT,
    build: Callable[..., Path] = build_package.build,
) -> int:
    """Check, build, deploy, limit the requests, and print the address.

    Args:
        arguments: Those of the command line.
        root: The directory of the project.
        build: Builds the package, as ``build_package.build`` does.
    """
    limits = account.default_limits()
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--architecture", choices=MACHINES, default="x86_64")
    for limit, option in LIMIT_OPTIONS.items():
        parser.add_argument(option, type=int, dest=limit, default=limits[limit])
    options = parser.parse_args(arguments)
    stages, session = read_stages(root / ".chalice" / "config.json"), Session()
    if missing := list(missing_prerequisites(options.stage, session, stages)):
        print("Not deployed, and nothing was built:", *missing, sep="\n", file=sys.stderr)
        return 1
    project, deployed = root / "build" / "deployment", root / ".chalice" / "deployed"
    try:
        package = build(project, options.architecture, source=root)
        print(build_package.size_table(package))
        stage, notice = account.fitted(
            options.stage,
            read_stages(project / ".chalice" / "config.json")[options.stage],
            session.create_client,
        )
        if notice:
            print(notice, file=sys.stderr)
        with stage_replaced(project, options.stage, stage):
            print(upload(project, options.stage, deployed, options.architecture, {}))
    except (PackagingError, BotoCoreError, ClientError) as error:
        print(f"Not deployed:\n{error}", file=sys.stderr)
        return 1
    print(f"BASE={base_url(deployed, options.stage)}")
    chosen = {limit: getattr(options, limit) for limit in limits}
    try:
        account.limit_requests(deployed, options.stage, chosen, session.create_client)
    except (BotoCoreError, ClientError) as error:
        print(f"Deployed, but API Gateway limits no requests: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

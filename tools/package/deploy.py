"""Deploy the slimmed package through Chalice: ``make deploy STAGE=dev``.

``chalice deploy`` uploads the zip that it finds under the name of its own making. It nowhere
promises so; hence the name is asked of Chalice's code before anything is deployed, and a
test holds the bytes that arrive against ours.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from tools import ROOT
from tools.package import build_package
from tools.package.chalice_project import DEPLOYMENT, TARGET, NoPackage, run_chalice
from tools.package.verify_package import MACHINES

DEPLOYED: Final = ROOT / ".chalice" / "deployed"
"""What Chalice knows of its resources: shared with plain ``chalice deploy`` and ``delete``."""


def expected_package(project: Path, architecture: str) -> Path:
    """Where Chalice looks for the package of a project before it makes one."""
    system = OSUtils()
    packager = LambdaDeploymentPackager(
        system, DependencyBuilder(system, architecture=architecture), UI(), architecture
    )
    return Path(packager.deployment_package_filename(str(project), TARGET))


def upload(
    project: Path, stage: str, deployed: Path, architecture: str, environment: Mapping[str, str]
) -> str:
    """Deploy the package that was built in ``project``; what Chalice said.

    ``deployed`` remembers the resources of each stage. Raises ``NoPackage``.
    """
    expected = expected_package(project, architecture)
    if not expected.is_file():
        raise NoPackage(f"Chalice would make a package of its own: there is no {expected}.")
    deployed.mkdir(parents=True, exist_ok=True)
    link = project / ".chalice" / "deployed"
    link.unlink(missing_ok=True)
    link.symlink_to(deployed)
    return run_chalice(project, "deploy", "--stage", stage, environment=environment)


def main() -> int:
    """Build and deploy."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--architecture", choices=MACHINES, default="x86_64")
    arguments = parser.parse_args()
    try:
        print(build_package.table(build_package.build(DEPLOYMENT, arguments.architecture)))
        print(upload(DEPLOYMENT, arguments.stage, DEPLOYED, arguments.architecture, {}))
    except NoPackage as error:
        print(f"Not deployed:\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

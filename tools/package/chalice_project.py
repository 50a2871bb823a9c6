"""Copy the project for a deployment, and run Chalice on the copy.

The copy holds only what Chalice needs. Plain ``chalice deploy`` puts the dependencies into a
layer (``automatic_layer`` in ``.chalice/config.json``): with all that pip installs, one zip
would exceed the 50 MB that Lambda takes by direct upload. Ours fits into one zip.

Chalice names a package by the hash of all files under ``chalicelib``. The copy has no
``__pycache__``, so that this name stays the same.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.show.serving import OFFLINE

TARGET: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""Chalice's target runtime: the version of the interpreter that runs it."""

DEPLOYMENT: Final = ROOT / "build" / "deployment"

QUIET: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Bytecode from an import of the app would change the package's name."""


class PackagingError(Exception):
    """The package cannot be built or deployed. The text says why."""


def copy_project(directory: Path, configuration: Mapping[str, object], source: Path = ROOT) -> None:
    """Replace ``directory`` by the project as it is now.

    Args:
        directory: Where to copy to.
        configuration: Keys that replace those of ``.chalice/config.json``, for all stages.
        source: The project to copy.
    """
    shutil.rmtree(directory, ignore_errors=True)
    private = directory / ".chalice"
    private.mkdir(parents=True)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(source / name, directory)
    junk = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(source / "chalicelib", directory / "chalicelib", ignore=junk)
    for file in (source / ".chalice").glob("*.json"):
        shutil.copy(file, private)
    file = private / "config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        for key in configuration:
            stage.pop(key, None)
    file.write_text(json.dumps({**content, **configuration}, indent=2), encoding="utf-8")


@contextmanager
def stage_replaced(project: Path, name: str, stage: Mapping[str, object]) -> Iterator[None]:
    """Replace a stage of a copy's ``config.json`` while the block runs.

    The file is its owner's alone meanwhile: the stage may hold a password.
    """
    file = project / ".chalice" / "config.json"
    before = file.read_text(encoding="utf-8")
    content = json.loads(before)
    content["stages"][name] = stage
    file.chmod(0o600)
    try:
        file.write_text(json.dumps(content, indent=2), encoding="utf-8")
        yield
    finally:
        file.write_text(before, encoding="utf-8")


def run_chalice(project: Path, *arguments: str, environment: Mapping[str, str]) -> str:
    """Run ``chalice`` on a project, and return its output. Raises ``PackagingError``."""
    command = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(project)]
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **QUIET, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    output = done.stdout + done.stderr
    if done.returncode:
        raise PackagingError(f"chalice {' '.join(arguments)}:\n{output}")
    return output


def pack(project: Path) -> Path:
    """Let Chalice's own packager zip a project, and return the zip."""
    directory = project / "packaged"
    # Chalice fetches some wheels by name and version alone. As constraints, the requirements
    # apply their hashes to these wheels, too.
    pinned = {"PIP_CONSTRAINT": str(project / "requirements.txt")}
    output = run_chalice(project, "package", str(directory), environment={**OFFLINE, **pinned})
    if "Could not install dependencies" in output:
        raise PackagingError(output)
    shutil.rmtree(directory)
    (package,) = (project / ".chalice" / "deployments").glob("*.zip")
    return package

"""A copy of the project that is deployed from: what Chalice needs, and nothing else.

Plain ``chalice deploy`` puts the dependencies in a layer (``automatic_layer`` in
``.chalice/config.json``), since one zip of all that pip brings passes the 50 MB that Lambda
takes by direct upload. Ours fits, so the copy's configuration takes one zip.

Chalice names a package by the hash of all files under ``chalicelib``: a copy without
``__pycache__`` keeps that name the same.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.show.serving import OFFLINE

TARGET: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
"""Chalice's target runtime is that of the interpreter that runs it."""

DEPLOYMENT: Final = ROOT / "build" / "deployment"

QUIET: Final = {"PYTHONDONTWRITEBYTECODE": "1"}
"""What importing the app leaves behind would otherwise change the package's name."""


class NoPackage(Exception):
    """Why there is no package."""


def copy_project(directory: Path, configuration: Mapping[str, object]) -> None:
    """Make ``directory`` the project as it is now, with these keys of the configuration."""
    shutil.rmtree(directory, ignore_errors=True)
    private = directory / ".chalice"
    private.mkdir(parents=True)
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, directory)
    junk = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(ROOT / "chalicelib", directory / "chalicelib", ignore=junk)
    for file in (ROOT / ".chalice").glob("*.json"):
        shutil.copy(file, private)
    file = private / "config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for stage in content["stages"].values():
        for key in configuration:
            stage.pop(key, None)
    file.write_text(json.dumps({**content, **configuration}, indent=2), encoding="utf-8")


def run_chalice(project: Path, *arguments: str, environment: Mapping[str, str]) -> str:
    """Run the ``chalice`` command on a project; what it said. Raises ``NoPackage``."""
    command = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(project)]
    done = subprocess.run(
        [*command, *arguments],
        env={**os.environ, **QUIET, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    if done.returncode:
        raise NoPackage(f"chalice {' '.join(arguments)}:\n{said}")
    return said


def pack(project: Path) -> Path:
    """The zip that Chalice's own packager makes of a project, where Chalice keeps it."""
    output = project / "packaged"
    # Chalice fetches some wheels by name and version alone: as constraints, the
    # requirements hold these, too, to their hashes.
    pinned = {"PIP_CONSTRAINT": str(project / "requirements.txt")}
    said = run_chalice(project, "package", str(output), environment={**OFFLINE, **pinned})
    if "Could not install dependencies" in said:
        raise NoPackage(said)
    shutil.rmtree(output)
    (package,) = (project / ".chalice" / "deployments").glob("*.zip")
    return package

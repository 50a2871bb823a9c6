"""A copy of the repository, and a worker that runs tests in it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tools import ROOT

ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": ""}
"""Two workers share the processors. What the code as it is compiles to serves all its mutants."""


def copy_tree(target: Path, root: Path = ROOT) -> None:
    """Copy the files that git knows or would add, as they are now."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target / name)


class Worker:
    """Runs tests in a copy of the repository."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, tests: str, seconds: float) -> dict[str, Any]:
        """Run tests on the code as it is."""
        return self._ask({"path": None, "text": "", "tests": [(tests, seconds)]})

    def run_mutant(self, path: str, text: str, tests: list[tuple[str, float]]) -> dict[str, Any]:
        """Run tests on a changed module, each with a limit in seconds, until some fail."""
        return self._ask({"path": path, "text": text, "tests": tests})

    def _ask(self, task: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def start_worker(root: Path = ROOT) -> Iterator[Worker]:
    """Copy the repository and start a worker in it. Both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        copy_tree(Path(directory), root)
        with subprocess.Popen(
            [sys.executable, "-m", "tools.mutants.worker"],
            cwd=directory, env={**os.environ, **ENVIRONMENT}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        ) as process:  # fmt: skip
            try:
                yield Worker(process)
            finally:
                process.terminate()
                process.wait()

"""Run tests for one mutant after another, inside a copy of the repository.

Reads a task a line from standard input, as JSON, and answers each with a line. A task is a module's
path and changed text, and its tests, each with its time limit in seconds.

Nothing of the service is imported here. A process is forked for each test path: it has the heavy
libraries already, and imports what it tests anew.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

LIBRARIES: Final = (
    "aws_lambda_powertools.metrics", "boto3", "chalice", "exifread", "h3", "hypothesis",
    "jsonschema", "msgspec", "multipart", "numpy", "PIL.Image", "pybase64", "pymysql", "pytest",
    "redis",
)  # fmt: skip
KILLED: Final = {1, 2, 3}
"""What pytest returns if a test fails, a module cannot be imported, or pytest itself fails."""
OPTIONS: Final = (
    "-x", "-q", "--no-header", "--tb=no", "--disable-warnings", "-p", "no:cacheprovider",
    "-p", "no:randomly", "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


def result(code: int | None) -> str:
    """Say what became of a mutant by how its tests ended; ``None`` is out of time."""
    if code is None:
        return "timed out"
    if code == 0:
        return "survived"
    # A signal counts as a failure, too: the mutant crashed the interpreter.
    return "killed" if code in KILLED or code < 0 else "error"


def run(tests: str, seconds: float, log: Path, *, may_cache: bool) -> str:
    """Run tests in a process of their own, in a group that ends with it."""
    process = os.fork()
    if process == 0:
        _become_tests(tests, log, may_cache=may_cache)
    descriptor = os.pidfd_open(process)
    try:
        is_done = bool(select.select([descriptor], [], [], seconds)[0])
        return result(_wait(process) if is_done else None)
    finally:
        os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process, 0)


def _wait(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _become_tests(tests: str, log: Path, *, may_cache: bool) -> None:
    code = 3
    try:
        if not may_cache:
            sys.dont_write_bytecode = True
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, target)
        pytest = importlib.import_module("pytest")
        code = int(pytest.main([*OPTIONS, tests]))
        sys.stdout.flush()
    finally:
        os._exit(code)


def work(task: dict[str, Any], log: Path) -> dict[str, Any]:
    """Put a mutant in place, run its tests until some fail, and put the module back."""
    started = time.monotonic()
    outcome = "survived"
    with _changed(task["path"], task["text"]):
        for tests, seconds in task["tests"]:
            outcome = run(tests, seconds, log, may_cache=task["path"] is None)
            if outcome != "survived":
                break
    output = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    seconds = time.monotonic() - started
    return {"outcome": outcome, "seconds": seconds, "output": output[-2000:]}


@contextlib.contextmanager
def _changed(path: str | None, text: str) -> Iterator[None]:
    """Change a module; without a path, leave all as it is."""
    if path is None:
        yield
        return
    module = Path(path)
    original = module.read_bytes()
    _forget_compiled(module)
    module.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        module.write_bytes(original)
        _forget_compiled(module)


def _forget_compiled(module: Path) -> None:
    """Two mutants of one size and second would look the same to Python's cache."""
    for cached in (module.parent / "__pycache__").glob(f"{module.stem}.*.pyc"):
        cached.unlink()


def main() -> None:
    """Work until standard input ends."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that `finally` still runs
    for library in LIBRARIES:
        importlib.import_module(library)
    for plugin in entry_points(group="pytest11"):
        plugin.load()
    log = Path("mutant.log").absolute()
    for line in sys.stdin:
        print(json.dumps(work(json.loads(line), log)), flush=True)


if __name__ == "__main__":
    main()

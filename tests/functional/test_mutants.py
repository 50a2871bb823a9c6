"""A worker changes a copy of the repository, never the repository."""

import subprocess

import pytest

from tools import ROOT
from tools.mutants.copy_of_tree import start_worker

MODULE = "def is_adult(age):\n    return age >= 18\n"
TESTS = "import subject\n\ndef test_it():\n    assert subject.is_adult(18)\n"
HANGS = "while True:\n    pass\n"


@pytest.fixture(scope="module", name="root")
def make_root(tmp_path_factory):
    """A repository with one module, its test, and the worker."""
    tmp_path = tmp_path_factory.mktemp("repository")
    for path in ("tools/__init__.py", "tools/mutants/__init__.py", "tools/mutants/worker.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes((ROOT / path).read_bytes())
    (tmp_path / "subject.py").write_text(MODULE)
    (tmp_path / "test_subject.py").write_text(TESTS)
    (tmp_path / "test_nothing.py").write_text("")
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    (tmp_path / ".gitignore").write_text("ignored\n__pycache__/\n")
    (tmp_path / "ignored").write_text("")
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture(scope="module", name="worker")
def make_worker(root):
    """It imports the libraries first, which takes seconds."""
    with start_worker(root) as worker:
        yield worker


def test_a_worker_tells_what_becomes_of_each_mutant(root, worker):
    """Two of one size in a row, one that hangs, and the code itself before and after."""
    tests = "test_subject.py"

    def outcome(text, seconds=60):
        return worker.run_mutant("subject.py", text, [(tests, seconds)])["outcome"]

    assert worker.run(tests, 60)["outcome"] == "survived"
    assert outcome(MODULE.replace(">= 18", "<= 18")) == "survived"
    assert outcome(MODULE.replace(">= 18", ">= 19")) == "killed"
    assert outcome(MODULE.replace(">= 18", "== 18")) == "survived"
    assert outcome(HANGS, 1) == "timed out"
    assert outcome("no Python") == "killed"
    assert worker.run(tests, 60)["outcome"] == "survived"
    assert worker.run("test_nothing.py", 60)["outcome"] == "error"
    assert (root / "subject.py").read_text() == MODULE
    assert not (root / "mutant.log").exists()
    assert not list(root.glob("**/*.pyc"))


def test_later_tests_run_only_if_earlier_ones_pass(worker):
    """The quickest come first."""
    killed = MODULE.replace(">=", ">")
    tests = [("test_subject.py", 60.0), ("test_nothing.py", 60.0)]
    assert worker.run_mutant("subject.py", killed, tests)["outcome"] == "killed"
    assert worker.run_mutant("subject.py", MODULE, tests)["outcome"] == "error"

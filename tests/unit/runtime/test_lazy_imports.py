"""Lazy modules cost a cold start nothing, and work like any other module once used."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

from chalicelib.runtime.lazy_imports import (
    LAZY_MODULES,
    LazyFinder,
    LazyLoader,
    LazyModule,
)

PROBE = """
import sys
from chalicelib.runtime import lazy_imports
lazy_imports.begin()
assert "tempfile" not in sys.modules and "shutil" not in sys.modules, "the probe proves nothing"
import multipart
import tempfile
assert "tempfile" in sys.modules and "shutil" not in sys.modules
with multipart.tempfile.TemporaryFile() as file:
    assert file.write(b"photo") == 5
assert "shutil" in sys.modules
assert type(tempfile) is type(sys) and tempfile.__loader__ is tempfile.__spec__.loader
lazy_imports.end()
"""


@pytest.fixture
def lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write a module, import it lazily, and return it before it is executed."""

    def write(code: str) -> Any:
        name = f"lazy_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr("chalicelib.runtime.lazy_imports.LAZY_MODULES", {name})
        monkeypatch.setattr(sys, "meta_path", [LazyFinder(), *sys.meta_path])
        monkeypatch.delitem(sys.modules, name, raising=False)
        return __import__(name)

    return write


def test_a_lazy_module_is_executed_when_it_is_first_used():
    """Not before, however often it is imported. Afterwards it is an ordinary module."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_many_threads_that_use_a_module_at_once_execute_it_once(lazy):
    """No thread sees it half executed."""
    module = lazy("loads = globals().get('loads', 0) + 1\nsum(range(1_000_000))\nend = 1")
    assert isinstance(module, LazyModule)
    barrier, seen = Barrier(8), []

    def use() -> None:
        barrier.wait()
        seen.append((module.end, module.loads))

    threads = [Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(1, 1)] * 8


def test_a_module_may_use_itself_while_it_is_executed(lazy):
    """As modules do that import each other."""
    module = lazy(
        "import sys\nitself = sys.modules[__name__]\nassert not hasattr(itself, 'later')\nlater = 1"
    )
    assert module.later == 1


def test_a_module_that_fails_raises_its_error_each_time(lazy):
    """It does not count as executed."""
    module = lazy("raise RuntimeError('broken')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            _ = module.anything


def test_a_missing_name_is_an_attribute_error(lazy):
    """As with any module."""
    module = lazy("there = 1")
    assert not hasattr(module, "absent")
    assert module.there == 1
    assert not isinstance(module.__spec__.loader, LazyLoader)


@pytest.mark.skipif(np.__version__ < "2", reason="NumPy 1 names some of them otherwise")
@pytest.mark.parametrize("name", sorted(LAZY_MODULES))
def test_every_module_on_the_list_exists(name):
    """A module that a dependency has removed must leave the list."""
    assert find_spec(name) is not None

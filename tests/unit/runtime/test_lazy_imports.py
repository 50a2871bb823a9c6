"""What most predictions never use costs a cold start nothing, and is there all the same."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

from chalicelib.runtime.lazy_imports import (
    DEFERRED,
    DeferringFinder,
    DeferringLoader,
    WaitingModule,
)

PROBE = """
import sys
from chalicelib.runtime import cold_start
cold_start.begin()
assert "tempfile" not in sys.modules and "shutil" not in sys.modules, "the probe proves nothing"
import multipart
import tempfile
assert "tempfile" in sys.modules and "shutil" not in sys.modules
with multipart.tempfile.TemporaryFile() as file:
    assert file.write(b"photo") == 5
assert "shutil" in sys.modules
assert type(tempfile) is type(sys) and tempfile.__loader__ is tempfile.__spec__.loader
cold_start.end()
"""


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a module, and gives it as it is once imported and before it is loaded."""

    def write(code: str) -> Any:
        name = f"waiting_{tmp_path.name}"
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr("chalicelib.runtime.lazy_imports.DEFERRED", {name})
        monkeypatch.setattr(sys, "meta_path", [DeferringFinder(), *sys.meta_path])
        monkeypatch.delitem(sys.modules, name, raising=False)
        return __import__(name)

    return write


def test_a_module_on_the_list_is_loaded_when_it_is_first_touched():
    """Until then only its name is there, however often it is imported; then it is as any other."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_many_threads_that_want_a_module_at_once_load_it_once(waiting):
    """None sees it half loaded."""
    module = waiting("loads = globals().get('loads', 0) + 1\nsum(range(1_000_000))\nend = 1")
    assert isinstance(module, WaitingModule)
    barrier, seen = Barrier(8), []

    def want() -> None:
        barrier.wait()
        seen.append((module.end, module.loads))

    threads = [Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(1, 1)] * 8


def test_a_module_may_look_at_itself_while_it_loads(waiting):
    """As those do that import each other."""
    module = waiting(
        "import sys\nitself = sys.modules[__name__]\nassert not hasattr(itself, 'later')\nlater = 1"
    )
    assert module.later == 1


def test_a_module_that_fails_to_load_says_so_each_time(waiting):
    """It is not taken for loaded."""
    module = waiting("raise RuntimeError('broken')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken"):
            _ = module.anything


def test_what_a_module_lacks_is_an_attribute_error(waiting):
    """As of any module; looking does no harm."""
    module = waiting("there = 1")
    assert not hasattr(module, "absent")
    assert module.there == 1
    assert not isinstance(module.__spec__.loader, DeferringLoader)


@pytest.mark.skipif(np.__version__ < "2", reason="NumPy 1 names some of them otherwise")
@pytest.mark.parametrize("name", sorted(DEFERRED))
def test_every_module_on_the_list_exists(name):
    """A name that a dependency has given up would wait for nothing."""
    assert find_spec(name) is not None

"""What most predictions never use costs a cold start nothing, and is there all the same."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from chalicelib.deferred import DEFERRED

PROBE = """
import sys
import chalicelib
assert "tempfile" not in sys.modules and "shutil" not in sys.modules, "the probe proves nothing"
import multipart
assert "tempfile" in sys.modules and "shutil" not in sys.modules
with multipart.tempfile.TemporaryFile() as file:
    assert file.write(b"photo") == 5
assert "shutil" in sys.modules
"""


def test_a_module_on_the_list_is_loaded_when_it_is_first_touched():
    """Until then only its name is there; afterwards it is as any other."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROBE],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(DEFERRED))
def test_every_module_on_the_list_exists(name):
    """A name that a dependency has given up would wait for nothing."""
    assert find_spec(name) is not None

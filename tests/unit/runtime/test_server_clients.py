"""A start imports the clients of the servers that the settings name, and no others."""

import subprocess
import sys

import pytest

MYSQL = "mysql://user:secret@127.0.0.1:1/rangefinder"
REDIS = "redis://127.0.0.1:1"
START = """
import sys
from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates
from chalicelib.settings import Settings
services = Services.build(Settings.from_environment())
at_start = "redis" in sys.modules
services.places.look_up(Coordinates(0.0, 0.0), 0)
print(at_start, "redis" in sys.modules)
"""


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, "False False"),
        ({"RANGEFINDER_MYSQL_URL": MYSQL}, "False False"),
        ({"RANGEFINDER_REDIS_URL": REDIS}, "True True"),
        ({"RANGEFINDER_MYSQL_URL": MYSQL, "RANGEFINDER_REDIS_URL": REDIS}, "True True"),
    ],
    ids=["no server", "MySQL", "Redis", "both"],
)
def test_redis_is_imported_at_the_start_or_never(settings, expected):
    """It takes 80 ms: too long for a lookup, and wasted where there is no Redis."""
    done = subprocess.run(
        [sys.executable, "-c", START],
        env={"PYTHONPATH": ":".join(sys.path)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == expected, done.stderr

"""A start imports the clients of the servers that the settings name, and no others."""

import json
import subprocess
import sys

import pytest

MYSQL = {"RANGEFINDER_MYSQL_URL": "mysql://user:secret@127.0.0.1:1/rangefinder"}
REDIS = {"RANGEFINDER_REDIS_URL": "redis://127.0.0.1:1"}
IAM = MYSQL | {"RANGEFINDER_MYSQL_IAM": "on"}
KEYS = {
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
}
START = """
import json
import sys
from chalicelib.bootstrap import Services
from chalicelib.domain import Coordinates
from chalicelib.settings import Settings
clients = {"boto3", "pymysql", "redis"}
services = Services.build(Settings.from_environment())
modules = set(sys.modules)
services.places.look_up(Coordinates(0.0, 0.0), 0)
later = {name.partition(".")[0] for name in set(sys.modules) - modules}
slow = clients | {"botocore", "cryptography", "ssl", "encodings"}
print(json.dumps([sorted(clients & modules), sorted(slow & later)]))
"""


@pytest.mark.parametrize(
    ("settings", "at_start"),
    [
        ({}, []),
        (MYSQL, ["pymysql"]),
        (REDIS, ["redis"]),
        (MYSQL | REDIS, ["pymysql", "redis"]),
        (IAM | KEYS, ["pymysql"]),
        (IAM, ["boto3", "pymysql"]),
    ],
    ids=["no server", "MySQL", "Redis", "both", "IAM on Lambda", "IAM elsewhere"],
)
def test_clients_are_imported_at_the_start_or_never(settings, at_start):
    """They take 30 to 250 ms: too long for a lookup, and wasted where there is no such server.

    With Lambda's keys boto3 is never needed.
    """
    done = subprocess.run(
        [sys.executable, "-c", START],
        env={"PYTHONPATH": ":".join(sys.path)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    assert json.loads(done.stdout) == [at_start, []], done.stderr

"""Test commands inside the network and their logs outside."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import ROOT
from tools.database import container_entrypoint, run_task
from tools.database.connection import DatasetError

OUTPUTS = {
    "OperationsCluster": "cluster",
    "OperationsTask": "arn:aws:ecs:eu-west-1:123456789012:task-definition/operations:7",
    "OperationsLogs": "/ecs/rangefinder-operations",
    "OperationsSecurityGroup": "sg-2",
    "PublicSubnets": "subnet-3,subnet-4",
}
TASK = "arn:aws:ecs:eu-west-1:123456789012:task/cluster/0a1b"


class FakeEcs:
    def __init__(self, *states, failures=()):
        self.states = list(states)
        self.failures = failures
        self.request = {}

    def run_task(self, **request):
        self.request = request
        tasks = [] if self.failures else [{"taskArn": TASK}]
        return {"tasks": tasks, "failures": list(self.failures)}

    def describe_tasks(self, cluster, tasks):
        assert (cluster, tasks) == ("cluster", [TASK])
        return {"tasks": [self.states.pop(0)]}


class NotThereYet(Exception):
    pass


class FakeLogs:
    exceptions = SimpleNamespace(ResourceNotFoundException=NotThereYet)

    def __init__(self, *pages):
        self.pages = list(pages)
        self.tokens = []

    def get_log_events(self, logGroupName, logStreamName, startFromHead, nextToken=None):  # noqa: N803
        assert (logGroupName, logStreamName) == (OUTPUTS["OperationsLogs"], "task/operations/0a1b")
        self.tokens.append(nextToken)
        page = self.pages.pop(0)
        if page is None:
            raise NotThereYet
        return {
            "events": [{"message": line} for line in page],
            "nextForwardToken": f"after {page}",
        }


def state(status, code=None):
    return {"lastStatus": status, "containers": [{"exitCode": code}], "stoppedReason": "done"}


def run(ecs, logs, command="make migrate"):
    return run_task.run(OUTPUTS, command, {"ecs": ecs, "logs": logs}.get, lambda seconds: None)


def test_a_command_runs_and_is_followed(capsys):
    """The task runs in the public subnets with a public address. Its log appears while it runs."""
    ecs = FakeEcs(state("PENDING"), state("RUNNING"), state("STOPPED", 0))
    logs = FakeLogs(None, ["one"], ["two", "three"])
    assert run(ecs, logs, "make import-occurrences SOURCE='s3://b/a file.zip'") == 0
    assert capsys.readouterr().out.splitlines() == ["one", "two", "three"]
    assert logs.tokens == [None, None, "after ['one']"]
    network = ecs.request["networkConfiguration"]["awsvpcConfiguration"]
    assert network == {
        "subnets": ["subnet-3", "subnet-4"],
        "securityGroups": ["sg-2"],
        "assignPublicIp": "ENABLED",
    }
    (override,) = ecs.request["overrides"]["containerOverrides"]
    assert override["command"] == ["make", "import-occurrences", "SOURCE=s3://b/a file.zip"]


@pytest.mark.parametrize(("code", "ends_with"), [(2, 2), (None, 1)])
def test_a_failed_command_ends_with_its_exit_code(code, ends_with, capsys):
    """A task that never started has no exit code."""
    assert run(FakeEcs(state("STOPPED", code)), FakeLogs(None)) == ends_with
    assert "done" in capsys.readouterr().err


def test_a_task_that_does_not_start_is_an_error():
    """The error has AWS's own words."""
    with pytest.raises(run_task.TaskError, match="no capacity"):
        run(FakeEcs(failures=["no capacity"]), FakeLogs())


def test_sources_are_fetched_first(tmp_path):
    """Tools read files, so the container downloads objects of S3, also within NAME=value."""
    fetched = []

    class FakeS3:
        def download_file(self, bucket, key, file):
            fetched.append((bucket, key))
            Path(file).write_text("records")

    arguments = container_entrypoint.fetch(
        ["make", "import-occurrences", "SOURCE=s3://gbif/2026/records.zip"], FakeS3(), tmp_path
    )
    assert arguments == ["make", "import-occurrences", f"SOURCE={tmp_path}/records.zip"]
    assert fetched == [("gbif", "2026/records.zip")]
    assert (tmp_path / "records.zip").read_text() == "records"


def test_the_password_of_the_cache_moves_into_its_address():
    """The settings know no other place for it. Without a password nothing changes."""
    address = "rediss://rangefinder@cache.invalid:6379"
    environment = {"RANGEFINDER_REDIS_URL": address, "CACHE_PASSWORD": "hunter2", "HOME": "/"}
    container_entrypoint.log_in_to_cache(environment)
    assert environment == {
        "RANGEFINDER_REDIS_URL": "rediss://rangefinder:hunter2@cache.invalid:6379", "HOME": "/",
    }  # fmt: skip
    unchanged = {"RANGEFINDER_REDIS_URL": address}
    container_entrypoint.log_in_to_cache(unchanged)
    assert unchanged == {"RANGEFINDER_REDIS_URL": address}


def test_the_database_has_time_to_resume():
    """The database refuses or does not answer while it resumes; then the command runs."""
    slept: list[float] = []
    answers = [DatasetError("refused"), DatasetError("silent"), FakeConnection()]

    def attempt():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    container_entrypoint.wake(attempt, slept.append)
    assert len(slept) == 2


def test_a_database_that_stays_down_ends_the_task():
    """The task ends with the error of the last attempt."""

    def attempt():
        raise DatasetError("silent")

    with pytest.raises(DatasetError, match="silent"):
        container_entrypoint.wake(attempt, lambda seconds: None)


class FakeConnection:
    def close(self):
        pass


def test_the_image_copies_what_exists():
    """Every file of the Dockerfile exists and is not ignored."""
    lines = (ROOT / "infra/operations/Dockerfile").read_text().splitlines()
    named = [name for line in lines if line.startswith("COPY") for name in line.split()[1:-1]]
    assert "tools/make-venv" in named
    assert all((ROOT / name).exists() for name in named)
    ignored = (ROOT / "infra/operations/Dockerfile.dockerignore").read_text().split()
    assert not {"tools", "chalicelib", "migrations", "data"} & set(ignored)

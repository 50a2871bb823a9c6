"""The statement sent to Athena: a fake AWS, whose answers DuckDB works out from the very text."""

import io
from collections.abc import Iterator
from pathlib import Path

import boto3
import duckdb
import pytest
from moto import mock_aws

from tests import occurrences
from tests.functional.test_import_occurrences import PLACES, TAXA, ask, imported, observation_count
from tools.occurrences.athena import Athena, AthenaError
from tools.occurrences.import_occurrences import main

OPTIONS = ("--engine", "athena", "--table", "gbif.occurrence", "--output", "s3://answers/here/",
           "--citation", "nobody")  # fmt: skip


class FakeAthena:
    """moto's Athena, which knows no SQL, with DuckDB to answer: CSV as Athena writes it."""

    def __init__(self, snapshot: Path, states: list[str]) -> None:
        self.snapshot = snapshot
        self.states = states
        self.athena = boto3.client("athena", "eu-central-1")
        self.s3 = boto3.client("s3", "eu-central-1")
        self.s3.create_bucket(
            Bucket="answers",
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
        self.asked: list[str] = []
        self.stopped: list[str] = []

    def __call__(self, service: str):
        return self if service == "athena" else self.s3

    def start_query_execution(self, **request):
        started = self.athena.start_query_execution(**request)
        self.asked.append(request["QueryString"])
        with duckdb.connect() as connection:
            connection.execute("CREATE SCHEMA gbif")
            connection.execute(
                "CREATE MACRO array_join(items, separator) AS array_to_string(items, separator)"
            )
            connection.execute(
                f"CREATE VIEW gbif.occurrence AS FROM read_parquet('{self.snapshot}/*')"
            )
            answer = connection.execute(request["QueryString"])
            names = [column[0] for column in answer.description or ()]
            rows = answer.fetchall()
        text = io.StringIO()
        for row in (names, *rows):
            quoted = ("" if one is None else f'"{one}"' for one in row)
            text.write(",".join(quoted) + "\n")
        self.s3.put_object(
            Bucket="answers",
            Key=f"here/{started['QueryExecutionId']}.csv",
            Body=text.getvalue().encode(),
        )
        return started

    def get_query_execution(self, **request):
        found = self.athena.get_query_execution(**request)
        state = self.states.pop(0)
        found["QueryExecution"]["Status"]["State"] = state
        if state == "FAILED":
            reason = "TABLE_NOT_FOUND: line 1"
            found["QueryExecution"]["Status"]["StateChangeReason"] = reason
        return found

    def stop_query_execution(self, **request):
        self.stopped.append(request["QueryExecutionId"])


@pytest.fixture
def make_aws(monkeypatch) -> Iterator:
    """Makes a fake AWS whose queries go through these states."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        yield FakeAthena


def test_athena_gives_what_a_local_import_gives(make_aws, tmp_path):
    """The same statement, the same dataset, row for row: even the version is the same."""
    snapshot = occurrences.snapshot(tmp_path / "2024-01-01")
    aws = make_aws(snapshot, ["SUCCEEDED"])
    target = tmp_path / "athena.sqlite"
    assert main([*OPTIONS, "--sqlite", str(target)], aws) == 0
    local = imported(snapshot, tmp_path / "local.sqlite", "--citation", "nobody")
    assert target.read_bytes() == local.read_bytes()
    assert observation_count(target, PLACES["Pantanal"], 4, 0, "jaguar") == 2
    assert TAXA["jaguar"] in ask(target, PLACES["Pantanal"]).taxa
    assert len(aws.asked) == 1


def test_a_query_that_fails_is_told_in_athenas_words(make_aws, tmp_path, capsys):
    """And nothing is written."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["FAILED"])
    target = tmp_path / "athena.sqlite"
    assert main([*OPTIONS, "--sqlite", str(target)], aws) == 2
    assert "failed: TABLE_NOT_FOUND: line 1" in capsys.readouterr().err
    assert not target.exists()


def test_what_aws_refuses_is_told(make_aws, tmp_path, capsys):
    """Here the bucket that should hold the answer is not there."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["SUCCEEDED"])
    options = [one.replace("answers", "elsewhere") for one in OPTIONS]
    assert main([*options, "--sqlite", str(tmp_path / "athena.sqlite")], aws) == 2
    assert capsys.readouterr().err.startswith("AWS: ")


def job(aws: FakeAthena, sleep) -> Athena:
    return Athena(aws, "s3://answers/here/", "primary", sleep, lambda scanned: None)


def test_it_is_waited_for(make_aws, tmp_path):
    """As long as it takes, looking every few seconds."""
    aws = make_aws(
        occurrences.snapshot(tmp_path / "2024-01-01"), ["QUEUED", "RUNNING", "SUCCEEDED"]
    )
    slept: list[float] = []
    job(aws, slept.append).fetch("SELECT 1 AS reason", tmp_path / "answer.csv")
    assert len(slept) == 2
    assert (tmp_path / "answer.csv").read_text() == '"reason"\n"1"\n'


def test_a_query_that_was_cancelled_is_an_error(make_aws, tmp_path):
    """Whoever cancelled it."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["CANCELLED"])
    with pytest.raises(AthenaError, match="cancelled"):
        job(aws, lambda seconds: None).fetch("SELECT 1", tmp_path / "answer.csv")


def test_a_query_that_nobody_waits_for_is_stopped(make_aws, tmp_path):
    """Ctrl-C here must not leave a bill there."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["RUNNING"])

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(aws, interrupted).fetch("SELECT 1", tmp_path / "answer.csv")
    assert len(aws.stopped) == 1


def test_athena_needs_a_table_and_a_place_for_its_answer(capsys):
    """Said before anything is started."""
    assert main(["--engine", "athena", "--citation", "nobody"]) == 2
    assert "--table and --output" in capsys.readouterr().err

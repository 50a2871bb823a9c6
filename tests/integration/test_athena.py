"""Test the statement on Athena: a fake AWS whose results DuckDB computes from the same text."""

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
    """moto's Athena, which runs no SQL, with results of DuckDB in Athena's form of CSV."""

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
            quoted = ("" if value is None else f'"{value}"' for value in row)
            text.write(",".join(quoted) + "\n")
        self.s3.put_object(
            Bucket="answers",
            Key=f"here/{started['QueryExecutionId']}.csv",
            Body=text.getvalue().encode(),
        )
        return started

    def get_query_execution(self, **request):
        answer = self.athena.get_query_execution(**request)
        state = self.states.pop(0)
        answer["QueryExecution"]["Status"]["State"] = state
        if state == "FAILED":
            reason = "TABLE_NOT_FOUND: line 1"
            answer["QueryExecution"]["Status"]["StateChangeReason"] = reason
        return answer

    def stop_query_execution(self, **request):
        self.stopped.append(request["QueryExecutionId"])


@pytest.fixture
def make_aws(monkeypatch) -> Iterator:
    """A function that makes a fake AWS whose queries go through the given states."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    with mock_aws():
        yield FakeAthena


def test_athena_gives_what_a_local_import_gives(make_aws, tmp_path):
    """The same statement gives the same dataset, row for row, with the same version."""
    snapshot = occurrences.snapshot(tmp_path / "2024-01-01")
    aws = make_aws(snapshot, ["SUCCEEDED"])
    target = tmp_path / "athena.sqlite"
    assert main([*OPTIONS, "--sqlite", str(target)], aws) == 0
    local = imported(snapshot, tmp_path / "local.sqlite", "--citation", "nobody")
    assert target.read_bytes() == local.read_bytes()
    assert observation_count(target, PLACES["Pantanal"], 4, 0, "jaguar") == 2
    assert TAXA["jaguar"] in ask(target, PLACES["Pantanal"]).taxa
    assert len(aws.asked) == 1


def test_a_failed_query_is_reported_in_athenas_words(make_aws, tmp_path, capsys):
    """The import writes nothing."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["FAILED"])
    target = tmp_path / "athena.sqlite"
    assert main([*OPTIONS, "--sqlite", str(target)], aws) == 2
    assert "failed: TABLE_NOT_FOUND: line 1" in capsys.readouterr().err
    assert not target.exists()


def test_an_error_of_aws_is_reported(make_aws, tmp_path, capsys):
    """The bucket for the result does not exist."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["SUCCEEDED"])
    options = [option.replace("answers", "elsewhere") for option in OPTIONS]
    assert main([*options, "--sqlite", str(tmp_path / "athena.sqlite")], aws) == 2
    assert capsys.readouterr().err.startswith("AWS: ")


def job(aws: FakeAthena, sleep) -> Athena:
    return Athena(aws, "s3://answers/here/", "primary", sleep, lambda scanned: None)


def test_the_program_waits_for_the_query(make_aws, tmp_path):
    """The program polls every few seconds until the query ends."""
    aws = make_aws(
        occurrences.snapshot(tmp_path / "2024-01-01"), ["QUEUED", "RUNNING", "SUCCEEDED"]
    )
    slept: list[float] = []
    job(aws, slept.append).fetch("SELECT 1 AS reason", tmp_path / "answer.csv")
    assert len(slept) == 2
    assert (tmp_path / "answer.csv").read_text() == '"reason"\n"1"\n'


def test_a_query_that_was_cancelled_is_an_error(make_aws, tmp_path):
    """A cancelled query has no result."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["CANCELLED"])
    with pytest.raises(AthenaError, match="cancelled"):
        job(aws, lambda seconds: None).fetch("SELECT 1", tmp_path / "answer.csv")


def test_an_interrupted_query_is_stopped(make_aws, tmp_path):
    """After Ctrl-C, the query must not run on and cost money."""
    aws = make_aws(occurrences.snapshot(tmp_path / "2024-01-01"), ["RUNNING"])

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(aws, interrupted).fetch("SELECT 1", tmp_path / "answer.csv")
    assert len(aws.stopped) == 1


def test_athena_needs_a_table_and_an_output(capsys):
    """The error comes before the query starts."""
    assert main(["--engine", "athena", "--citation", "nobody"]) == 2
    assert "--table and --output" in capsys.readouterr().err

"""Run a command inside the network and print its log: ``make operation COMMAND=...``.

The program starts the task of ``infra/operations.yaml``, prints its log until it ends, and ends
with the same exit code.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tools.package.configure import from_aws

STACKS: Final = ("rangefinder-network", "rangefinder-operations")
CONTAINER: Final = "operations"
POLL_SECONDS: Final = 5.0

Client = Callable[[str], Any]


class TaskError(Exception):
    """The task could not be started."""


def start(outputs: Mapping[str, str], command: str, ecs: Any) -> str:
    """Start the task and return its ARN. Raises ``TaskError``."""
    answer = ecs.run_task(
        cluster=outputs["OperationsCluster"],
        taskDefinition=outputs["OperationsTask"],
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": outputs["PublicSubnets"].split(","),
                "securityGroups": [outputs["OperationsSecurityGroup"]],
                "assignPublicIp": "ENABLED",
            }
        },
        overrides={"containerOverrides": [{"name": CONTAINER, "command": shlex.split(command)}]},
    )
    if not answer["tasks"]:
        raise TaskError(str(answer["failures"]))
    started: str = answer["tasks"][0]["taskArn"]
    return started


def log_lines(group: str, stream: str, logs: Any) -> Iterator[list[str]]:
    """Yield the new lines of the log at each request; none before the log exists."""
    position: dict[str, str] = {}
    while True:
        try:
            answer = logs.get_log_events(
                logGroupName=group, logStreamName=stream, startFromHead=True, **position
            )
        except logs.exceptions.ResourceNotFoundException:
            yield []
            continue
        position = {"nextToken": answer["nextForwardToken"]}
        yield [event["message"] for event in answer["events"]]


def run(
    outputs: Mapping[str, str], command: str, client: Client, sleep: Callable[[float], None]
) -> int:
    """Run the command to its end and return its exit code. Raises ``TaskError``."""
    ecs = client("ecs")
    task = start(outputs, command, ecs)
    stream = f"task/{CONTAINER}/{task.rsplit('/', 1)[-1]}"
    lines = log_lines(outputs["OperationsLogs"], stream, client("logs"))
    while True:
        answer = ecs.describe_tasks(cluster=outputs["OperationsCluster"], tasks=[task])
        state = answer["tasks"][0]
        for line in next(lines):
            print(line)
        if state["lastStatus"] == "STOPPED":
            break
        sleep(POLL_SECONDS)
    code = state["containers"][0].get("exitCode")
    if code != 0:
        print(f"Ended with {code}: {state.get('stoppedReason', '')}", file=sys.stderr)
    return 1 if code is None else int(code)


def main() -> int:
    """Run the command; return its exit code, or 1 if it did not start."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", help='such as "make migrate"')
    parser.add_argument(
        "--stacks",
        nargs="+",
        default=STACKS,
        help="default: %(default)s",
    )
    arguments = parser.parse_args()
    import boto3  # noqa: PLC0415 - not needed for --help
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

    try:
        outputs = from_aws(boto3.client("cloudformation"), arguments.stacks)
        return run(outputs, arguments.command, boto3.client, time.sleep)
    except (TaskError, KeyError, BotoCoreError, ClientError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

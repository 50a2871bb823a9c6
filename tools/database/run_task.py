"""Run a command inside the network, and show what it says: ``make operation COMMAND=...``.

Starts the task of ``infra/operations.yaml``, prints its log until it ends, and ends as it did.
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
SECONDS_BETWEEN_LOOKS: Final = 5.0

Client = Callable[[str], Any]


class TaskError(Exception):
    """The task could not be started."""


def start(outputs: Mapping[str, str], command: str, ecs: Any) -> str:
    """Start it; its ARN. Raises ``TaskError``."""
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
    """What is new in the log, whenever asked; nothing before it is there."""
    place: dict[str, str] = {}
    while True:
        try:
            answer = logs.get_log_events(
                logGroupName=group, logStreamName=stream, startFromHead=True, **place
            )
        except logs.exceptions.ResourceNotFoundException:
            yield []
            continue
        place = {"nextToken": answer["nextForwardToken"]}
        yield [event["message"] for event in answer["events"]]


def run(
    outputs: Mapping[str, str], command: str, client: Client, sleep: Callable[[float], None]
) -> int:
    """Run it to its end; how it ended."""
    ecs = client("ecs")
    task = start(outputs, command, ecs)
    stream = f"task/{CONTAINER}/{task.rsplit('/', 1)[-1]}"
    lines = log_lines(outputs["OperationsLogs"], stream, client("logs"))
    while True:
        answer = ecs.describe_tasks(cluster=outputs["OperationsCluster"], tasks=[task])
        now = answer["tasks"][0]
        for line in next(lines):
            print(line)
        if now["lastStatus"] == "STOPPED":
            break
        sleep(SECONDS_BETWEEN_LOOKS)
    code = now["containers"][0].get("exitCode")
    if code != 0:
        print(f"Ended with {code}: {now.get('stoppedReason', '')}", file=sys.stderr)
    return 1 if code is None else int(code)


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", help='as "make migrate"')
    parser.add_argument("--stacks", nargs="+", default=STACKS, help="default: %(default)s")
    arguments = parser.parse_args()
    import boto3  # noqa: PLC0415 - not needed to show the help

    outputs = from_aws(boto3.client("cloudformation"), arguments.stacks)
    try:
        return run(outputs, arguments.command, boto3.client, time.sleep)
    except (TaskError, KeyError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

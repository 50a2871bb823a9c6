"""What the repository says about sizes and times: its configuration, templates and documents."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalice.package import YAMLTemplateSerializer

from chalicelib.http import telemetry
from chalicelib.settings import Settings
from tools import ROOT

STACKS = ("network", "data", "monitoring", "operations")
"""The stacks of the prod stage. The website is optional."""

MYSQL_WAIT_TIMEOUT = 28_800
"""Seconds after which MySQL closes an idle connection if nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes and times that decide what a month costs.

    Attributes:
        memory_gigabytes: Memory of the function.
        environments: Most environments of the function at once.
        jpeg_seconds: Handler time for a JPEG of 12 megapixels (docs/latency.md).
        heic_seconds: The same for a HEIC.
        start_seconds: From the start of the process to the first ``/next`` (docs/packaging.md).
        least_capacity: Capacity units of the database while it is awake and has little to do.
        most_capacity: Its maximum.
        seconds_awake: How long one query keeps the database awake: until the server closes the
            idle connection, and then until it pauses.
        dataset_check_seconds: How often one environment asks the database for a new dataset.
        requests_a_second: Default throttle of the API.
    """

    memory_gigabytes: float
    environments: int
    jpeg_seconds: float
    heic_seconds: float
    start_seconds: float
    least_capacity: float
    most_capacity: float
    seconds_awake: float
    dataset_check_seconds: float
    requests_a_second: float
    secrets: int
    alarm_metrics: int
    dashboards: int
    custom_metrics: int
    nat_gateways: int
    endpoints: int
    keys: int


def read_facts() -> Facts:
    """Return what this checkout says."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    data = _template("data")
    parameters = data["Parameters"]
    database = data["Resources"]["DatabaseInstanceParameters"]["Properties"]["Parameters"]
    resources = [resource for stack in STACKS for resource in _resources(stack)]
    jpeg, heic = _milliseconds("latency.md", r"^\| 12 MP \| ([\d.]+) \|")[:2]
    (start,) = _milliseconds("packaging.md", r"^\| ours \| ([\d.]+) \|")
    return Facts(
        memory_gigabytes=config["lambda_memory_size"] / 1024,
        environments=config["stages"]["prod"]["reserved_concurrency"],
        jpeg_seconds=jpeg / 1000,
        heic_seconds=heic / 1000,
        start_seconds=start / 1000,
        least_capacity=max(float(parameters["DatabaseMinimumCapacity"]["Default"]), 0.5),
        most_capacity=float(parameters["DatabaseMaximumCapacity"]["Default"]),
        seconds_awake=float(parameters["SecondsUntilPause"]["Default"])
        + float(database.get("wait_timeout", MYSQL_WAIT_TIMEOUT)),
        dataset_check_seconds=Settings().dataset_check_seconds,
        requests_a_second=float(_template("gateway")["Parameters"]["RequestsPerSecond"]["Default"]),
        secrets=sum(
            resource["Type"] == "AWS::SecretsManager::Secret"
            or bool(resource.get("Properties", {}).get("ManageMasterUserPassword"))
            for resource in resources
        ),
        alarm_metrics=sum(
            _alarm_metrics(resource["Properties"])
            for resource in resources
            if resource["Type"] == "AWS::CloudWatch::Alarm"
        ),
        dashboards=_count(resources, "AWS::CloudWatch::Dashboard"),
        custom_metrics=len(
            [
                telemetry.COLD_START,
                telemetry.SECOND_LOOKS,
                *telemetry.STATUSES,
                *telemetry.SOURCES,
                *telemetry.BREAKERS,
                *telemetry.STAGES,
            ]
        ),
        nat_gateways=_count(resources, "AWS::EC2::NatGateway"),
        endpoints=sum(
            resource["Properties"].get("VpcEndpointType") == "Interface"
            for resource in resources
            if resource["Type"] == "AWS::EC2::VPCEndpoint" and "Condition" not in resource
        ),
        keys=_count(resources, "AWS::KMS::Key"),
    )


def _template(name: str) -> Any:
    """Return a template of ``infra/``."""
    text = (ROOT / "infra" / f"{name}.yaml").read_text(encoding="utf-8")
    return YAMLTemplateSerializer().load_template(text, f"{name}.yaml")


def _resources(stack: str) -> Iterator[Mapping[str, Any]]:
    """Yield the resources of a stack."""
    yield from _template(stack)["Resources"].values()


def _count(resources: list[Mapping[str, Any]], kind: str) -> int:
    """Return how many resources have a type; those that only a parameter adds do not count."""
    return sum(resource["Type"] == kind and "Condition" not in resource for resource in resources)


def _alarm_metrics(alarm: Mapping[str, Any]) -> int:
    """Return how many metrics an alarm watches: AWS bills each of them."""
    if "MetricName" in alarm:
        return 1
    return sum("MetricStat" in metric for metric in alarm["Metrics"])


def _milliseconds(document: str, pattern: str) -> list[float]:
    """Return the figures in a document's rows that match, in their order."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return [float(figure) for figure in re.findall(pattern, text, re.MULTILINE)]

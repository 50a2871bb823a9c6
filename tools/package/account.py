"""Fit a stage to the AWS account that it is deployed to: part of ``make deploy``.

Chalice cannot do three things. It does not know how much concurrency an account has left, it
does not read secrets, and it does not limit the requests of an API.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from tools import ROOT

GATEWAY: Final = ROOT / "infra" / "gateway.yaml"

RESERVED: Final = "reserved_concurrency"
VARIABLES: Final = "environment_variables"

LEAST_UNRESERVED: Final = 100
"""Lambda keeps as many environments for functions without a reservation
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html)."""

SECRET: Final = re.compile(r"\{\{resolve:secretsmanager:([^}]+)\}\}")
"""CloudFormation's reference to a secret. In ``make package-sam``, CloudFormation resolves it."""

Client = Callable[[str], Any]


def function_name(stage: str) -> str:
    """Return the name that Chalice gives to the function of a stage."""
    return f"rangefinder-{stage}"


def reservable(function: str, client: Client) -> int | None:
    """Return how much concurrency the function may reserve; ``None`` if AWS does not tell."""
    service = client("lambda")
    try:
        limits = service.get_account_settings()["AccountLimit"]
        left = int(limits["UnreservedConcurrentExecutions"])
    except (BotoCoreError, ClientError, KeyError):
        return None
    try:
        own = service.get_function_concurrency(FunctionName=function)
        left += int(own.get("ReservedConcurrentExecutions", 0))
    except (BotoCoreError, ClientError):
        pass  # There is no such function yet.
    return left - LEAST_UNRESERVED


def fitted(name: str, stage: Mapping[str, Any], client: Client) -> tuple[dict[str, Any], str]:
    """Return the stage with its secrets, and a sentence if it cannot reserve its concurrency.

    A new account may run ten environments in all, and Lambda refuses to reserve any of them.
    Then that limit is lower than the stage's own.
    """
    result = dict(stage)
    if variables := stage.get(VARIABLES):
        result[VARIABLES] = {key: resolved(text, client) for key, text in variables.items()}
    wanted = stage.get(RESERVED)
    possible = reservable(function_name(name), client) if wanted else None
    if wanted is None or possible is None or wanted <= possible:
        return result, ""
    del result[RESERVED]
    return result, (
        f"The account cannot reserve {wanted} environments: {max(possible, 0)} are left. The "
        "function shares the account's own limit instead. Ask AWS for a higher one."
    )


def resolved(text: str, client: Client) -> str:
    """Return a setting with each reference to a secret replaced by the secret."""

    def read(reference: re.Match[str]) -> str:
        answer = client("secretsmanager").get_secret_value(SecretId=reference[1])
        return str(answer["SecretString"])

    return SECRET.sub(read, text)


def default_limits(template: Path = GATEWAY) -> dict[str, int]:
    """Return the limits of ``make package-sam``, so that both ways have the same."""
    parameters = yaml.safe_load(template.read_text(encoding="utf-8"))["Parameters"]
    names = {"rateLimit": "RequestsPerSecond", "burstLimit": "RequestsAtOnce"}
    return {limit: parameters[name]["Default"] for limit, name in names.items()}


def limit_requests(deployed: Path, stage: str, limits: Mapping[str, int], client: Client) -> None:
    """Limit the requests of all clients together, as ``infra/gateway.yaml`` does.

    Args:
        deployed: The directory of Chalice's notes.
        stage: The stage that was deployed.
        limits: ``rateLimit`` a second, and ``burstLimit`` at once.
        client: Gives the client of an AWS service.
    """
    (api,) = (entry for entry in resources(deployed, stage) if "rest_api_id" in entry)
    client("apigateway").update_stage(
        restApiId=api["rest_api_id"],
        stageName=api["rest_api_url"].rstrip("/").rpartition("/")[2],
        patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{limit}", "value": str(value)}
            for limit, value in limits.items()
        ],
    )


def resources(deployed: Path, stage: str) -> Iterator[dict[str, Any]]:
    """Yield Chalice's notes on the resources of a stage."""
    yield from json.loads((deployed / f"{stage}.json").read_text(encoding="utf-8"))["resources"]

"""A fake AWS account: a moto server in a process of its own, on a free port of loopback.

``python -m tests.fake_aws PORT`` runs it. moto 5.2 imports fewer documents than API Gateway does,
so :func:`readable` changes three things in Chalice's document first. It does not know SAM, so
:func:`translated` does what CloudFormation does first with a template in a bucket: it lets AWS's
own translator write a plain one. :func:`known_to_moto` takes out what moto cannot make: the API's
stage, routes, usage plan and key, and the function's alias.
"""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import boto3
import yaml

from tools import ROOT
from tools.show.serving import OFFLINE, free_port, wait_until_it_listens

MADE_BY_MOTO: Final = {
    "AWS::ApiGateway::RestApi",
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
}
"""The types of resources in our templates that moto 5.2 makes from a template."""


class Account:
    """The address of a fake account, and clients for it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**OFFLINE, "AWS_ENDPOINT_URL": self.url}

    def empty(self) -> Self:
        """Forget everything in the account, which is faster than a new server."""
        urllib.request.urlopen(f"{self.url}/moto-api/reset", data=b"").close()
        return self

    def client(self, service: str) -> Any:
        """Return a client of a service in the account."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=OFFLINE["AWS_DEFAULT_REGION"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@contextmanager
def fake_aws() -> Iterator[Account]:
    """Start an empty account; stop it at the end."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_aws", str(port)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **OFFLINE},
    )  # fmt: skip
    try:
        wait_until_it_listens(server, port)
        yield Account(port)
    finally:
        server.kill()
        server.wait()


def readable(document: dict[str, Any]) -> dict[str, Any]:
    """Return Chalice's Swagger 2 document in the form that moto reads.

    moto needs the version of OpenAPI 3, a description, and a function for preflights, which API
    Gateway answers itself.
    """
    document = {name: value for name, value in document.items() if name != "swagger"}
    document["openapi"] = "3.0.0"
    document["info"] = {"description": "", **document["info"]}
    for methods in document["paths"].values():
        for method in methods.values():
            integration = method["x-amazon-apigateway-integration"]
            integration.setdefault("uri", "")
            integration.setdefault("httpMethod", "POST")
    return document


def translated(text: str) -> str:
    """Return a SAM template as plain CloudFormation, by AWS's own translator."""
    from samtranslator.parser.parser import Parser  # noqa: PLC0415 - slow to import
    from samtranslator.translator.translator import Translator  # noqa: PLC0415

    template = yaml.safe_load(text)
    parameters = {name: entry.get("Default") for name, entry in template["Parameters"].items()}
    return json.dumps(known_to_moto(Translator({}, Parser()).translate(template, parameters)))


def known_to_moto(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template without the types that moto does not make, and without its outputs.

    A reference to an alias becomes one to its function, and one to a stage becomes its name.
    """
    resources = template["Resources"]
    replacements = {}
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Lambda::Alias":
            replacements[name] = resource["Properties"]["FunctionName"]
        if resource["Type"] == "AWS::ApiGateway::Stage":
            replacements[name] = resource["Properties"]["StageName"]

    def replaced(value: Any) -> Any:
        if isinstance(value, dict):
            if value.get("Ref") in replacements:
                return replacements[value["Ref"]]
            return {key: replaced(item) for key, item in value.items()}
        return [replaced(item) for item in value] if isinstance(value, list) else value

    kept = {name: entry for name, entry in resources.items() if entry["Type"] in MADE_BY_MOTO}
    return {**template, "Resources": replaced(kept), "Outputs": {}}


def main(port: int) -> None:
    """Run the server; it changes documents and templates before it reads them."""
    from moto.apigateway.models import APIGatewayBackend  # noqa: PLC0415
    from moto.cloudformation import responses  # noqa: PLC0415
    from moto.server import main as serve  # noqa: PLC0415

    for name, position in (("import_rest_api", 0), ("put_rest_api", 1)):
        setattr(APIGatewayBackend, name, _reading(getattr(APIGatewayBackend, name), position))
    fetch = getattr(responses, "get_stack_from_s3_url")  # noqa: B009

    def fetch_translated(address: str, *arguments: Any, **named: Any) -> str:
        # moto finds the bucket in the path of an address only if the host is localhost.
        address = address.replace("//127.0.0.1:", "//localhost:")
        return translated(fetch(address, *arguments, **named))

    setattr(responses, "get_stack_from_s3_url", fetch_translated)  # noqa: B010
    serve(["--host", "127.0.0.1", "--port", str(port)])


def _reading(method: Callable[..., Any], position: int) -> Callable[..., Any]:
    """Wrap a method so that its document (an argument, or ``api_doc``) is made readable."""

    def read(self: Any, *arguments: Any, **named: Any) -> Any:
        values = list(arguments)
        if "api_doc" in named:
            named["api_doc"] = readable(named["api_doc"])
        else:
            values[position] = readable(values[position])
        return method(self, *values, **named)

    return read


if __name__ == "__main__":
    main(int(sys.argv[1]))

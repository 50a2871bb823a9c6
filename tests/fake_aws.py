"""A fake AWS account: a moto server in a process of its own, on a free port of loopback.

``python -m tests.fake_aws PORT`` runs it. moto 5.2 imports fewer documents than API Gateway does,
so :func:`readable` changes three things in Chalice's document first.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from tools import ROOT
from tools.show.serving import OFFLINE, free_port, wait_until_it_listens


class Account:
    """The address of a fake account, and clients for it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**OFFLINE, "AWS_ENDPOINT_URL": self.url}

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


def main(port: int) -> None:
    """Run the server; it makes documents readable before it imports them."""
    from moto.apigateway.models import APIGatewayBackend  # noqa: PLC0415
    from moto.server import main as serve  # noqa: PLC0415

    for name, position in (("import_rest_api", 0), ("put_rest_api", 1)):
        setattr(APIGatewayBackend, name, _reading(getattr(APIGatewayBackend, name), position))
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

"""A fake AWS account: a moto server in a process of its own, on a free port of loopback.

``python -m tests.fake_aws PORT`` runs it. moto 5.2 imports only a part of what API Gateway
does, so three things of Chalice's document are put right on the way (``readable``).
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3

from tools.serving import OFFLINE, ROOT, free_port

START_SECONDS = 60.0


class Account:
    """Where the account answers, and clients for it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {**OFFLINE, "AWS_ENDPOINT_URL": self.url}

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=OFFLINE["AWS_DEFAULT_REGION"],
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@contextmanager
def fake_aws() -> Iterator[Account]:
    """An empty account, gone at the end."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_aws", str(port)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        account = Account(port)
        _wait(account, server)
        yield account
    finally:
        server.kill()
        server.wait()


def _wait(account: Account, server: subprocess.Popen[bytes]) -> None:
    import socket  # noqa: PLC0415

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(account.url.rpartition(":")[2]))) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("moto did not start")


def readable(document: dict[str, Any]) -> dict[str, Any]:
    """Chalice's Swagger 2 as moto reads it.

    It must call itself OpenAPI 3, have a description, and name a function for preflights,
    which API Gateway answers by itself.
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
    from moto.apigateway.models import APIGatewayBackend  # noqa: PLC0415
    from moto.server import main as serve  # noqa: PLC0415

    class Forgiving(APIGatewayBackend):
        def import_rest_api(self, api_doc, fail_on_warnings):
            return original_import(self, readable(api_doc), fail_on_warnings)

        def put_rest_api(self, function_id, api_doc, fail_on_warnings, mode="merge"):
            document = readable(api_doc)
            return original_put(self, function_id, document, fail_on_warnings, mode)

    original_import, original_put = APIGatewayBackend.import_rest_api, APIGatewayBackend.put_rest_api
    APIGatewayBackend.import_rest_api = Forgiving.import_rest_api  # type: ignore[method-assign]
    APIGatewayBackend.put_rest_api = Forgiving.put_rest_api  # type: ignore[method-assign]
    serve(["--host", "127.0.0.1", "--port", str(port)])


if __name__ == "__main__":
    main(int(sys.argv[1]))

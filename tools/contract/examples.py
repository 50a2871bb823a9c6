"""The contract's examples, which are real responses of the service.

Two services respond: a healthy one, and a degraded one without bucket and model.
"""

import json
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError

from chalicelib.http.problems import INTERNAL, problem_response
from tools import ROOT
from tools.contract.operations import OPERATIONS, Method
from tools.show.serving import serving

PREDICT: Final = ("POST", "/v1/predictions")
UPLOAD: Final = ("POST", "/v1/uploads")
SPECIES: Final = ("GET", "/v1/species")
READY: Final = ("GET", "/readyz")
PLACE: Final = "decimalLatitude=-17.36&decimalLongitude=-56.78"


class Request(NamedTuple):
    """The request of an example; ``file`` is one of ``samples/``.

    ``part`` is the variable part of the path. Its default is the operation's own example.
    """

    method: Method
    query: str = ""
    part: str = ""
    body: bytes = b""
    file: str = ""
    media_type: str = ""


HEALTHY: Final = (
    Request(PREDICT, "limit=2", file="jaguar.jpg", media_type="image/jpeg"),
    Request(UPLOAD, body=b'{"contentType": "image/jpeg"}', media_type="application/json"),
    Request(SPECIES, f"{PLACE}&limit=2"),
    Request(("GET", "/v1/species/{taxonID}/range")),
    Request(("GET", "/v1/cells/{cell}")),
    Request(("GET", "/v1/model")),
    Request(("GET", "/v1/problems/{name}")),
    Request(("GET", "/livez")),
    Request(READY),
    Request(PREDICT, body=b"{}", media_type="multipart/form-data"),
    Request(PREDICT, body=b"hello", media_type="text/plain"),
    Request(PREDICT, body=bytes(5_000_000), media_type="image/jpeg"),
    Request(PREDICT, file="sheep-without-gps.jpg", media_type="image/jpeg"),
    Request(SPECIES, "decimalLatitude=91"),
    Request(("GET", "/v1/cells/{cell}"), part="unknown"),
    Request(("DELETE", "/livez")),
)
DEGRADED: Final = (
    Request(UPLOAD, body=b"{}", media_type="application/json"),
    Request(SPECIES, PLACE),
    Request(READY),
)

FIXED_VALUES: Final[Mapping[str, Any]] = {
    "predictionId": "0d0b1b6e-6a0c-4f5a-9d44-0c7f0f6f2a55",
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "timings": {
        "read": 0.2, "locate": 0.4, "features": 0.5, "decode": 6.5,
        "classify": 11.0, "wait": 0.0, "combine": 0.8, "total": 19.4,
    },
    "key": "uploads/1f0e6c9a4b7d4c0f8a55e1a2b3c4d5e6",
    "fields": {"key": "uploads/1f0e6c9a4b7d4c0f8a55e1a2b3c4d5e6", "policy": "…"},
}  # fmt: skip
"""Values for the members that differ in each response."""


def collect() -> tuple[dict[tuple[Method, int], Any], dict[str, Any]]:
    """Return responses by operation and status, and an example of each problem type."""
    responses: dict[tuple[Method, int], Any] = {}
    faults: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as empty:
        for requests, environment in (
            (HEALTHY, {"RANGEFINDER_UPLOADS_BUCKET": "rangefinder-uploads"}),
            (DEGRADED, {"RANGEFINDER_MODEL_DIRECTORY": empty}),
        ):
            with serving(environment, Path(empty) / "log") as base:
                for request in requests:
                    status, body = ask(base, request)
                    if "type" in body and "detail" in body:
                        faults[body["type"].rpartition("/")[2]] = body
                    else:
                        responses[request.method, status] = body
    # No request causes this problem on purpose, so build it as the service does.
    faults[INTERNAL.name] = normalise(
        json.loads(str(problem_response(INTERNAL, INTERNAL.help).body))
    )
    return responses, faults


def ask(base: str, request: Request) -> tuple[int, Any]:
    """Send a request; return the status and the normalised JSON of its response."""
    verb, path = request.method
    if "{" in path:
        ((name, parameter),) = OPERATIONS[request.method].path.items()
        path = path.replace(f"{{{name}}}", request.part or parameter.example)
    body = (ROOT / "samples" / request.file).read_bytes() if request.file else request.body
    prepared = urllib.request.Request(
        f"{base}{path}?{request.query}",
        data=body or None,
        method=verb,
        headers={"Content-Type": request.media_type} if request.media_type else {},
    )
    try:
        with urllib.request.urlopen(prepared) as response:  # our own server  # nosec B310
            return response.status, normalise(json.load(response))
    except HTTPError as error:
        with error:
            return error.code, normalise(json.load(error))


def normalise(body: Any) -> Any:
    """Replace the members that differ in each response by fixed values."""
    return {name: FIXED_VALUES.get(name, value) for name, value in body.items()}

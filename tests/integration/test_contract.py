"""The running service against its contract, on the newest Python only."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import DOCUMENT
from tests.pythons import is_newest_python
from tools.contract import examples
from tools.show.serving import serving

pytestmark = pytest.mark.skipif(not is_newest_python(), reason="the newest Python does it")

CONFIGURATION = """
[phases.coverage]
unexpected-methods = ["DELETE", "PATCH", "PUT"]  # `chalice local` itself refuses TRACE
"""

CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance",
    "response_headers_conformance", "response_schema_conformance", "unsupported_method",
)  # fmt: skip
"""Without ``negative_data_rejection``: empty fields, as forms send them, count as absent."""


OPERATIONS = len(DOCUMENT["paths"]) - 1
"""All operations except the contract itself, which Schemathesis reads first."""


def test_the_examples_are_current():
    """The service gives the same responses; scores may differ slightly between processors."""
    responses_by_status, faults = examples.collect()
    shown = DOCUMENT["components"]["examples"]
    assert faults == {name: shown[name]["value"] for name in shown}
    for ((verb, path), status), body in responses_by_status.items():
        responses = DOCUMENT["paths"][path][verb.lower()]["responses"]
        (media,) = responses[str(status)]["content"].values()
        assert rounded(body) == rounded(media["example"])


def rounded(value: object) -> object:
    """Allow a small difference in each number."""
    match value:
        case float():
            return pytest.approx(value, abs=0.02)
        case dict():
            return {name: rounded(item) for name, item in value.items()}
        case list():
            return [rounded(item) for item in value]
    return value


def test_every_response_matches_the_contract(tmp_path):
    """Schemathesis finds no 5xx, and no status, type or body outside the contract.

    It draws hundreds of valid and invalid requests from the contract, the same each time.
    """
    configuration = tmp_path / "schemathesis.toml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    environment = {
        "RANGEFINDER_UPLOADS_BUCKET": "rangefinder-uploads",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # no server there: nothing leaves the machine
    }
    with serving(environment, tmp_path / "log") as base:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "--config-file", str(configuration),
                "run", f"{base}/openapi.json", "--url", base,
                "--phases", "examples,coverage,fuzzing", "--checks", ",".join(CHECKS),
                "--seed", "1", "--max-examples", "40", "--generation-database", "none",
                "--no-color",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert f"Tested: {OPERATIONS}" in done.stdout

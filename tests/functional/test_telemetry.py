"""Log lines and metrics of real API Gateway events, as CloudWatch gets them."""

import json
import subprocess
import sys

import pytest
from msgspec.structs import replace

from app import services
from chalicelib.domain import FeatureSource, GeoStatus
from chalicelib.http import telemetry
from chalicelib.identify import IdentifyRequest
from tests.forms import FORM_TYPE, form
from tests.gateway import call
from tests.samples import SAMPLES

REQUEST = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
JAGUAR = SAMPLES["jaguar.jpg"].content
SECRET_PLACE = {"decimalLatitude": "-23.987654", "decimalLongitude": "31.554321"}


def predict(**fields: str):
    body = form(("photo", JAGUAR), *fields.items())
    return call("POST", "/v1/predictions", body, {"Content-Type": FORM_TYPE})


def metrics(out: str) -> dict:
    """Return the last line of metrics."""
    lines: list[dict] = [json.loads(line) for line in out.splitlines() if '"_aws"' in line]
    return lines[-1]


def test_a_prediction_emits_metrics(capsys):
    """It emits tier, status and stages in the embedded metric format, and no zero counts."""
    answer = predict(**SECRET_PLACE).body
    emitted = metrics(capsys.readouterr().out)
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Rangefinder"
    assert directive["Dimensions"] == [["service"]]
    assert emitted["service"] == "rangefinder"
    named = {metric["Name"] for metric in directive["Metrics"]}
    source = telemetry.SOURCES[FeatureSource(answer["geo"]["source"])]
    assert named - {telemetry.COLD_START} == {"GeoApplied", source, *telemetry.STAGES.values()}
    assert emitted["GeoApplied"] == emitted[source] == [1.0]
    assert emitted["StageTotal"][0] == pytest.approx(answer["timings"]["total"], abs=0.01)
    assert emitted["model"] == f"{answer['model']['name']} {answer['model']['version']}"
    assert emitted["dataset"] == answer["geo"]["dataset"]
    assert emitted["requestId"] == REQUEST


def test_the_first_prediction_of_an_environment_is_a_cold_start():
    """The test needs a new process, since this one has predicted before."""
    script = "from tests.functional.test_telemetry import predict; predict(geo='off')"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert metrics(done.stdout)[telemetry.COLD_START] == [1.0]


def test_later_predictions_are_not_cold_starts(capsys):
    """They do not emit the metric."""
    predict(geo="off")
    capsys.readouterr()
    assert predict(geo="off").status == 200
    emitted = metrics(capsys.readouterr().out)
    assert telemetry.COLD_START not in emitted
    assert emitted["GeoDisabled"] == [1.0]


@pytest.mark.parametrize(
    ("server", "metric"),
    [
        ("cache", "CacheBreakerOpen"),
        ("cacheWrites", "CacheWritesRefused"),
        ("database", "DatabaseBreakerOpen"),
    ],
)
def test_an_open_breaker_is_counted(capsys, server, metric):
    """Other breakers are not counted."""
    identification = services.identify(IdentifyRequest(photo=JAGUAR, use_geo=False))
    telemetry.emit_metrics(replace(identification, open_breakers=(server,)), "rangefinder")
    emitted = metrics(capsys.readouterr().out)
    assert {name for name in emitted if name in telemetry.BREAKERS.values()} == {metric}
    assert emitted[metric] == [1.0]


def test_every_status_and_source_has_a_metric():
    """A status or source without a metric would be invisible."""
    assert set(telemetry.STATUSES) == set(GeoStatus)
    assert set(telemetry.SOURCES) == set(FeatureSource)
    assert telemetry.SOURCES[FeatureSource.STALE] == "FeaturesStale"
    assert telemetry.STATUSES[GeoStatus.NO_DATA] == "GeoNoData"


def test_every_response_is_a_log_line_with_the_request_id(log):
    """It has the status, and the route but not the address."""
    predict(geo="off")
    call("GET", "/v1/species?decimalLatitude=91&decimalLongitude=0")
    call("GET", "/v1/problems/not-found")
    lines = log()
    assert [(line["status"], line["method"], line["route"]) for line in lines] == [
        (200, "POST", "/v1/predictions"),
        (422, "GET", "/v1/species"),
        (200, "GET", "/v1/problems/{name}"),
    ]
    assert {line["requestId"] for line in lines} == {REQUEST}
    assert {line["service"] for line in lines} == {"rangefinder"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/species", 422),
        ("DELETE", "/v1/predictions", 405),
        ("GET", "/nothing/here", 404),
        ("POST", "/v1/uploads", 501),
    ],
)
def test_every_problem_names_the_request(method, path, status):
    """A user can report it. Chalice's own errors have it too."""
    answer = call(method, path)
    assert answer.status == status
    assert answer.body["requestId"] == REQUEST

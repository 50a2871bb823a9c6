"""Log lines and metrics, as CloudWatch would get them, of real API Gateway events."""

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
    """The last line of metrics."""
    found: list[dict] = [json.loads(line) for line in out.splitlines() if '"_aws"' in line]
    return found[-1]


def test_a_prediction_is_measured(capsys):
    """Tier, status and stages, in the embedded metric format; what did not happen is no metric."""
    answer = predict(**SECRET_PLACE).body
    found = metrics(capsys.readouterr().out)
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Rangefinder"
    assert directive["Dimensions"] == [["service"]]
    assert found["service"] == "rangefinder"
    named = {metric["Name"] for metric in directive["Metrics"]}
    source = telemetry.SOURCES[FeatureSource(answer["geo"]["source"])]
    assert named - {telemetry.COLD_START} == {"GeoApplied", source, *telemetry.STAGES.values()}
    assert found["GeoApplied"] == found[source] == [1.0]
    assert found["StageTotal"][0] == pytest.approx(answer["timings"]["total"], abs=0.01)
    assert found["model"] == f"{answer['model']['name']} {answer['model']['version']}"
    assert found["dataset"] == answer["geo"]["dataset"]
    assert found["requestId"] == REQUEST


def test_the_first_prediction_of_an_environment_is_a_cold_start():
    """In a process of its own, since this one has predicted before."""
    script = "from tests.functional.test_telemetry import predict; predict(geo='off')"
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert metrics(done.stdout)[telemetry.COLD_START] == [1.0]


def test_later_predictions_are_no_cold_starts(capsys):
    """Which the metric does not even mention."""
    predict(geo="off")
    capsys.readouterr()
    assert predict(geo="off").status == 200
    found = metrics(capsys.readouterr().out)
    assert telemetry.COLD_START not in found
    assert found["GeoDisabled"] == [1.0]


def test_a_server_that_is_left_alone_is_counted(capsys):
    """And only that one."""
    found = services.identify(IdentifyRequest(photo=JAGUAR, use_geo=False))
    telemetry.measure(replace(found, open_breakers=("cache",)), "rangefinder")
    measured = metrics(capsys.readouterr().out)
    assert measured["CacheBreakerOpen"] == [1.0]
    assert "DatabaseBreakerOpen" not in measured


def test_every_status_and_source_has_a_metric():
    """A new one without would be invisible."""
    assert set(telemetry.STATUSES) == set(GeoStatus)
    assert set(telemetry.SOURCES) == set(FeatureSource)
    assert telemetry.SOURCES[FeatureSource.STALE] == "FeaturesStale"
    assert telemetry.STATUSES[GeoStatus.NO_DATA] == "GeoNoData"


def test_every_answer_is_a_line_with_the_request(log):
    """Whether it went well or not; the route and not the address."""
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
    """So that a visitor can report it; Chalice's own refusals, too."""
    answer = call(method, path)
    assert answer.status == status
    assert answer.body["requestId"] == REQUEST

"""What CloudWatch gets to see: a line of JSON for each answer, and metrics of each lookup.

Powertools writes both to standard output, where Lambda takes them from: logs as they are,
metrics in the embedded metric format
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
Photos and places are private: a line has the route and not the query, a metric the tier and
not the cell.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from itertools import count
from typing import Final

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from chalice.app import Request, Response

from chalicelib.domain import FeatureSource, GeoStatus, Identification

SERVICE: Final = "rangefinder"
NAMESPACE: Final = "Rangefinder"

STATUSES: Final = {status: f"Geo{status[0].upper()}{status[1:]}" for status in GeoStatus}
SOURCES: Final = {source: f"Features{source.capitalize()}" for source in FeatureSource}
BREAKERS: Final = {"cache": "CacheBreakerOpen", "database": "DatabaseBreakerOpen"}
COLD_START: Final = "ColdStart"
STAGES: Final = {
    stage: f"Stage{stage.capitalize()}"
    for stage in (
        "read", "locate", "features", "decode", "classify", "wait", "combine", "total",
    )
}  # fmt: skip
"""Names of the metrics. ``infra/monitoring.yaml`` draws them and raises alarms on some."""

logger = Logger(service=SERVICE)
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_predictions = count()


def request_id() -> str:
    """The identifier of the request at hand: in its log lines, and in problems."""
    return _request_id.get()


def middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Give the request its identifier, and log what became of it."""
    context: Mapping[str, str] = request.context or {}
    found = context.get("requestId") or str(uuid.uuid4())
    token = _request_id.set(found)
    start = time.monotonic()
    logger.thread_safe_append_keys(requestId=found)
    try:
        response = get_response(request)
        logger.info(
            "answered",
            method=request.method,
            route=context.get("resourcePath"),
            status=response.status_code,
            milliseconds=round(1000 * (time.monotonic() - start), 1),
        )
    finally:
        _request_id.reset(token)
        logger.thread_safe_clear_keys()
    return response


def measure(found: Identification, deployment: str) -> None:
    """Write the metrics of one prediction, as ``deployment``'s.

    What did not happen is not counted: each name that CloudWatch gets to see is billed, and
    each takes its time. Alarms take what is missing for zero.
    """
    model, geo = found.model, found.geo
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=deployment)
    metrics.add_metadata("requestId", request_id())
    metrics.add_metadata("model", f"{model.name} {model.version}")
    metrics.add_metadata("dataset", geo.dataset.version if geo.dataset else None)
    counted = [STATUSES[geo.status], *(BREAKERS[server] for server in found.open_breakers)]
    if geo.features:
        counted.append(SOURCES[geo.features.source])
    if next(_predictions) == 0:
        counted.append(COLD_START)
    for name in counted:
        metrics.add_metric(name, MetricUnit.Count, 1.0)
    for stage, milliseconds in found.timings.items():
        metrics.add_metric(STAGES[stage], MetricUnit.Milliseconds, milliseconds)
    metrics.flush_metrics()

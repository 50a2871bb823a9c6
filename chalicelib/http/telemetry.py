"""Logs and metrics: one JSON line for each response, and metrics of each prediction.

Powertools writes both to standard output, where Lambda collects them: logs as they are,
metrics in the embedded metric format
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
Photos and places are private: a log line has the route but not the query, a metric the tier but
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
BREAKERS: Final = {
    "cache": "CacheBreakerOpen",
    "cacheWrites": "CacheWritesRefused",
    "database": "DatabaseBreakerOpen",
}
COLD_START: Final = "ColdStart"
SECOND_LOOKS: Final = "SecondLooks"
"""The looks after the first one: their sum, and the number of photos as the sample count."""

SPECIALIST_LOOKS: Final = "SpecialistLooks"
"""The looks of specialists: their sum, and the photos that needed one as the sample count."""

STAGES: Final = {
    stage: f"Stage{stage.capitalize()}"
    for stage in (
        "read", "locate", "features", "decode", "classify", "wait", "combine", "total",
    )
}  # fmt: skip
"""Names of the metrics. ``infra/monitoring.yaml`` has a dashboard and alarms for them."""

logger = Logger(service=SERVICE)
_request_id: ContextVar[str] = ContextVar("request_id", default="")
_predictions = count()


def request_id() -> str:
    """Return the identifier of the current request, as log lines and problems show it."""
    return _request_id.get()


def middleware(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Give the request its identifier, and log its response."""
    context: Mapping[str, str] = request.context or {}
    identifier = context.get("requestId") or str(uuid.uuid4())
    token = _request_id.set(identifier)
    start = time.monotonic()
    logger.thread_safe_append_keys(requestId=identifier)
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


def emit_metrics(identification: Identification, deployment: str) -> None:
    """Write the metrics of one prediction.

    A count of zero is not written, because CloudWatch bills each metric and writing takes time.
    Alarms treat missing data as zero.

    Args:
        identification: The prediction.
        deployment: The value of the metrics' dimension ``service``.
    """
    model, geo = identification.model, identification.geo
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=deployment)
    metrics.add_metadata("requestId", request_id())
    models = ", ".join(f"{one.name} {one.version}" for one in (model, *identification.consulted))
    metrics.add_metadata("model", models)
    metrics.add_metadata("dataset", geo.dataset.version if geo.dataset else None)
    open_breakers = [BREAKERS[server] for server in identification.open_breakers]
    counted = [STATUSES[geo.status], *open_breakers]
    if geo.features:
        counted.append(SOURCES[geo.features.source])
    if next(_predictions) == 0:
        counted.append(COLD_START)
    for name in counted:
        metrics.add_metric(name, MetricUnit.Count, 1.0)
    if identification.looks > 1:
        metrics.add_metric(SECOND_LOOKS, MetricUnit.Count, identification.looks - 1.0)
    if identification.consulted:
        looks = float(len(identification.consulted))
        metrics.add_metric(SPECIALIST_LOOKS, MetricUnit.Count, looks)
    for stage, milliseconds in identification.timings.items():
        metrics.add_metric(STAGES[stage], MetricUnit.Milliseconds, milliseconds)
    metrics.flush_metrics()

"""How much of each service a case uses in a month, by the names of the prices."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import exp
from typing import Final

from tools.costs.facts import Facts

HOURS: Final = 730.0
"""A month."""

PREDICTIONS: Final = 1_000_000
AFTERNOON_HOURS: Final = 6.0

DATABASE_GIGABYTES: Final = 1.0
"""More than all ranges need (docs/feature-store.md, Sizes)."""
CACHE_GIGABYTES: Final = 0.1
"""The least that ElastiCache Serverless bills for Valkey; some ten thousand places."""
REDIS_GIGABYTES: Final = 1.0
"""The least that it bills for Redis OSS."""
IMAGE_GIGABYTES: Final = 0.5
PACKAGE_GIGABYTES: Final = 0.04

ANSWER_BYTES: Final = 3_200
"""Body and headers, not compressed. A test compares it with real answers."""
LOG_BYTES: Final = 1_800
"""Our two lines, and Lambda's three (about 400 bytes). A test compares ours."""
CACHE_UNITS: Final = 3
"""The entry of a place (2 kB at the median) and that of the dataset."""

COLD_SHARE: Final = 0.01
"""AWS saw fewer than 1 % cold starts among production workloads."""
TRACED_SHARE: Final = 0.05
"""X-Ray records the first request of each second, and 5 % of the others."""
PLACES: Final = 10_000
"""Different places that a million visitors photograph; each is read once."""
AFTERNOON_CAPACITY: Final = 1.0
"""Capacity units of the afternoon: its 2 GiB of memory hold the whole table."""

Usage = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A month of a certain kind."""

    name: str
    usage: Usage


def cases(facts: Facts) -> Iterator[Case]:
    """Yield the months that ``make costs`` compares."""
    steady, afternoon = HOURS, AFTERNOON_HOURS
    checked = checks(facts) * facts.seconds_awake / 3600
    comparisons = _awake(facts, checked, facts.least_capacity, 0)
    always = _awake(facts, HOURS, facts.least_capacity, PREDICTIONS)
    rush = _awake(facts, AFTERNOON_HOURS + facts.seconds_awake / 3600, AFTERNOON_CAPACITY, PLACES)
    started = PREDICTIONS * COLD_SHARE
    yield Case("idle", _idle(facts))
    everyday = _sum(_idle(facts), _million(facts, steady, started), _cached(), comparisons)
    yield Case("steady", everyday)
    yield Case("steady, SnapStart", _sum(everyday, snapshot_only(facts), restores(facts, started)))
    yield Case(
        "steady, no cache",
        _sum(_without_cache(_idle(facts)), _million(facts, steady, started), always),
    )
    yield Case(
        "afternoon",
        _sum(_idle(facts), _million(facts, afternoon, facts.environments), _cached(), rush),
    )
    yield Case("`dev`, idle", _package())
    yield Case("`dev`, steady", _sum(_package(), _million(facts, steady, started)))


def checks(facts: Facts) -> float:
    """Return how often in a month an environment asks the database for a new dataset."""
    return HOURS * 3600 / facts.dataset_check_seconds


def snapshot_only(facts: Facts) -> Usage:
    """Return what keeping a snapshot (SnapStart) uses in a month."""
    return {"snapstart-cache": facts.memory_gigabytes * HOURS * 3600}


def restores(facts: Facts, starts: float) -> Usage:
    """Return what SnapStart adds for so many new environments: they skip the start."""
    return {
        "snapstart-restore": facts.memory_gigabytes * starts,
        "lambda-time": -facts.memory_gigabytes * facts.start_seconds * starts,
    }


def _package() -> Usage:
    """Return what only being deployed uses."""
    return {"s3-storage": PACKAGE_GIGABYTES}


def _idle(facts: Facts) -> Usage:
    """Return what the prod stage uses in a month without a visitor."""
    return {
        **_package(),
        "aurora-storage": DATABASE_GIGABYTES,
        "cache-storage": CACHE_GIGABYTES * HOURS,
        "secret": facts.secrets,
        "image-storage": IMAGE_GIGABYTES,
        "alarm": facts.alarm_metrics,
        "dashboard": facts.dashboards,
        "nat": facts.nat_gateways * HOURS,
        "endpoint": facts.endpoints * 2 * HOURS,
        "key": facts.keys,
    }


def _without_cache(usage: Usage) -> Usage:
    return {name: quantity for name, quantity in usage.items() if name != "cache-storage"}


def _million(facts: Facts, hours: float, starts: float) -> Usage:
    """Return what a million predictions use if they come within some hours."""
    millions = PREDICTIONS / 1e6
    seconds = hours * 3600
    # Requests come by chance: of so many seconds, this share has one at least.
    first = seconds * (1 - exp(-PREDICTIONS / seconds))
    log_gigabytes = PREDICTIONS * LOG_BYTES / 1e9
    return {
        "api-requests": millions,
        "lambda-requests": millions,
        "lambda-time": facts.memory_gigabytes
        * (PREDICTIONS * facts.jpeg_seconds + starts * facts.start_seconds),
        "data-out": PREDICTIONS * ANSWER_BYTES / 1e9,
        "log-ingestion": log_gigabytes,
        "log-storage": log_gigabytes,
        "metric": facts.custom_metrics * hours / HOURS,
        "traces": (first + TRACED_SHARE * (PREDICTIONS - first)) / 1e6,
    }


def _cached() -> Usage:
    """Return what reading the cache uses for a million predictions."""
    return {"cache-requests": PREDICTIONS * CACHE_UNITS / 1e6}


def _awake(facts: Facts, hours: float, capacity: float, reads: float) -> Usage:
    """Return what the database uses while it is awake; each read takes one request to storage."""
    return {
        "aurora-capacity": min(capacity, facts.most_capacity) * hours,
        "aurora-requests": reads / 1e6,
    }


def _sum(*usages: Usage) -> Usage:
    """Add up usages, name by name."""
    total: Counter[str] = Counter()
    for usage in usages:
        for name, quantity in usage.items():
            total[name] += quantity  # type: ignore[assignment]
    return total

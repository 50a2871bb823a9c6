"""The costs as Markdown: in USD, in quantities, and what a choice or an hour costs."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from tools.costs import usage
from tools.costs.facts import Facts
from tools.costs.prices import Price
from tools.costs.usage import HOURS, PREDICTIONS, Case, Usage

PARTS: Final = {
    "api-requests": "API Gateway",
    "lambda-requests": "Lambda, requests",
    "lambda-time": "Lambda, time",
    "snapstart-cache": "SnapStart, snapshot",
    "snapstart-restore": "SnapStart, restores",
    "data-out": "answers",
    "log-ingestion": "logs, written",
    "log-storage": "logs, kept a month",
    "metric": "own metrics",
    "traces": "traces",
    "aurora-capacity": "Aurora, awake",
    "aurora-requests": "Aurora, reads",
    "aurora-storage": "Aurora, storage",
    "cache-storage": "cache, storage",
    "cache-requests": "cache, reads",
    "secret": "secrets",
    "alarm": "alarms",
    "dashboard": "dashboard",
    "image-storage": "image of operations",
    "s3-storage": "package in S3",
    "nat": "NAT gateways",
    "endpoint": "interface endpoints",
    "key": "own KMS keys",
}
"""Rows of the tables, and the names of their prices."""

CHOICES: Final = frozenset(
    {
        "redis-storage", "s3-writes", "s3-reads",
        "address", "load-balancer", "task-processor", "task-memory",
    }
)  # fmt: skip
NAMES: Final = frozenset(PARTS) | CHOICES
"""The prices that a table must have."""


def dollars(prices: Mapping[str, Price], quantities: Usage) -> float:
    """Return what the quantities cost together."""
    return sum(prices[name].usd * quantity for name, quantity in quantities.items())


def markdown(prices: Mapping[str, Price], facts: Facts) -> str:
    """Return all tables, with what they rest on."""
    months = list(usage.cases(facts))
    sections = (
        _summary(prices, months, facts),
        "USD a month:",
        _table(["part", *(case.name for case in months)], _cost_rows(prices, months)),
        "The quantities, and what one unit costs:",
        _table(
            ["part", "unit", "USD a unit", *(case.name for case in months)],
            _quantity_rows(prices, months),
        ),
        "By choice, and by the hour:",
        _table(["what", "USD", "arithmetic"], _choice_rows(prices, facts)),
        _assumptions(facts),
        _sources(prices),
    )
    return "\n\n".join(sections) + "\n"


def _summary(prices: Mapping[str, Price], months: list[Case], facts: Facts) -> str:
    """Return the figures in one sentence; README.md quotes it."""
    total = {case.name: dollars(prices, case.usage) for case in months}
    snapstart = dollars(prices, usage.snapshot_only(facts))
    return (
        f"**By list prices `prod` costs {total['idle']:.0f} USD a month idle, "
        f"{total['steady']:.0f} USD with a million predictions spread over the month, and "
        f"{total['afternoon']:.0f} USD with a million in one afternoon. SnapStart adds "
        f"{snapstart:.0f} USD a month. `dev` costs {_money(total['`dev`, idle'])} USD idle.**"
    )


def _cost_rows(prices: Mapping[str, Price], months: list[Case]) -> Iterator[list[str]]:
    """Yield a row for each part that costs something, and the sum."""
    for name, part in PARTS.items():
        if not any(case.usage.get(name) for case in months):
            continue
        yield [
            part,
            *(_money(prices[name].usd * case.usage.get(name, 0.0)) for case in months),
        ]
    yield ["**together**", *(f"**{dollars(prices, case.usage):.2f}**" for case in months)]


def _quantity_rows(prices: Mapping[str, Price], months: list[Case]) -> Iterator[list[str]]:
    for name, part in PARTS.items():
        price = prices[name]
        quantities = (_quantity(case.usage.get(name, 0.0)) for case in months)
        yield [part, price.unit, f"{price.usd:.10f}".rstrip("0").rstrip("."), *quantities]


def _choice_rows(prices: Mapping[str, Price], facts: Facts) -> Iterator[list[str]]:
    """Yield what an option or an hour of use costs."""
    usd = {name: price.usd for name, price in prices.items()}
    gigabytes, second = facts.memory_gigabytes, usd["lambda-time"]
    rare = PREDICTIONS * usage.COLD_SHARE
    yield [
        "SnapStart, a month", _money(dollars(prices, usage.snapshot_only(facts))),
        f"{gigabytes:.4f} GB x {usd['snapstart-cache']:.10f} x {HOURS * 3600:,.0f} s",
    ]  # fmt: skip
    yield [
        f"SnapStart, {rare:,.0f} new environments",
        _money(dollars(prices, usage.restores(facts, rare))),
        f"each {gigabytes:.4f} GB x {usd['snapstart-restore']:.10f}, less the start of "
        f"{facts.start_seconds * 1000:.0f} ms that Lambda would bill",
    ]
    extra = facts.heic_seconds - facts.jpeg_seconds
    yield [
        "a million HEICs of 12 MP instead of JPEGs",
        _money(extra * PREDICTIONS * gigabytes * second),
        f"{extra * 1000:.0f} ms more x {gigabytes:.4f} GB x {second:.10f}",
    ]
    yield [
        "a million photos through the bucket",
        _money(PREDICTIONS / 1000 * (usd["s3-writes"] + usd["s3-reads"])),
        f"1,000 x ({usd['s3-writes']} + {usd['s3-reads']})",
    ]
    wake = facts.least_capacity * facts.seconds_awake / 3600 * usd["aurora-capacity"]
    yield [
        "one query that wakes the database", f"{wake:.3f}",
        f"{facts.least_capacity} ACU x {facts.seconds_awake:.0f} s x {usd['aurora-capacity']}",
    ]  # fmt: skip
    for capacity, name in ((facts.least_capacity, "least"), (facts.most_capacity, "most")):
        yield [
            f"an hour of Aurora, {name}", _money(capacity * usd["aurora-capacity"]),
            f"{capacity} ACU x {usd['aurora-capacity']}",
        ]  # fmt: skip
    yield [
        "Aurora that never pauses, a month",
        _money(facts.least_capacity * HOURS * usd["aurora-capacity"]),
        f"{facts.least_capacity} ACU x {HOURS:.0f} h x {usd['aurora-capacity']}",
    ]
    yield [
        f"an hour of all {facts.environments} environments, busy",
        _money(facts.environments * gigabytes * 3600 * second),
        f"{facts.environments} x {gigabytes:.4f} GB x 3,600 s x {second:.10f}",
    ]
    yield [
        "Redis OSS instead of Valkey, a month",
        _money(usage.REDIS_GIGABYTES * HOURS * usd["redis-storage"]),
        f"{usage.REDIS_GIGABYTES} GB x {HOURS:.0f} h x {usd['redis-storage']}",
    ]
    yield [
        "the Secrets Manager endpoint, a month", _money(2 * HOURS * usd["endpoint"]),
        f"2 zones x {HOURS:.0f} h x {usd['endpoint']}",
    ]  # fmt: skip
    yield [
        "a NAT gateway, a month", _money(HOURS * (usd["nat"] + usd["address"])),
        f"{HOURS:.0f} h x ({usd['nat']} + {usd['address']} for its address); there is none",
    ]  # fmt: skip
    task = 0.25 * usd["task-processor"] + 0.5 * usd["task-memory"] + usd["address"]
    yield [
        "your own website, a month",
        _money(HOURS * (usd["load-balancer"] + 2 * usd["address"] + task)),
        f"{HOURS:.0f} h x (load balancer {usd['load-balancer']}, its 2 addresses "
        f"{2 * usd['address']}, a task {task:.5f})",
    ]
    yield [
        "an hour of an operation", _money(2 * usd["task-processor"] + 8 * usd["task-memory"]),
        f"2 vCPUs x {usd['task-processor']} + 8 GB x {usd['task-memory']}",
    ]  # fmt: skip


def _assumptions(facts: Facts) -> str:
    """Return what the quantities rest on."""
    rate = PREDICTIONS / usage.AFTERNOON_HOURS / 3600
    lines = (
        f"A month has {HOURS:.0f} hours. Free tiers and taxes are not counted: 10 alarm metrics "
        "and 3 dashboards are free in an account, so the bill may be a few USD less.",
        f"A prediction takes {facts.jpeg_seconds * 1000:.1f} ms: a JPEG of 12 MP, as measured "
        f"in [latency](latency.md). A start takes {facts.start_seconds * 1000:.0f} ms "
        "([packaging](packaging.md)), and Lambda bills it. Both come from our machine, not from "
        "Lambda.",
        "Steady: every place is in the cache, so no prediction reaches the database. One "
        "environment asks the database for a new dataset every "
        f"{facts.dataset_check_seconds / 3600:.0f} hours: {usage.checks(facts):.1f} times a month, "
        f"and each time the database is awake for {facts.seconds_awake:.0f} s. "
        f"{usage.COLD_SHARE:.0%} of the requests start an environment.",
        "No cache: each prediction asks the database, which never pauses then. The same happens "
        "with a cache if a place that it lacks is asked for at least every "
        f"{facts.seconds_awake / 60:.0f} minutes.",
        f"Afternoon: {usage.AFTERNOON_HOURS:.0f} hours, {rate:.0f} requests a second (the default "
        f"throttle is {facts.requests_a_second:.0f}), an empty cache, {usage.PLACES:,} places, "
        f"{facts.environments} starts, and {usage.AFTERNOON_CAPACITY} ACU.",
        f"An answer has {usage.ANSWER_BYTES:,} bytes, its log {usage.LOG_BYTES:,}, its lookup in "
        f"the cache takes {usage.CACHE_UNITS} ECPUs.",
        "X-Ray traces the first request of each second, and "
        f"{usage.TRACED_SHARE:.0%} of the others. So steady traffic is traced nearly whole.",
        "Not counted, each below 0.05 USD: traffic between zones, backups within the size of the "
        "database, calls to KMS and Secrets Manager.",
    )
    return "\n".join(f"- {line}" for line in lines)


def _sources(prices: Mapping[str, Price]) -> str:
    """Return how the prices are known."""
    used = [price for name, price in prices.items() if name in NAMES]
    told = {
        source: sorted(price.name for price in used if price.source == source)
        for source in ("AWS", "secondary", "memory")
    }
    regions = ", ".join(sorted({price.region for price in used}))
    text = (
        f"The prices are list prices of {regions}; each has its date and source in the table. "
        f"{len(told['AWS'])} are from AWS's own pages, {len(told['secondary'])} from other pages "
        "that quote AWS"
    )
    if told["memory"]:
        names = ", ".join(f"`{name}`" for name in told["memory"])
        text += f", and {len(told['memory'])} from memory, not confirmed ({names})"
    return text + ". No figure was measured on AWS."


def _money(usd: float) -> str:
    """Return an amount in USD; what rounds to nothing but is not is shown as such."""
    return "0" if usd == 0 else "< 0.01" if usd < 0.005 else f"{usd:.2f}"


def _quantity(quantity: float) -> str:
    """Return a quantity with about three digits."""
    if quantity == 0:
        return "0"
    return f"{quantity:,.0f}" if quantity >= 100 else f"{quantity:.3g}"


def _table(header: list[str], rows: Iterable[list[str]]) -> str:
    """Return a Markdown table; all columns but the first and texts are right-aligned."""
    texts = {"part", "unit", "what", "arithmetic"}
    rule = ["---" if name in texts else "---:" for name in header]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows))

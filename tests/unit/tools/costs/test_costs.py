"""Test what the service costs: the arithmetic, and the table of prices."""

from dataclasses import replace

import pytest

from tools.costs import usage
from tools.costs.facts import Facts, read_facts
from tools.costs.prices import PRICES, SOURCES, PricesError, read_prices
from tools.costs.tables import NAMES, dollars, markdown

FACTS = Facts(
    memory_gigabytes=2.0, environments=100, jpeg_seconds=0.1, heic_seconds=0.5, start_seconds=1.0,
    least_capacity=0.5, most_capacity=8.0, seconds_awake=600.0, dataset_check_seconds=86_400.0,
    requests_a_second=50.0,
    secrets=1, alarm_metrics=10, dashboards=1, custom_metrics=20,
    nat_gateways=0, endpoints=0, keys=0,
)  # fmt: skip


def month(name: str, facts: Facts = FACTS) -> usage.Usage:
    return {case.name: case.usage for case in usage.cases(facts)}[name]


@pytest.fixture(name="prices", scope="module")
def read():
    """The repository's table."""
    return read_prices(required=NAMES)


def test_time_is_billed_by_memory_and_seconds():
    """A million predictions, and the starts of one in a hundred."""
    assert month("steady")["lambda-time"] == pytest.approx(2.0 * (100_000 + 10_000 * 1.0))


def test_a_cache_lets_the_database_sleep():
    """It is awake for the daily comparison only. Without a cache it never pauses."""
    assert month("steady")["aurora-capacity"] == pytest.approx(730 / 24 * 600 / 3600 * 0.5)
    assert month("steady")["aurora-requests"] == 0
    assert month("steady, no cache")["aurora-capacity"] == pytest.approx(730 * 0.5)
    assert "cache-storage" not in month("steady, no cache")


def test_a_database_that_never_pauses_costs_most_of_the_bill(prices):
    """So the first steady million costs less than half as much with a cache."""
    facts = read_facts()
    steady = dollars(prices, month("steady", facts))
    awake = dollars(prices, month("steady, no cache", facts))
    assert steady < awake / 2


def test_nothing_is_used_in_an_idle_month_that_a_visitor_causes():
    """What costs then is storage and watching."""
    assert set(month("idle")) == {
        "s3-storage", "aurora-storage", "cache-storage", "secret", "image-storage",
        "alarm", "dashboard", "nat", "endpoint", "key",
    }  # fmt: skip
    assert month("`dev`, idle") == {"s3-storage": usage.PACKAGE_GIGABYTES}


def test_steady_traffic_is_traced_nearly_whole():
    """X-Ray takes the first request of each second, and steady traffic has few second ones."""
    assert 0.8 < month("steady")["traces"] < 0.9
    assert 0.05 < month("afternoon")["traces"] < 0.1


def test_the_afternoon_keeps_to_the_default_throttle():
    """Otherwise some of the million would get a 429 instead of an answer."""
    rate = usage.PREDICTIONS / usage.AFTERNOON_HOURS / 3600
    assert rate <= read_facts().requests_a_second


def test_the_capacity_of_the_database_has_its_limit():
    """The afternoon cannot use more than the maximum."""
    hours = usage.AFTERNOON_HOURS + FACTS.seconds_awake / 3600
    assert month("afternoon", replace(FACTS, most_capacity=0.5))["aurora-capacity"] == (
        pytest.approx(0.5 * hours)
    )


def test_each_price_says_where_and_when(prices):
    """Each has a region, a date and a source; only what is from memory has no address."""
    for price in prices.values():
        assert price.region == "us-east-1"
        assert price.date == "undated" or price.date.startswith("20")
        assert price.source in SOURCES
        assert price.url.startswith("https://") == (price.source != "memory")


def test_each_price_is_used(prices):
    """A row that nothing reads would only look like care."""
    assert set(prices) == NAMES


def test_the_tables_show_each_unit_price_and_the_sums(prices):
    """The sum of a column is the sum of its month."""
    text = markdown(prices, FACTS)
    assert f"**{dollars(prices, month('steady')):.2f}**" in text
    assert "| 0.0000166667 |" in text


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("AWS Lambda,million requests,0.20", "AWS Lambda,million requests,free", "'free'"),
        ("AWS Lambda,million requests,0.20", "AWS Lambda,million requests,-1", "'-1'"),
        ("\nlambda-requests,", "\nlambda-request,", "lacks prices for lambda-requests"),
        ("name,service,unit,usd", "name,service,unit,price", "lacks the columns usd"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path, before, after, told):
    """A typing error must not become a wrong bill."""
    path = tmp_path / "prices.csv"
    path.write_text(PRICES.read_text(encoding="utf-8").replace(before, after, 1), encoding="utf-8")
    with pytest.raises(PricesError, match=told):
        read_prices(path, required=NAMES)


def test_a_missing_table_says_why(tmp_path):
    """The text names the file."""
    with pytest.raises(PricesError, match=r"none\.csv: No such file"):
        read_prices(tmp_path / "none.csv", required=NAMES)

"""The table of list prices: ``data/prices.csv``, or your own with the same columns."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools import ROOT

PRICES: Final = ROOT / "data" / "prices.csv"
COLUMNS: Final = ("name", "service", "unit", "usd", "region", "date", "source", "url")
SOURCES: Final = ("AWS", "secondary", "memory")
"""Who says so: AWS's own pages, another page, or nobody that we could find."""


class PricesError(Exception):
    """The table cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit costs, in USD.

    Attributes:
        date: The year and month for which the source states the price, or ``undated``.
        source: One of ``SOURCES``.
    """

    name: str
    service: str
    unit: str
    usd: float
    region: str
    date: str
    source: str
    url: str


def read_prices(path: Path = PRICES, *, required: frozenset[str]) -> Mapping[str, Price]:
    """Return the prices of a table by their names.

    Args:
        path: A CSV file with the columns ``COLUMNS``.
        required: The names that must be there.

    Raises:
        PricesError: The file is missing, lacks a column or a price, or a price is not a number.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise PricesError(f"{path}: {error.strerror}") from error
    if missing := [column for column in COLUMNS if rows and column not in rows[0]]:
        raise PricesError(f"{path} lacks the columns {', '.join(missing)}")
    prices = {row["name"]: _price(path, row) for row in rows}
    if lacking := sorted(required - prices.keys()):
        raise PricesError(f"{path} lacks prices for {', '.join(lacking)}. data/prices.csv has all")
    return prices


def _price(path: Path, row: Mapping[str, str]) -> Price:
    """Return the price in a row."""
    try:
        usd = float(row["usd"])
    except (TypeError, ValueError):
        usd = -1.0
    if not 0 <= usd < float("inf"):
        raise PricesError(
            f"{path}: the price of {row['name']} is {row['usd']!r}. It must be a number of USD"
        )
    return Price(**{**{column: row[column] for column in COLUMNS}, "usd": usd})  # type: ignore[arg-type]

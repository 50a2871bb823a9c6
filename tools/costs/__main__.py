"""Print what the service costs on AWS, as Markdown: ``make costs``.

docs/deploy.md holds the output. To reckon with your own prices: ``make costs PRICES=my.csv``.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from tools import ROOT
from tools.costs.facts import read_facts
from tools.costs.prices import PRICES, PricesError, read_prices
from tools.costs.tables import NAMES, markdown

DOCUMENT: Final = ROOT / "docs" / "deploy.md"
BEGIN: Final = "<!-- make costs -->\n"
END: Final = "<!-- end of make costs -->\n"


def written(document: str, tables: str) -> str:
    """Return the document with the tables between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


def main() -> int:
    """Run the command; return 2 if the prices cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--prices", type=Path, default=PRICES, help="a table like data/prices.csv")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/deploy.md")
    arguments = parser.parse_args()
    try:
        prices = read_prices(arguments.prices, required=NAMES)
    except PricesError as error:
        print(error, file=sys.stderr)
        return 2
    tables = markdown(prices, read_facts())
    if arguments.write:
        text = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(written(text, tables), encoding="utf-8")
    else:
        print(tables, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Test that the documented costs are those of ``make costs``, and rest on real sizes."""

import json
import subprocess
import sys

from tests.functional.test_telemetry import predict
from tools import ROOT
from tools.costs import usage
from tools.costs.__main__ import BEGIN, DOCUMENT, END, written
from tools.costs.facts import read_facts
from tools.costs.prices import PRICES, read_prices
from tools.costs.tables import NAMES, markdown

LAMBDAS_OWN_LINES = 400
"""START, END and REPORT, with a request's identifier each."""


def test_the_documented_costs_are_computed():
    """docs/deploy.md holds what the program prints. To update it: make costs OPTIONS=--write."""
    document = DOCUMENT.read_text(encoding="utf-8")
    tables = markdown(read_prices(required=NAMES), read_facts())
    assert document.count(BEGIN) == document.count(END) == 1
    assert document == written(document, tables)


def test_your_own_prices_change_the_result(tmp_path):
    """The command takes another table."""
    own = tmp_path / "own.csv"
    table = PRICES.read_text(encoding="utf-8")
    own.write_text(table.replace("million requests,3.50", "million requests,1003.50"))
    done = subprocess.run(
        [sys.executable, "-m", "tools.costs", "--prices", str(own)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "| API Gateway | 0 | 1003.50 |" in done.stdout


def test_an_answer_and_its_log_have_at_most_the_reckoned_size():
    """The arithmetic takes these sizes, so they must not grow unnoticed."""
    answer = predict(decimalLatitude="-23.98", decimalLongitude="31.55")
    assert answer.status == 200
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    assert len(json.dumps(answer.body).encode()) + headers < usage.ANSWER_BYTES
    script = (
        "from tests.functional.test_telemetry import predict;"
        "predict(decimalLatitude='-23.98', decimalLongitude='31.55')"
    )
    command = [sys.executable, "-c", script]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    assert b'"answered"' in lines
    assert b'"_aws"' in lines
    assert len(lines) + LAMBDAS_OWN_LINES < usage.LOG_BYTES

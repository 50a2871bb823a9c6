"""Test that the documents describe what the code does."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from app import app
from chalicelib.http.problems import CATALOGUE, TYPE_PREFIX
from chalicelib.settings import PREFIX, Settings
from tests.templates import resources

ROOT = Path(__file__).parent.parent.parent
PROXY = "/{proxy+}"


def rows(document: str) -> list[list[str]]:
    lines = (ROOT / document).read_text(encoding="utf-8").splitlines()
    return [
        [cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines if "|" in line
    ]


def test_every_setting_is_documented_with_its_default_and_description():
    """The table in docs/settings.md equals Settings, row by row."""
    documented = {row[0]: row for row in rows("docs/settings.md") if row[0].startswith(PREFIX)}
    assert list(documented) == [PREFIX + field.name.upper() for field in fields(Settings)]
    for field in fields(Settings):
        _, default, description = documented[PREFIX + field.name.upper()]
        assert description.replace("`", "") == field.metadata["help"].replace("`", "")
        written = {True: "on", False: "off", None: "", "": "", (): ""}
        if isinstance(field.default, bool | str | tuple | None):
            assert default == written.get(field.default, field.default)
        else:
            assert str(field.default).endswith(default)
            assert default


def test_every_problem_is_documented():
    """The table in docs/problems.md equals the catalogue, row by row."""
    documented = {row[0]: row[1:3] for row in rows("docs/problems.md") if "/v1/" in row[0]}
    assert documented == {
        TYPE_PREFIX + problem.name: [str(problem.status), problem.title]
        for problem in CATALOGUE.values()
    }


def test_every_alarm_says_what_to_do():
    """docs/operate.md has a row with advice for each alarm of infra/monitoring.yaml."""
    alarms = resources("monitoring.yaml", "AWS::CloudWatch::Alarm")
    documented = {row[0]: row[2] for row in rows("docs/operate.md") if row[0] in alarms}
    assert list(documented) == list(alarms)
    assert all(documented.values())


@pytest.mark.parametrize("route", [route for route in app.routes if route != PROXY])
def test_every_route_is_in_the_readme(route):
    """A reader of the README finds each route."""
    assert re.escape(route) in re.escape((ROOT / "README.md").read_text(encoding="utf-8"))


def test_the_routes_fit_on_one_page():
    """app.py has only routes, in at most 80 lines."""
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) <= 80

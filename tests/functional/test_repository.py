"""The files that GitHub reads are well-formed, and say what is true of the project."""

import pytest
import yaml

from chalicelib import __version__
from tools import ROOT

GITHUB = ROOT / ".github"
FORMS = sorted(path for path in GITHUB.glob("ISSUE_TEMPLATE/*.yml") if path.stem != "config")


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", sorted(GITHUB.rglob("*.yml")), ids=lambda path: path.name)
def test_every_file_parses(path):
    """As a mapping."""
    assert isinstance(read(path), dict)


def test_the_workflow_runs_make_test_on_every_supported_python():
    """On Ubuntu, and with no more rights than to read."""
    workflow = read(GITHUB / "workflows" / "test.yml")
    job = workflow["jobs"]["test"]
    assert job["runs-on"].startswith("ubuntu-")
    assert any(step.get("run", "").startswith("make test") for step in job["steps"])
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert workflow["permissions"] == {"contents": "read"}
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML reads `on` so


def test_dependabot_looks_where_the_files_are():
    """Requirements, workflows and every Dockerfile."""
    updates = read(GITHUB / "dependabot.yml")["updates"]
    places = {
        update["package-ecosystem"]: update.get("directories") or [update["directory"]]
        for update in updates
    }
    assert set(places) == {"pip", "github-actions", "docker"}
    assert places["pip"] == places["github-actions"] == ["/"]
    files = [ROOT / "Dockerfile", *sorted(ROOT.glob("infra/**/Dockerfile"))]
    assert [ROOT / place.removeprefix("/") / "Dockerfile" for place in places["docker"]] == files


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_every_issue_form_asks_something(path):
    """GitHub refuses a form without name, description or fields."""
    form = read(path)
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] in ("input", "textarea")]
    assert fields
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_citation_is_of_this_version():
    """In the Citation File Format, 1.2.0: four keys are required."""
    citation = read(ROOT / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= set(citation)
    assert citation["authors"] == [{"name": "Rangefinder contributors"}]
    assert citation["version"] == __version__
    assert citation["license"] == "Apache-2.0"

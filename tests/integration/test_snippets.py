"""What the documents show to a newcomer works as it stands there."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_aws import fake_aws
from tests.snippets import Snippet, curl_lines, snippets
from tools import ROOT
from tools.show.serving import serving

BUCKET = "rangefinder-uploads"
PROGRAMS = {
    "python": [sys.executable, "-W", "error", "-"],
    "js": ["node", "--input-type=module", "-"],
}
COMMANDS = {
    document: curl_lines(document)
    for document in ("README.md", "docs/quick-start.md", "docs/client.md")
}
PROGRAMS_OF_THE_DOCS = [one for one in snippets("docs/client.md") if one.language in PROGRAMS]
MODEL = {one.title: one for one in snippets("docs/model.md") if one.title}


@pytest.fixture(scope="module")
def base(tmp_path_factory) -> Iterator[str]:
    """A deployment with a bucket."""
    with fake_aws() as account:
        account.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        environment = {**account.environment, "RANGEFINDER_UPLOADS_BUCKET": BUCKET}
        with serving(environment, tmp_path_factory.mktemp("snippets") / "log") as url:
            yield url


def run(command: list[str], base: str, text: str = "") -> str:
    """What a program prints, run where the repository is."""
    return subprocess.run(
        command,
        input=text,
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        env={"BASE": base, "PATH": os.environ["PATH"], "PYTHONUTF8": "1"},
    ).stdout


def ask(command: str, base: str) -> Any:
    """What a curl line gets, pasted into a shell."""
    return json.loads(run(["sh", "-c", command], base))


@pytest.mark.parametrize("command", sorted({one for found in COMMANDS.values() for one in found}))
def test_every_curl_line_gets_what_it_asks_for(base, command):
    """Pasted into a shell."""
    answer = ask(command, base)
    assert answer.get("predictions") or answer.get("species")


def test_each_document_has_curl_lines():
    """Or the test above would check nothing."""
    assert all(len(found) >= 4 for found in COMMANDS.values()), COMMANDS


@pytest.mark.parametrize("snippet", PROGRAMS_OF_THE_DOCS, ids=lambda one: one.name)
def test_every_program_prints_what_the_page_says(base, snippet: Snippet):
    """Python and JavaScript; with uploads to S3, too."""
    assert snippet.printed
    assert run(PROGRAMS[snippet.language], base, snippet.code) == snippet.printed


def test_the_page_has_programs_in_each_language():
    """Requests, httpx, uploads; fetch."""
    assert [one.language for one in PROGRAMS_OF_THE_DOCS] == ["python", "python", "js", "python"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the model is written by ai_edge_litert")
def test_a_model_of_ones_own_works_as_the_page_says(tmp_path: Path):
    """The walk-through of docs/model.md, with its own description and labels."""
    from tests.tiny_model import build  # noqa: PLC0415

    for title, one in MODEL.items():
        path = tmp_path / title
        path.parent.mkdir(exist_ok=True)
        path.write_text(one.code, encoding="utf-8")
    directory = tmp_path / "my-model"
    card = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    (directory / card["file"]).write_bytes(build(card["input"]["width"]))

    about, predict = curl_lines("docs/model.md")
    (tried,) = (one for one in snippets("docs/model.md") if predict in one.code)
    with serving({"RANGEFINDER_MODEL_DIRECTORY": str(directory)}, tmp_path / "log") as url:
        model, answer = ask(about, url), ask(predict, url)
    first = answer["predictions"][0]
    assert first["geoWeight"] > 1
    assert tried.printed.splitlines() == [
        f"{model['name']} {model['version']}: "
        f"{model['classes']} classes, {model['animals']} animals",
        f"geo {answer['geo']['status']}",
        first["taxon"]["vernacularName"],
    ]

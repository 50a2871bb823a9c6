"""The commands and programs in the documents work as they stand there."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.bootstrap import Services
from chalicelib.identify import IdentifyRequest
from chalicelib.settings import Settings
from tests.snippets import Snippet, curl_lines, snippets
from tests.taxonomy import write_taxonomy
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
PROGRAMS_OF_THE_DOCS = [
    snippet for snippet in snippets("docs/client.md") if snippet.language in PROGRAMS
]
MODEL = {snippet.title: snippet for snippet in snippets("docs/model.md") if snippet.title}


@pytest.fixture(scope="module")
def base(shared_account, tmp_path_factory) -> Iterator[str]:
    """Start a deployment with a bucket and return its address."""
    account = shared_account.empty()
    account.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    environment = {**account.environment, "RANGEFINDER_UPLOADS_BUCKET": BUCKET}
    with serving(environment, tmp_path_factory.mktemp("snippets") / "log") as url:
        yield url


def run(command: list[str], base: str, text: str = "") -> str:
    """Run a program in the repository and return what it prints."""
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


def run_in_shell(command: str, base: str) -> Any:
    """Run a curl line in a shell and return the parsed JSON."""
    return json.loads(run(["sh", "-c", command], base))


@pytest.mark.parametrize("command", sorted({line for lines in COMMANDS.values() for line in lines}))
def test_every_curl_line_gets_an_answer(base, command):
    """Pasted into a shell, every curl line returns predictions or species."""
    answer = run_in_shell(command, base)
    assert answer.get("predictions") or answer.get("species")


def test_each_document_has_curl_lines():
    """Each document has at least four curl lines, so the test above has something to run."""
    assert all(len(lines) >= 4 for lines in COMMANDS.values()), COMMANDS


@pytest.mark.parametrize("snippet", PROGRAMS_OF_THE_DOCS, ids=lambda snippet: snippet.name)
def test_every_program_prints_what_the_page_says(base, snippet: Snippet):
    """Every Python and JavaScript program prints exactly the block that follows it."""
    assert snippet.printed
    assert run(PROGRAMS[snippet.language], base, snippet.code) == snippet.printed


def test_the_page_has_programs_in_each_language():
    """The page has three programs in Python and a program in JavaScript, in this order."""
    languages = [snippet.language for snippet in PROGRAMS_OF_THE_DOCS]
    assert languages == ["python", "python", "js", "python"]


MACHINES = {
    r"[\d.]+ ms for a picture on this machine; the model that ships takes [\d.]+": "the speed",
    r"(?m)^\d+ s\. ": "",
}
"""What differs from one machine to another in what adoption prints."""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the model is written by ai_edge_litert")
def test_adoption_prints_what_the_page_says(tmp_path: Path):
    """The command of docs/model.md, run by the program behind it."""
    from tests.tiny_model import Form, build, metadata_table  # noqa: PLC0415

    (snippet,) = (one for one in snippets("docs/model.md") if "make adopt MODEL" in one.code)
    make, target, *given = shlex.split(snippet.code)
    assert (make, target) == ("make", "adopt")
    values = dict(text.split("=", 1) for text in given)
    licence = metadata_table(licence="CC0-1.0")
    form = Form(last="SOFTMAX", stored="UINT8", metadata=licence)
    (tmp_path / values["MODEL"]).write_bytes(build(32, form))
    (tmp_path / values["LABELS"]).write_text(MODEL["labels.txt"].code, encoding="utf-8")
    directory = tmp_path / "models" / values["NAME"]
    printed = run(
        [
            sys.executable, "-m", "tools.adopt", str(tmp_path / values["MODEL"]),
            "--labels", str(tmp_path / values["LABELS"]), "--name", values["NAME"],
            "--into", str(directory), "--taxonomy", str(write_taxonomy(tmp_path / "taxonomy")),
        ],
        "",
    ).replace(f"{tmp_path}/", "")  # fmt: skip
    expected = snippet.printed
    for pattern, text in MACHINES.items():
        printed, expected = (re.sub(pattern, text, one) for one in (printed, expected))
    assert printed == expected
    services = Services.build(replace(Settings(), model_directory=directory))
    photo = (ROOT / "samples" / "polar-bear.jpg").read_bytes()
    answer = services.identify(IdentifyRequest(photo, use_geo=False))
    assert answer.candidates[0].taxon.scientific_name == "Ursus maritimus"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the model is written by ai_edge_litert")
def test_your_own_model_works_as_the_page_says(tmp_path: Path):
    """The files and commands of docs/model.md run a model and print what the page shows."""
    from tests.tiny_model import build  # noqa: PLC0415

    for title, snippet in MODEL.items():
        path = tmp_path / title
        path.parent.mkdir(exist_ok=True)
        path.write_text(snippet.code, encoding="utf-8")
    directory = tmp_path / "my-model"
    card = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    (directory / card["file"]).write_bytes(build(card["input"]["width"]))

    about, predict = curl_lines("docs/model.md")
    (walk_through,) = (snippet for snippet in snippets("docs/model.md") if predict in snippet.code)
    with serving({"RANGEFINDER_MODEL_DIRECTORY": str(directory)}, tmp_path / "log") as url:
        model, answer = run_in_shell(about, url), run_in_shell(predict, url)
    first = answer["predictions"][0]
    assert first["geoWeight"] > 1
    assert walk_through.printed.splitlines() == [
        f"{model['name']} {model['version']}: "
        f"{model['classes']} classes, {model['animals']} animals",
        f"geo {answer['geo']['status']}",
        first["taxon"]["vernacularName"],
    ]

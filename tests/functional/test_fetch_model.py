"""Public models are fetched over HTTP: resumed, verified, or taken from a folder."""

import hashlib
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest

from tools.fetch_model.__main__ import fetch, read_catalogue
from tools.fetch_model.download import FetchError, RemoteFile, copy, download, is_complete

CONTENT = bytes(range(256)) * 1200
LABELS = b"0 Ursus maritimus\n1 background\n"


class Server:
    """Serves two files. ``breaks_after`` bytes it hangs up; ``ranges`` says if it can resume."""

    def __init__(self) -> None:
        self.files = {"/bears.tflite": CONTENT, "/labels.txt": LABELS}
        self.breaks_after: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted))
        content = self.files.get(request.path)
        if content is None:
            request.send_error(404)
            return
        start = int(wanted.strip("bytes=-")) if wanted and self.ranges else 0
        request.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            request.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        end = start + self.breaks_after if self.breaks_after else len(content)
        request.wfile.write(content[start:end])


@pytest.fixture(name="server")
def make_server() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.server.serve_forever)
    thread.start()
    yield server
    server.server.shutdown()
    thread.join()
    server.server.server_close()


@pytest.fixture(name="catalogue")
def make_catalogue(server):
    def entry(name: str, content: bytes) -> dict:
        return {
            "name": name, "url": f"{server.base}/{name}", "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip

    return {
        "bears": {
            "model": entry("bears.tflite", CONTENT), "labels": entry("labels.txt", LABELS),
            "knows": "2 bears", "license": "CC0-1.0", "source": "https://example.org",
            "trainingData": "none",
        }
    }  # fmt: skip


def file_of(catalogue) -> RemoteFile:
    entry = catalogue["bears"]["model"]
    return RemoteFile(entry["name"], entry["url"], entry["sha256"], entry["bytes"])


def get(file: RemoteFile, target: Path) -> list[int]:
    """Download; returns what the progress bar was told."""
    told: list[int] = []
    with httpx.Client() as client:
        download(file, target, client, told.append)
    return told


def test_a_model_comes_with_its_labels_and_its_origin(server, catalogue, tmp_path: Path):
    """A second fetch asks for nothing."""
    target = fetch("bears", catalogue, tmp_path)
    assert (target / "bears.tflite").read_bytes() == CONTENT
    assert json.loads((target / "origin.json").read_bytes()) == {
        "model": "bears.tflite", "labels": "labels.txt", "license": "CC0-1.0",
        "source": "https://example.org", "trainingData": "none", "knows": "2 bears",
    }  # fmt: skip
    assert len(server.asked) == 2
    fetch("bears", catalogue, tmp_path)
    assert len(server.asked) == 2
    assert sorted(path.name for path in target.iterdir()) == [
        "bears.tflite", "labels.txt", "origin.json",
    ]  # fmt: skip


def test_a_download_goes_on_where_it_broke_off(server, catalogue, tmp_path: Path):
    """Nothing is at its place before it is complete."""
    file, target = file_of(catalogue), tmp_path / "bears.tflite"
    server.breaks_after = 100_000
    with pytest.raises(FetchError, match="run the same command again"):
        get(file, target)
    assert not target.exists()
    server.breaks_after = None
    told = get(file, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[1][1] == "bytes=100000-"
    assert told[0] == 100_000
    assert sum(told) == len(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["bears.tflite"]


def test_a_server_that_cannot_resume_sends_all_again(server, catalogue, tmp_path: Path):
    """The bytes do not double."""
    target = tmp_path / "bears.tflite"
    (tmp_path / "bears.tflite.part").write_bytes(CONTENT[:5000])
    server.ranges = False
    told = get(file_of(catalogue), target)
    assert target.read_bytes() == CONTENT
    assert sum(told) == len(CONTENT)


@pytest.mark.parametrize("part", [b"x" * 5000, b"x" * len(CONTENT), b"x" * (len(CONTENT) + 9)])
def test_a_partial_file_of_other_content_is_fetched_anew(server, catalogue, tmp_path: Path, part):
    """Also if it is as long as the whole, or longer."""
    target = tmp_path / "bears.tflite"
    (tmp_path / "bears.tflite.part").write_bytes(part)
    get(file_of(catalogue), target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"y" * len(CONTENT), CONTENT + b"y" * 100_000])
def test_another_file_is_refused_and_removed(server, catalogue, tmp_path: Path, content):
    """A model that was changed on its way never gets to its place."""
    server.files["/bears.tflite"] = content
    with pytest.raises(FetchError, match="another file"):
        get(file_of(catalogue), tmp_path / "bears.tflite")
    assert not (tmp_path / "bears.tflite").exists()


def test_a_server_that_says_no_is_told(server, catalogue, tmp_path: Path):
    """With the address, and the way without a network."""
    server.files.clear()
    with pytest.raises(FetchError, match=r"bears\.tflite cannot be fetched.*404.*MODEL_MIRROR"):
        get(file_of(catalogue), tmp_path / "bears.tflite")


def test_a_folder_may_hold_the_files(server, catalogue, tmp_path: Path):
    """They are verified all the same, and nothing is asked of the network."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    with pytest.raises(FetchError, match=r"has no file bears\.tflite"):
        fetch("bears", catalogue, tmp_path, mirror)
    (mirror / "bears.tflite").write_bytes(CONTENT)
    (mirror / "labels.txt").write_bytes(LABELS)
    target = fetch("bears", catalogue, tmp_path / "fetched", mirror)
    assert is_complete(target / "bears.tflite", file_of(catalogue))
    (mirror / "bears.tflite").write_bytes(CONTENT[:-1])
    with pytest.raises(FetchError, match="SHA-256"):
        copy(file_of(catalogue), mirror, tmp_path / "bears.tflite")
    assert server.asked == []


def test_an_unknown_name_lists_the_catalogue(catalogue, tmp_path: Path):
    """With what each model knows."""
    with pytest.raises(FetchError, match=r"no model 'fish'. It has bears \(2 bears\)"):
        fetch("fish", catalogue, tmp_path)


def test_the_catalogue_is_complete():
    """Each address names one state of a repository, so that the files cannot change."""
    for model in read_catalogue().values():
        assert all(model[member] for member in ("knows", "license", "source", "trainingData"))
        for file in (model["model"], model["labels"]):
            assert re.fullmatch(r"[0-9a-f]{64}", file["sha256"])
            assert re.search(r"/[0-9a-f]{40}/", file["url"])
            assert file["url"].endswith(f"/{file['name']}")
            assert file["bytes"] > 0

"""Download one file: resumed where it broke off, verified, and moved into place as a whole."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

TIMEOUT_SECONDS: Final = 30.0

PARTIAL: Final = 206
UNSATISFIABLE: Final = 416

Progress = Callable[[int], Any]
"""Is told how many bytes came."""


class FetchError(RuntimeError):
    """A file that cannot be had: one line says why, and what to do."""


class RemoteFile(NamedTuple):
    """A file of the catalogue: ``size`` in bytes, and the SHA-256 that it must have."""

    name: str
    url: str
    sha256: str
    size: int


def is_complete(path: Path, file: RemoteFile) -> bool:
    """Return whether a file is there, with the right content."""
    return path.is_file() and _digest(path) == file.sha256


def copy(file: RemoteFile, mirror: Path, target: Path) -> None:
    """Copy a file from a folder. Raises ``FetchError``."""
    source = mirror / file.name
    if not source.is_file():
        raise FetchError(f"{mirror} has no file {file.name}: MODEL_MIRROR must hold it")
    part = _part(target)
    shutil.copyfile(source, part)
    _finish(part, file, target, str(source))


def download(file: RemoteFile, target: Path, client: httpx.Client, progress: Progress) -> None:
    """Download a file, from where an earlier attempt broke off. Raises ``FetchError``.

    A partial file of other content shows only at the end: then everything is fetched once more.
    """
    part = _part(target)
    had_part = part.is_file() and part.stat().st_size > 0
    try:
        _receive(file, part, client, progress)
        if had_part and _digest(part) != file.sha256:
            part.unlink()
            _receive(file, part, client, progress)
    except httpx.HTTPStatusError as error:
        raise FetchError(
            f"{file.url} cannot be fetched: the server answers {error.response.status_code}. "
            "MODEL_MIRROR=folder takes the files from a folder"
        ) from error
    except (httpx.HTTPError, OSError) as error:
        raise FetchError(
            f"{file.url} cannot be fetched: {str(error) or type(error).__name__}. What came so far "
            "is kept: run the same command again. Without a network, MODEL_MIRROR=folder takes "
            "the files from a folder"
        ) from error
    _finish(part, file, target, file.url)


def _receive(file: RemoteFile, part: Path, client: httpx.Client, progress: Progress) -> None:
    """Append to the partial file what it lacks; a server that cannot do so sends all of it."""
    present = part.stat().st_size if part.is_file() else 0
    if present >= file.size:
        part.unlink()
        present = 0
    headers = {"Accept-Encoding": "identity"}
    if present:
        headers["Range"] = f"bytes={present}-"
    with client.stream("GET", file.url, headers=headers) as response:
        if response.status_code == UNSATISFIABLE:
            part.unlink(missing_ok=True)
        response.raise_for_status()
        goes_on = response.status_code == PARTIAL and _begins_at(response, present)
        progress(present if goes_on else 0)
        with part.open("ab" if goes_on else "wb") as out:
            for block in response.iter_bytes():
                out.write(block)
                progress(len(block))
                if out.tell() > file.size:
                    raise FetchError(
                        f"{file.url} is larger than the {file.size:,} bytes of the catalogue: "
                        "it is another file"
                    )


def _begins_at(response: httpx.Response, start: int) -> bool:
    """Return whether a partial answer is the part that was asked for."""
    content_range: str = response.headers.get("Content-Range", "")
    return content_range.startswith(f"bytes {start}-")


def _finish(part: Path, file: RemoteFile, target: Path, source: str) -> None:
    """Verify a file and move it to its place. Raises ``FetchError``, and removes a wrong file."""
    actual = _digest(part)
    if actual != file.sha256:
        part.unlink()
        raise FetchError(
            f"{source} has the SHA-256 {actual}; the catalogue says {file.sha256}: it is another "
            "file, or it was changed on its way. Nothing was kept"
        )
    part.replace(target)


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

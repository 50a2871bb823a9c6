"""Debian packages that run without being installed: fetched by apt and unpacked below ``build/``.

apt gets its own list of sources, state and cache, so the system's own apt and packages stay as they
are, and no root is needed. The programs run by the loader and the libraries of their own
distribution, which may be newer than the system's.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools import ROOT

BUILD: Final = ROOT / "build" / "servers"
KEYRINGS: Final = Path("usr/share/keyrings")
DEBIAN_KEYRING: Final = Path("/") / KEYRINGS / "debian-archive-keyring.gpg"

DISPENSABLE: Final = ("perl", "libperl", "systemd_", "libsystemd-shared")
"""Beginnings of packages that a server only needs to be installed, not to run."""


class FetchError(Exception):
    """The packages cannot be had; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """A distribution's release.

    Attributes:
        name: Its directory below ``build/servers``.
        mirror: Where its packages are.
        suites: Its suites there; each has the component ``main``.
        keyring: The keys that sign it.
        build: Where to fetch it to, in a directory of its name.
    """

    name: str
    mirror: str
    suites: tuple[str, ...]
    keyring: Path
    build: Path = BUILD

    @property
    def directory(self) -> Path:
        """Return where it is fetched to."""
        return self.build / self.name

    @property
    def root(self) -> Path:
        """Return the root of the unpacked packages."""
        return self.directory / "root"


DEBIAN: Final = "http://deb.debian.org/debian"
SID: Final = Release("sid", DEBIAN, ("sid",), DEBIAN_KEYRING)
TRIXIE: Final = Release("trixie", DEBIAN, ("trixie",), DEBIAN_KEYRING)
NOBLE: Final = Release(
    "noble", "http://archive.ubuntu.com/ubuntu", ("noble", "noble-updates"),
    # Debian packages Ubuntu's keys, so Debian's signature vouches for them.
    SID.root / KEYRINGS / "ubuntu-archive-keyring.gpg",
)  # fmt: skip


def fetch(release: Release, *packages: str) -> None:
    """Fetch packages with all that they depend on, and unpack them; keep what is there already.

    Raises:
        FetchError: There is no apt, no keyring, or no answer from the mirror.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise FetchError("apt-get and dpkg-deb are needed: run it on Debian or Ubuntu")
    if not release.keyring.is_file():
        raise FetchError(f"{release.keyring} is missing: install debian-archive-keyring")
    wanted = " ".join(packages)
    done = release.directory / "packages"
    if done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(release.directory, ignore_errors=True)
    cache = _prepare(release)
    _apt(release, "update")
    _apt(release, "install", "--yes", "--download-only", *packages)
    for archive in sorted(cache.glob("*.deb")):
        if not archive.name.startswith(DISPENSABLE):
            _run(release, "dpkg-deb", "--extract", str(archive), str(release.root))
    for name in ("cache", "lists"):
        shutil.rmtree(release.directory / name)
    done.write_text(wanted, encoding="utf-8")


def program(release: Release, path: str, *arguments: str) -> Path:
    """Return a script that runs a program of a release, with further arguments at the end.

    The script replaces itself by the program, so it has the program's process identifier.
    """
    (loader,) = _loaders(release.root)
    command = [str(loader), "--library-path", ":".join(_libraries(release.root))]
    script = release.directory / "bin" / Path(path).name
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        f'#!/bin/sh\nexec {shlex.join([*command, str(release.root / path)])} "$@" '
        f"{shlex.join(arguments)}\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    return script


def _prepare(release: Release) -> Path:
    """Write apt's configuration, and return the directory that it downloads to."""
    directory = release.directory
    cache = directory / "cache" / "archives"
    for path in ("lists/partial", "etc/apt.conf.d", "etc/preferences.d", "cache/archives/partial"):
        (directory / path).mkdir(parents=True)
    (directory / "status").touch()
    sources = (
        f"deb [signed-by={release.keyring}] {release.mirror} {suite} main\n"
        for suite in release.suites
    )
    (directory / "sources.list").write_text("".join(sources), encoding="utf-8")
    options = {
        "Dir::State": directory,
        "Dir::State::lists": directory / "lists",
        "Dir::State::status": directory / "status",
        "Dir::Cache": directory / "cache",
        "Dir::Etc": directory / "etc",
        "Dir::Etc::sourcelist": directory / "sources.list",
        "Dir::Etc::sourceparts": "-",
        # A mirror may lag behind. The signature is checked, and an older server is one, too.
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
    }
    lines = [f'{name} "{value}";\n' for name, value in options.items()]
    (directory / "apt.conf").write_text("".join(lines), encoding="utf-8")
    return cache


def _apt(release: Release, *arguments: str) -> None:
    """Run apt-get on the release's own state."""
    _run(release, "apt-get", "--quiet=2", *arguments)


def _run(release: Release, *command: str) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, "APT_CONFIG": str(release.directory / "apt.conf")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        reason = done.stderr.strip()[-500:]
        raise FetchError(f"{command[0]} failed for {release.name} of {release.mirror}: {reason}")


def _loaders(root: Path) -> Iterator[Path]:
    """Yield the dynamic loader, whatever the architecture."""
    for directory in _libraries(root):
        yield from Path(directory).glob("ld-linux*.so.*")


def _libraries(root: Path) -> list[str]:
    """Return the directories of libraries: those of the architecture."""
    return [str(path) for path in sorted((root / "usr" / "lib").glob("*-linux-gnu*"))]

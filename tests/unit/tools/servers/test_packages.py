"""Test how fetched programs run, and what is said if nothing can be fetched."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tools import ROOT
from tools.servers.packages import DEBIAN, FetchError, Release, fetch, program

LOADER = """#!/bin/sh
echo $$ "$@"
"""


needs_apt = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is Debian's")


@pytest.fixture(name="release")
def make_release(tmp_path):
    """A release below a directory with a space in its name."""
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    return Release("sid", DEBIAN, ("sid",), keyring, tmp_path / "a build")


def test_a_program_runs_by_the_loader_of_its_release(release):
    """With that release's libraries, its own arguments first, and the same process."""
    libraries = release.root / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    loader = libraries / "ld-linux-x86-64.so.2"
    loader.write_text(LOADER)
    loader.chmod(0o755)
    script = program(release, "usr/sbin/mysqld", "--basedir=/a b")
    with subprocess.Popen(
        [script, "--no-defaults", "--port=1"], stdout=subprocess.PIPE, text=True
    ) as process:
        output, _ = process.communicate()
    assert output.split() == [
        str(process.pid), "--library-path", *str(libraries).split(),
        *str(release.root / "usr/sbin/mysqld").split(),
        "--no-defaults", "--port=1", "--basedir=/a", "b",
    ]  # fmt: skip


@needs_apt
def test_a_missing_keyring_is_told(release):
    """Without keys nobody could say who made the packages."""
    with pytest.raises(FetchError, match="debian-archive-keyring"):
        fetch(replace(release, keyring=Path("/nowhere/keys.gpg")), "valkey-server")


@needs_apt
def test_a_mirror_that_does_not_answer_is_told(release):
    """The text names the release and the mirror; a later run tries again."""
    unreachable = replace(release, mirror="http://127.0.0.1:9/debian")
    for _ in range(2):
        with pytest.raises(FetchError, match=r"apt-get failed for sid of http://127\.0\.0\.1:9"):
            fetch(unreachable, "valkey-server")


def test_a_system_without_apt_is_told(tmp_path):
    """The command ends with 2, before any test runs."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.servers"],
        cwd=ROOT, env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "run it on Debian or Ubuntu" in done.stderr
    assert done.stdout == ""

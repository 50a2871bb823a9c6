"""Test how fetched programs run, and what is said where there is no apt."""

import os
import subprocess
import sys

import pytest

from tools import ROOT
from tools.servers.packages import DEBIAN, Release, program

LOADER = """#!/bin/sh
echo $$ "$@"
"""


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

"""``make serve`` and ``make demo`` as a newcomer runs them, in processes of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from tools import ROOT
from tools.show.serving import free_port

DEMO = [sys.executable, "-m", "tools.show.demo"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_serve_prints_its_base_and_ends_cleanly_at_ctrl_c():
    """On the port that is asked for, ready to paste."""
    port = free_port()
    with subprocess.Popen(
        [*DEMO, "--serve", "--port", str(port)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        # A suite in the background ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            assert process.stderr
            assert process.stdout.readline() == f"BASE=http://127.0.0.1:{port}\n"
            while "/v1/species" not in (line := process.stdout.readline()):
                assert line
            time.sleep(0.2)  # until it waits
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            assert process.wait(timeout=30) == 0
            assert "Traceback" not in process.stderr.read()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize(
    ("arguments", "is_heard"), [((), False), (("--host", "0.0.0.0"), True)], ids=["usual", "all"]
)
def test_serve_listens_on_loopback_unless_told_otherwise(arguments, is_heard):
    """A container needs all addresses; 127.0.0.2 is not the usual one."""
    port = free_port()
    with subprocess.Popen(
        [*DEMO, "--serve", "--port", str(port), *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout
            assert process.stdout.readline() == f"BASE=http://127.0.0.1:{port}\n"
            with socket.socket() as probe:
                assert (probe.connect_ex(("127.0.0.2", port)) == 0) is is_heard
        finally:
            process.terminate()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "8000.0"])
def test_a_port_that_is_none_is_told(port):
    """In one line."""
    done = run("--serve", f"--port={port}")
    assert done.returncode == 1
    assert done.stderr == f"PORT={port} is not a port: give a number from 1 to 65535.\n"


def test_a_port_in_use_is_told():
    """In one line, which says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run("--serve", "--port", str(port))
    assert done.returncode == 1
    assert done.stderr == (
        f"PORT={port} cannot be used (address already in use): give another one, or none for a "
        "free port.\n"
    )


def test_a_missing_curl_is_told(tmp_path):
    """Before a server is started."""
    done = run(PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("make demo needs curl, which is not installed.")
    assert done.stderr.count("\n") == 1


def test_a_server_that_does_not_start_is_reported_with_its_log(tmp_path):
    """The message names the log and has no traceback."""
    (tmp_path / "exifread.py").write_text("raise ImportError", encoding="utf-8")
    done = run(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert re.fullmatch(r"chalice local did not start. Its log is .*/demo\.log\.\n", done.stderr)


def test_the_demo_says_who_placed_the_samples():
    """Its answers come from EXIF that we wrote."""
    done = run()
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("We placed the samples ourselves")
    assert "(from exif, H3 cell" in done.stdout
    assert "curl -F photo=@samples/giant-panda.jpg http://127.0.0.1:" in done.stdout


def test_a_wrong_setting_ends_serve_without_a_traceback():
    """The message names the setting, its value and what is wrong with it."""
    done = run("--serve", RANGEFINDER_FEATURES_FILE="/nowhere.sqlite")
    assert done.returncode == 1
    assert done.stderr == (
        "Invalid settings:\n  - RANGEFINDER_FEATURES_FILE='/nowhere.sqlite': does not exist\n"
    )

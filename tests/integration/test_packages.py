"""apt fetches programs for ``make test-servers``, and says what it cannot fetch."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tools.servers.packages import DEBIAN, FetchError, Release, fetch

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="apt-get is Debian's")


@pytest.fixture(name="release")
def make_release(tmp_path):
    keyring = tmp_path / "keys.gpg"
    keyring.touch()
    return Release("sid", DEBIAN, ("sid",), keyring, tmp_path / "a build")


def test_a_missing_keyring_is_told(release):
    """Without keys nobody could say who made the packages."""
    with pytest.raises(FetchError, match="debian-archive-keyring"):
        fetch(replace(release, keyring=Path("/nowhere/keys.gpg")), "valkey-server")


def test_a_mirror_that_does_not_answer_is_told(release):
    """The text names the release and the mirror; a later run tries again."""
    unreachable = replace(release, mirror="http://127.0.0.1:9/debian")
    for _ in range(2):
        with pytest.raises(FetchError, match=r"apt-get failed for sid of http://127\.0\.0\.1:9"):
            fetch(unreachable, "valkey-server")

"""Fixtures: a browser, and the servers that it visits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.visit import Visit
from tests.pythons import only_on_the_newest
from tools.show.serving import serving

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """Skip these tests on older Pythons: the browser gets the same bytes from each."""
    only_on_the_newest(items, Path(__file__).parent, "the browser runs on the newest Python")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium; close it after this package, or its event loop disturbs others."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def base() -> Iterator[str]:
    """Start a deployment as ``dev`` is, with embedded features and no bucket."""
    with serving() as url:
        yield url


@pytest.fixture
def visit(browser, base) -> Iterator[Visit]:
    """Open the page in a new tab."""
    with Visit.begin(browser, base) as visit:
        yield visit

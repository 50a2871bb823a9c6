"""A browser, and servers for it to visit."""

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
    """What the browser gets does not depend on the Python that serves it."""
    only_on_the_newest(items, Path(__file__).parent, "the browser runs on the newest Python")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; closed with this package, as its event loop would be in others' way."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def base() -> Iterator[str]:
    """A deployment as ``dev`` is: the embedded features, no bucket."""
    with serving() as url:
        yield url


@pytest.fixture
def visit(browser, base) -> Iterator[Visit]:
    """Somebody who has just opened the page."""
    with Visit.begin(browser, base) as visit:
        yield visit

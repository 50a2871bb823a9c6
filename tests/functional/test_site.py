"""Test the documentation as a site: it is complete and fetches nothing from other hosts."""

import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.contract import DOCUMENT
from tests.pythons import is_newest_python
from tools import ROOT
from tools.documentation.links import PUBLISHED, rewrite

SITE = ROOT / "build" / "site"
FETCHED = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
"""Elements that make a browser fetch something, and the attribute with its address."""

OTHER_HOST = re.compile(r"(?:https?:)?//", re.I)


class Fetches(HTMLParser):
    """Collects the addresses that a browser fetches for a page, and the classes of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.classes: set[str] = set()

    def handle_starttag(self, tag, attrs) -> None:
        attributes = dict(attrs)
        self.classes.update((attributes.get("class") or "").split())
        if address := attributes.get(FETCHED.get(tag, "")):
            self.addresses.append(address)


@pytest.fixture(scope="module")
def site() -> Path:
    """Build the site; a warning of MkDocs is an error."""
    if not is_newest_python():
        pytest.skip("the documentation is built on the newest Python")
    done = subprocess.run(
        ["make", "--no-print-directory", "docs"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE


def pages(site: Path) -> Iterator[tuple[str, Fetches]]:
    for path in site.rglob("*.html"):
        fetches = Fetches()
        fetches.feed(path.read_text(encoding="utf-8"))
        yield path.name, fetches


def test_no_page_asks_another_host(site):
    """Scripts, styles, pictures and fonts are the site's own.

    The theme's script would fetch Mermaid for a page with a diagram; no page has one.
    """
    parsed = dict(pages(site))
    assert len(parsed) > 20
    for name, page in parsed.items():
        assert page.addresses, name
        assert [address for address in page.addresses if OTHER_HOST.match(address)] == [], name
        assert page.classes.isdisjoint({"mermaid", "md-source"}), name
    for style in site.rglob("*.css"):
        text = style.read_text(encoding="utf-8")
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", text) == [], (
            style.name
        )


def test_files_from_elsewhere_in_the_repository_are_on_the_site(site):
    """Security, facts and licences are pages, without links that work on the forge only."""
    for page in PUBLISHED.values():
        assert site.joinpath(page.replace(".md", ".html")).stat().st_size > 500


def test_the_contract_can_be_read(site):
    """Every operation and every schema has a heading."""
    text = site.joinpath("api.html").read_text(encoding="utf-8")
    heads = {
        re.sub("<[^>]+>|¶|&para;", "", heading)
        for heading in re.findall(r"<h[23][^>]*>(.*?)</h", text)
    }
    operations = {
        f"{verb.upper()} {path}" for path, verbs in DOCUMENT["paths"].items() for verb in verbs
    }
    assert operations | set(DOCUMENT["components"]["schemas"]) <= heads


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("[Deploy](docs/deploy.md#not-proven)", "[Deploy](deploy.md#not-proven)"),
        ("[log](CHANGELOG.md)", "[log](changelog.md)"),
        ("[the routes](app.py)", "the routes"),
        ("[H3](https://h3geo.org)", "[H3](https://h3geo.org)"),
        ("![drawn](docs/pictures/spike.png)", "![drawn](docs/pictures/spike.png)"),
    ],
)
def test_links_to_files_become_links_to_pages(link, page):
    """A link to a file without a page becomes plain text. Links to other sites stay."""
    assert rewrite(link, "SECURITY.md") == page


def test_a_link_to_a_missing_file_is_an_error():
    """The error names the page and the missing file."""
    with pytest.raises(FileNotFoundError, match=r"docs/index\.md links to gone\.md"):
        rewrite("[gone](../gone.md)", "docs/index.md")

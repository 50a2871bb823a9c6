"""Turn links to files, which work on the forge, into links to pages, which work on the site."""

import posixpath
import re
from collections.abc import Mapping
from typing import Final

from tools import ROOT

DOCS: Final = "docs/"

PUBLISHED: Final[Mapping[str, str]] = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "licence.txt",
    "NOTICE": "notice.txt",
    "SECURITY.md": "security.md",
    "chalicelib/http/openapi.json": "openapi.json",
    "chalicelib/data/model/MODEL_CARD.md": "model-card.md",
    "data/README.md": "facts.md",
}
"""Files from elsewhere in the repository, and their names on the site."""

SOURCES: Final = {page: source for source, page in PUBLISHED.items()}

LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>[^):#]+)(?P<anchor>#[^)]*)?\)")
"""A Markdown link to a file: without a scheme, and not to an anchor alone."""


def source_of(page: str) -> str:
    """Return the path in the repository of a page's text."""
    return SOURCES.get(page, DOCS + page)


def page_of(source: str) -> str | None:
    """Return the page that shows a file of the repository, if there is one."""
    return source.removeprefix(DOCS) if source.startswith(DOCS) else PUBLISHED.get(source)


def rewrite(text: str, source: str) -> str:
    """Return the text of ``source`` with its links to files as links to pages.

    A link to a file that is not a page becomes plain text. Raises ``FileNotFoundError`` if a file
    does not exist.
    """

    def replace(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
        if not (ROOT / target).exists():
            raise FileNotFoundError(f"{source} links to {target}, which does not exist")
        page = page_of(target)
        return f"[{link['text']}]({page}{link['anchor'] or ''})" if page else link["text"]

    return LINK.sub(replace, text)

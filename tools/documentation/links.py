"""Links that work on the forge, where files are, made to work on the site, where pages are."""

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
"""Files from elsewhere in the repository that are on the site, and under which name."""

SOURCES: Final = {page: source for source, page in PUBLISHED.items()}

LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<path>[^):#]+)(?P<anchor>#[^)]*)?\)")
"""A Markdown link to a file; one with a scheme, or to an anchor alone, is none."""


def source_of(page: str) -> str:
    """Where in the repository the text of a page is."""
    return SOURCES.get(page, DOCS + page)


def page_of(source: str) -> str | None:
    """The page that shows a file of the repository, if there is one."""
    return source.removeprefix(DOCS) if source.startswith(DOCS) else PUBLISHED.get(source)


def rewrite(text: str, source: str) -> str:
    """The text of ``source`` with its links to files as links to pages.

    A file that is no page keeps its name and loses its link. Raises ``FileNotFoundError``
    where there is no such file.
    """

    def replace(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["path"]))
        if not (ROOT / target).exists():
            raise FileNotFoundError(f"{source} links to {target}, which does not exist")
        page = page_of(target)
        return f"[{link['text']}]({page}{link['anchor'] or ''})" if page else link["text"]

    return LINK.sub(replace, text)

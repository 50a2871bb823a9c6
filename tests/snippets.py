"""The code in the documents, taken out as a reader would copy it."""

import re
from dataclasses import dataclass

from tools import ROOT

FENCE = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block; ``printed`` is the block of text after it, which is what it prints."""

    name: str
    language: str
    title: str | None
    code: str
    printed: str


def snippets(document: str) -> list[Snippet]:
    """All blocks of a document that name a language, but for those of plain text."""
    found = list(FENCE.finditer((ROOT / document).read_text(encoding="utf-8")))
    following = [*found[1:], None]
    return [
        Snippet(
            name=f"{document}-{number}",
            language=one["language"],
            title=one["title"],
            code=one["code"],
            printed=after["code"] if after and after["language"] == "text" else "",
        )
        for number, (one, after) in enumerate(zip(found, following, strict=True))
        if one["language"] != "text"
    ]


def curl_lines(document: str) -> list[str]:
    """The curl lines that want only the address of a running service."""
    lines = (
        line for one in snippets(document) if one.language == "sh" for line in one.code.splitlines()
    )
    return [line for line in lines if line.startswith("curl ") and "$BASE/" in line]

"""Extract the code in the documents, as a reader would copy it."""

import re
from dataclasses import dataclass

from tools import ROOT

FENCE = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<code>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Snippet:
    """A fenced block; ``printed`` is the block of text after it, the expected output."""

    name: str
    language: str
    title: str | None
    code: str
    printed: str


def snippets(document: str) -> list[Snippet]:
    """Return all blocks of a document that name a language other than plain text."""
    blocks = list(FENCE.finditer((ROOT / document).read_text(encoding="utf-8")))
    following = [*blocks[1:], None]
    return [
        Snippet(
            name=f"{document}-{number}",
            language=block["language"],
            title=block["title"],
            code=block["code"],
            printed=after["code"] if after and after["language"] == "text" else "",
        )
        for number, (block, after) in enumerate(zip(blocks, following, strict=True))
        if block["language"] != "text"
    ]


def curl_lines(document: str) -> list[str]:
    """Return the curl lines that need only the address of a running service."""
    lines = (
        line
        for snippet in snippets(document)
        if snippet.language == "sh"
        for line in snippet.code.splitlines()
    )
    return [line for line in lines if line.startswith("curl ") and "$BASE/" in line]

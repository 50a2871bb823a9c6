"""Hooks of MkDocs (https://www.mkdocs.org/user-guide/configuration/#hooks).

They add the pages that are not in ``docs/``: the reference, made from the contract, and files from
elsewhere in the repository. They run in an environment of their own (requirements-docs.txt).
"""

import json
from typing import Any

from mkdocs.structure.files import File

from tools import ROOT
from tools.documentation.links import PUBLISHED, rewrite, source_of
from tools.documentation.reference import render

CONTRACT = ROOT / "chalicelib" / "http" / "openapi.json"


def on_files(files: Any, config: Any) -> None:
    """Add the pages that are not in ``docs/``."""
    reference = render(json.loads(CONTRACT.read_bytes()))
    files.append(File.generated(config, "api.md", content=reference))
    for source, page in PUBLISHED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files into links to pages."""
    return rewrite(markdown, source_of(page.file.src_uri))

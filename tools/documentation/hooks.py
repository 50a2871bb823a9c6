"""What MkDocs does for us besides (https://www.mkdocs.org/user-guide/configuration/#hooks).

It adds the pages that are not in ``docs/``: the reference, which is made of the contract, and
files that belong elsewhere in the repository. It runs in an environment of its own
(requirements-docs.txt).
"""

import json
from typing import Any

from mkdocs.structure.files import File

from tools import ROOT
from tools.documentation.links import PUBLISHED, rewrite, source_of
from tools.documentation.reference import render

CONTRACT = ROOT / "chalicelib" / "http" / "openapi.json"


def on_files(files: Any, config: Any) -> None:
    """Add the pages from elsewhere."""
    reference = render(json.loads(CONTRACT.read_bytes()))
    files.append(File.generated(config, "api.md", content=reference))
    for source, page in PUBLISHED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Make the links to files links to pages."""
    return rewrite(markdown, source_of(page.file.src_uri))

"""Write the contract. Refuses what would break those who rely on the one that is there."""

import argparse
import json
import sys
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.http.static_routes import CONTRACT
from tools.contract import changes, document, examples


def build(answers: document.Examples, faults: dict[str, Any]) -> document.Json:
    """The document of the routes that the app has."""
    views = {
        (method, path): entry.view_function
        for path, methods in app.routes.items()
        for method, entry in methods.items()
    }
    return document.build(views, answers, faults)


def main() -> int:
    """Ask the service for examples, build, validate, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--unpublished",
        action="store_true",
        help="nobody relies yet on what would break (0.x, or not released)",
    )
    is_unpublished = parser.parse_args().unpublished
    found = build(*examples.collect())
    OpenAPIV31SpecValidator(found).validate()
    if CONTRACT.exists():
        lost = changes.breaking_changes(json.loads(CONTRACT.read_bytes()), found)
        if lost and not is_unpublished:
            print("This breaks clients. Put it under another version of the path:", *lost, sep="\n")
            return 1
    CONTRACT.write_text(written(found), encoding="utf-8")
    print(f"{CONTRACT}: {CONTRACT.stat().st_size:,} bytes, {len(found['paths'])} paths")
    return 0


def written(found: document.Json) -> str:
    """The document as text."""
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())

"""Write the contract, unless it would break clients of the existing one."""

import argparse
import json
import sys
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from app import app
from chalicelib.http.static_routes import CONTRACT
from tools.contract import changes, document, examples


def build(responses: document.Examples, faults: dict[str, Any]) -> document.Json:
    """Build the document for the app's routes."""
    views = {
        (method, path): entry.view_function
        for path, methods in app.routes.items()
        for method, entry in methods.items()
    }
    return document.build(views, responses, faults)


def main() -> int:
    """Collect examples, build, validate, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--unpublished",
        action="store_true",
        help="write it even if it breaks clients (the API is not released yet)",
    )
    is_unpublished = parser.parse_args().unpublished
    contract = build(*examples.collect())
    OpenAPIV31SpecValidator(contract).validate()
    if CONTRACT.exists():
        breaking = changes.breaking_changes(json.loads(CONTRACT.read_bytes()), contract)
        if breaking and not is_unpublished:
            print("This breaks clients. Use another version in the path:", *breaking, sep="\n")
            return 1
    CONTRACT.write_text(to_json(contract), encoding="utf-8")
    print(f"{CONTRACT}: {CONTRACT.stat().st_size:,} bytes, {len(contract['paths'])} paths")
    return 0


def to_json(contract: document.Json) -> str:
    """Return the document as text."""
    return json.dumps(contract, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    sys.exit(main())

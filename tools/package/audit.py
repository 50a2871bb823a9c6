"""Known vulnerabilities of what ships (part of ``make check``): pip-audit asks PyPI for them.

Where PyPI's advisories cannot be reached nothing is known, and it says so rather than fail:
a check must not depend on somebody else's server. ``--strict`` fails then, too.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

from tools import ROOT

COMMAND: Final = (
    sys.executable, "-m", "pip_audit", "--requirement", str(ROOT / "requirements.txt"),
    "--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off",
)  # fmt: skip


def vulnerabilities(dependencies: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each known vulnerability of pip-audit's report: where, which, mended when."""
    return [
        f"{one['name']} {one['version']}: {found['id']}, "
        f"mended in {', '.join(found['fix_versions']) or 'no release yet'}"
        for one in dependencies
        for found in one.get("vulns", [])
    ]


def unaudited(dependencies: Iterable[dict[str, Any]]) -> list[str]:
    """The dependencies of which nothing could be learnt."""
    return [one["name"] for one in dependencies if "skip_reason" in one]


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = COMMAND) -> int:
    """Ask, print, and fail for a known vulnerability."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="fail where nothing can be learnt")
    is_strict = parser.parse_args(arguments).strict
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"Vulnerabilities: not audited. {done.stderr.strip()[-300:]}", file=sys.stderr)
        return int(is_strict)
    if unknown := unaudited(dependencies):
        print(
            f"Vulnerabilities: {len(unknown)} of {len(dependencies)} dependencies not audited, "
            "PyPI has no word on them here.",
            file=sys.stderr,
        )
    found = vulnerabilities(dependencies)
    print("\n".join(found) or "Vulnerabilities: none known of those audited.")
    return int(bool(found) or (is_strict and bool(unknown)))


if __name__ == "__main__":
    sys.exit(main())

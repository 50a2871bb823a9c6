"""Ask PyPI for known vulnerabilities of what ships: part of ``make check``, by pip-audit.

If PyPI's advisories cannot be reached, nothing is known. Then a warning ends the output, but
nothing fails: a check must not depend on somebody else's server. ``--strict`` fails then, too.
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

WARNING: Final = """\
!!! WARNING !!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
!!! VULNERABILITIES ARE UNCHECKED: {reason}
!!! All other checks count. Run `make check` again where https://pypi.org can be reached.
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"""

REASON_LENGTH: Final = 300
"""Characters of pip-audit's last words."""


def vulnerabilities(dependencies: Iterable[dict[str, Any]]) -> list[str]:
    """Return a line for each known vulnerability of pip-audit's report."""
    return [
        f"{dependency['name']} {dependency['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no release yet'}"
        for dependency in dependencies
        for vulnerability in dependency.get("vulns", [])
    ]


def unaudited(dependencies: Iterable[dict[str, Any]]) -> list[str]:
    """Return the dependencies that pip-audit learnt nothing about."""
    return [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]


def warn(reason: str) -> None:
    """Print a warning that a reader of ``make check`` cannot overlook."""
    print(WARNING.format(reason=" ".join(reason.split())), file=sys.stderr)


def main(arguments: Sequence[str] | None = None, command: Sequence[str] = COMMAND) -> int:
    """Audit, print, and fail for a known vulnerability."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--strict", action="store_true", help="fail if nothing can be learnt")
    is_strict = parser.parse_args(arguments).strict
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        warn(done.stderr.strip()[-REASON_LENGTH:])
        return int(is_strict)
    lines = vulnerabilities(dependencies)
    unknown = unaudited(dependencies)
    if len(unknown) < len(dependencies):
        print("\n".join(lines) or "Vulnerabilities: none known of those audited.", flush=True)
    if unknown:
        warn(f"{len(unknown)} of {len(dependencies)} dependencies are not known to PyPI here.")
    return int(bool(lines) or (is_strict and bool(unknown)))


if __name__ == "__main__":
    sys.exit(main())

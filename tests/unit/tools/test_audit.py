"""A known vulnerability of what ships ends ``make check``; not to know is said, not hidden."""

import json
import sys

import pytest

from tools.package import audit

CLEAN = {"name": "h3", "version": "4.5.0", "vulns": []}
KNOWN = {
    "name": "pillow",
    "version": "13.0.0",
    "vulns": [{"id": "PYSEC-2027-1", "fix_versions": ["13.0.1"], "aliases": []}],
}
STRICT = ["--strict"]
UNKNOWN = {"name": "redis", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("dependencies", "arguments", "code", "said"),
    [
        ([CLEAN], STRICT, 0, "none known"),
        ([CLEAN, KNOWN], [], 1, "pillow 13.0.0: PYSEC-2027-1, fixed in 13.0.1"),
        ([CLEAN, UNKNOWN], [], 0, "UNCHECKED: 1 of 2 dependencies"),
        ([CLEAN, UNKNOWN], STRICT, 1, "UNCHECKED: 1 of 2 dependencies"),
    ],
)
def test_what_is_known_decides(capsys, dependencies, arguments, code, said):
    """Each dependency is vulnerable, clean, or unknown."""
    report = json.dumps({"dependencies": dependencies, "fixes": []})
    assert audit.main(arguments, [sys.executable, "-c", f"print({report!r})"]) == code
    assert said in "".join(capsys.readouterr())


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (STRICT, 1)])
def test_an_audit_that_cannot_be_made_says_so(capsys, arguments, code):
    """Without a network nothing is known."""
    assert audit.main(arguments, [sys.executable, "-c", "raise SystemExit('no network')"]) == code
    assert "VULNERABILITIES ARE UNCHECKED: no network" in capsys.readouterr().err

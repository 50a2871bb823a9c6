"""Test that a known vulnerability fails ``make check``, and that an incomplete audit warns."""

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
    ("dependencies", "arguments", "code", "output"),
    [
        ([CLEAN], STRICT, 0, "none known"),
        ([CLEAN, KNOWN], [], 1, "pillow 13.0.0: PYSEC-2027-1, fixed in 13.0.1"),
        ([CLEAN, UNKNOWN], [], 0, "UNCHECKED: 1 of 2 dependencies"),
        ([CLEAN, UNKNOWN], STRICT, 1, "UNCHECKED: 1 of 2 dependencies"),
    ],
)
def test_a_known_vulnerability_fails_the_audit(capsys, dependencies, arguments, code, output):
    """A clean dependency passes. An unknown one fails with ``--strict`` only."""
    report = json.dumps({"dependencies": dependencies, "fixes": []})
    assert audit.main(arguments, [sys.executable, "-c", f"print({report!r})"]) == code
    assert output in "".join(capsys.readouterr())


@pytest.mark.parametrize(("arguments", "code"), [([], 0), (STRICT, 1)])
def test_an_audit_without_a_network_warns(capsys, arguments, code):
    """The warning has the reason, and ``--strict`` fails."""
    assert audit.main(arguments, [sys.executable, "-c", "raise SystemExit('no network')"]) == code
    assert "VULNERABILITIES ARE UNCHECKED: no network" in capsys.readouterr().err

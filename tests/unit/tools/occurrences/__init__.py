"""Tests of ``tools/occurrences``: pure functions, with no server and no network."""

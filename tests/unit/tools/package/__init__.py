"""Tests of ``tools/package``: pure functions, with no server and no network."""

"""Tests of ``tools/evaluate``: pure functions, with no server and no network."""

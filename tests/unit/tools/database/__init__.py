"""Tests of ``tools/database``: pure functions, with no server and no network."""

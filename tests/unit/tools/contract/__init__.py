"""Tests of ``tools/contract``: pure functions, with no server and no network."""

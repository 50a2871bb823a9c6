"""Tests of ``tools.costs``."""

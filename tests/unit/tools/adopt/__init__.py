"""Tests of ``tools.adopt``."""

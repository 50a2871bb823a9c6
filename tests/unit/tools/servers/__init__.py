"""Tests of ``tools.servers``, without network and servers."""

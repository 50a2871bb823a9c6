"""Adoption reads models by ``ai_edge_litert``, which Python 3.11 does not have."""

import sys

collect_ignore_glob = ["test_*.py"] if sys.version_info < (3, 12) else []

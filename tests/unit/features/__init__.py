"""Tests of step 3: cells, smoothing, both caches and the lookup of places, without a server.

They run with every ``make test`` and need only the fakes of ``tests/fakes.py``.
"""

"""Tests of lazy imports, the circuit breaker and values with a time to live.

They run with every ``make test``, with fake clocks and no server.
"""

"""Tests of parsing requests, caching headers and the shapes of maps, without a running service.

They run with every ``make test`` and need no server.
"""

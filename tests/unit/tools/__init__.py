"""Tests of the programs in ``tools``: packaging, deployment, the contract and the database.

They run with every ``make test`` and need no server.
"""

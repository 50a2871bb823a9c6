"""Tests with real counterparts: MariaDB, Redis, a fake AWS account, ``chalice local``, curl.

Each server starts when the first test needs it; ``make test`` runs them on every Python.
"""

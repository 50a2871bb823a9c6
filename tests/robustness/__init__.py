"""Tests of the whole service while real MariaDB and Redis servers fail or a crowd arrives.

They start their own servers behind a proxy that fails on demand, and run with every ``make test``.
"""

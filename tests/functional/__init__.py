"""Tests of the whole service, and of whole tools, in this process.

Requests are API Gateway events, passed to the deployed entry point; ``make test`` runs all of them.
"""

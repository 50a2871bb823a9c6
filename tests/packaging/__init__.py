"""Tests of the real Lambda package, run by Lambda's own runtime client.

The package takes half a minute to build, so ``make test`` runs them on the newest Python only.
"""

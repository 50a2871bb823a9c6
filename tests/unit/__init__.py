"""Tests of single modules, with a fake behind each port: no server, no network.

They take seconds, so run them after every change; ``make test`` runs them on every Python.
"""

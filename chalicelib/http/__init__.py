"""HTTP in and out: requests, responses, problems, logs and metrics.

Only ``app.py`` and the tools import this package; it may use everything below it.
"""

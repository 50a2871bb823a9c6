"""Programs that load datasets into the database, and that run tasks next to it in its network.

The import of occurrences and the benches may import this package; the service does not.
"""

"""Hostile uploads: attacks made by hand, mutants of honest photos, and a runner: ``make fuzz``.

The runner sends them through the service and checks its bounds; docs/hostile-input.md has the
results. The tests may import this package and send a share of the uploads; nothing else does.
"""
